package gateway

// Writer writes what the subscribers of its lanes are to be sent.
type Writer interface {
	// Wake says that there is something to take in a lane. It is called under the feed's lock, so it must neither block nor call
	// back. It isn't called again before Take has said that there is no more.
	Wake(*Lane)
}

// Lane is those subscribers of one feed that one writer serves, or those that are served one by one. The feed's lock guards it.
type Lane struct {
	feed        *feed
	writer      Writer // nil: each subscriber is told by its own channel
	subscribers []*Subscriber

	woken  bool
	round  bool          // a round is wanted: all are to be visited
	next   int           // in a round: those before that place are yet to be visited
	urgent []*Subscriber // to be visited for reasons of their own
	begun  uint64        // the ring's end when the round began
	done   uint64        // and when the last whole round began: what came before was tried
}

func (l *Lane) add(s *Subscriber) {
	s.lane, s.place = l, int32(len(l.subscribers)) //nolint:gosec // connections of one process
	l.subscribers = append(l.subscribers, s)
}

// remove puts the last subscriber in the place of the one that goes. A round goes through the places downwards, so that it
// has visited that one already.
func (l *Lane) remove(s *Subscriber) {
	last := len(l.subscribers) - 1
	moved := l.subscribers[last]
	l.subscribers[s.place] = moved
	moved.place = s.place
	l.subscribers[last] = nil
	l.subscribers = l.subscribers[:last]
	if cap(l.subscribers) > 64 && cap(l.subscribers) > 4*last {
		l.subscribers = append(make([]*Subscriber, 0, 2*last), l.subscribers...)
	}
	s.lane = nil
}

// wake has all subscribers visited.
func (l *Lane) wake() {
	if l.writer == nil {
		for _, s := range l.subscribers {
			s.signal()
		}
		return
	}
	l.round = true
	l.call()
}

// visit has one subscriber visited.
func (l *Lane) visit(s *Subscriber) {
	if l.writer == nil {
		s.signal()
		return
	}
	l.urgent = append(l.urgent, s)
	l.call()
}

func (l *Lane) call() {
	if !l.woken {
		l.woken = true
		l.writer.Wake(l)
	}
}

// Batch is what one subscriber is to be written next.
type Batch struct {
	Subscriber *Subscriber
	Bytes      []byte
	Events     int         // rows among them
	Inserted   []int64     // when those of them were inserted of which that is known, in microseconds since 1970
	Close      CloseReason // the stream ends behind Bytes; "": it goes on
	// Bye is whether a last frame may follow: it may not where a frame has been written in part.
	Bye bool

	from   uint64
	direct bool // Bytes are the ring's own, from the offset from on
}

// Round is a writer's working memory: what Take gives is good until the next call.
type Round struct {
	batches  []Batch
	n        int
	turn     uint32
	arena    []byte
	inserted []int64
	shared   assembly
	own      assembly
	ping     pingFrame
}

// roundSize is how many subscribers are looked at under one hold of the feed's lock.
const roundSize = 64

// Take gives what the next few subscribers are to be written, and whether there is more to take. Only the lane's writer calls it,
// once woken, until there is no more.
func (l *Lane) Take(r *Round) (batches []Batch, more bool) {
	f := l.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	r.begin()
	if r.batches == nil {
		r.batches = make([]Batch, roundSize)
	}
	urgent := l.urgent
	if len(urgent) > roundSize {
		urgent = urgent[:roundSize]
	}
	l.urgent = l.urgent[len(urgent):]
	if len(l.urgent) == 0 {
		l.urgent = nil
	}
	for _, s := range urgent {
		if s.lane == l {
			l.take(s, r)
		}
	}
	if l.round && l.next <= 0 {
		l.round, l.next, l.begun = false, len(l.subscribers), f.ring.end
	}
	for l.next = min(l.next, len(l.subscribers)); l.next > 0 && r.n < roundSize; {
		l.next--
		l.take(l.subscribers[l.next], r)
	}
	if l.next == 0 {
		l.done = l.begun
		f.hub.progressed()
	}
	l.woken = l.next > 0 || l.round || len(l.urgent) > 0
	return r.batches[:r.n], l.woken
}

func (l *Lane) take(s *Subscriber, r *Round) {
	if !s.hasNext() {
		return
	}
	if s.turn == r.turn { // it has a batch already, which may not fit into its socket
		l.urgent = append(l.urgent, s)
		return
	}
	s.turn = r.turn
	if r.batches[r.n] = l.feed.take(s, r); r.batches[r.n].Subscriber != nil {
		r.n++
	}
	if s.hasNext() { // more than one batch has
		l.urgent = append(l.urgent, s)
	}
}

func (r *Round) begin() {
	if cap(r.arena) > 4*mostBatch { // a burst is over
		r.arena = nil
	}
	r.arena, r.inserted, r.n = r.arena[:0], r.inserted[:0], 0
	r.shared.feed = nil
	r.turn++
}
