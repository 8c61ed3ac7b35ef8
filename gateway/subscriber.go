package gateway

import "time"

// Subscriber is one stream's place in a feed: a position in the feed's ring and a little state. Nothing in the hub waits for it.
//
// Whoever joined it sends its Hello, calls Replay, and then has it served: by a Writer that serves many (Serve), or alone
// (Alone and Take). In the end it calls Leave.
type Subscriber struct {
	Identity *Identity // shared by the streams of a session
	// Tag is for the writer.
	Tag int32

	place   int32 // in lane.subscribers
	hash    uint32
	turn    uint32 // of the writer's Round that it has a batch of; the feed's lock guards it
	feed    *feed
	topics  *topicSet
	release func()
	expiry  *time.Timer
	start   *start // nil once its replay is over
	ready   chan struct{}

	// Neighbours among the subscribers of one session. The hub's lock guards them.
	previousOfSession, nextOfSession *Subscriber

	// The feed's lock guards the rest.
	lane      *Lane
	pos       uint64    // the next byte of the ring that it hasn't been sent
	from      *Snapshot // what its replay could see; nil once the hub's own cursor covers that
	took      int64     // when it took, alone, what it may still be writing, in nanoseconds since 1970; 0: it asks for more
	closing   uint8     // 1 + the index of the reason in closeReasons; 0: it goes on
	replaying bool
	overtaken bool // the epoch changed while it was replaying
	announce  bool // its position is to be told
	partial   bool // a frame has been written in part
	blocked   bool // its socket is full
	over      bool // its end has been taken
}

// start is where a subscriber begins.
type start struct {
	cursor Cursor
	at     *Position   // of the log when it joined
	reset  ResetReason // why cursor isn't the one that was asked for; empty when it is
	cancel func()      // ends its replay; nil: none is under way. The feed's lock guards it
}

// Start is where the subscriber stands before its first message. It is known until the replay is over.
func (s *Subscriber) Start() Cursor { return s.start.cursor }

// Reset is why Start isn't the cursor that was asked for; empty when it is.
func (s *Subscriber) Reset() ResetReason { return s.start.reset }

// Hello is a subscriber's first message.
func (s *Subscriber) Hello(data []byte) Message {
	return Message{Name: MessageHello, Data: data, Cursor: s.start.cursor.String()}
}

// Serve hands the subscriber, whose Replay has ended, to a writer.
func (s *Subscriber) Serve(w Writer) { s.serve(w) }

// Alone has the subscriber, whose Replay has ended, served by its caller: the channel holds a token when there may be something
// to Take.
func (s *Subscriber) Alone() <-chan struct{} {
	s.ready = make(chan struct{}, 1)
	s.serve(nil)
	return s.ready
}

func (s *Subscriber) serve(w Writer) {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.lane == nil { // it has left
		return
	}
	s.lane.remove(s)
	l := f.lane(w)
	if len(l.subscribers) == 0 { // what came meanwhile was nobody's here
		l.begun, l.done = f.ring.end, f.ring.end
	}
	l.add(s)
	if s.hasNext() {
		l.visit(s)
	}
}

func (s *Subscriber) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Take gives what a subscriber that is served alone is to be written next. It doesn't wait. Take again after writing, until the batch
// is empty: then wait for the channel.
func (s *Subscriber) Take(r *Round) Batch {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	r.begin()
	s.took = 0
	for s.hasNext() {
		if b := f.take(s, r); b.Subscriber != nil {
			s.took = time.Now().UnixNano()
			return b
		}
	}
	return Batch{}
}

// Close ends the subscriber: what the ring has for it is still taken, then its end. A replay ends where it is. The first reason stands.
func (s *Subscriber) Close(reason CloseReason) {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if s.closing != 0 || s.over {
		return
	}
	s.closing = closeIndex(reason)
	if s.start != nil && s.start.cancel != nil {
		s.start.cancel()
	}
	if s.lane != nil && s.lane != &s.feed.waiting {
		s.lane.visit(s)
	}
}

// Leave takes the subscriber out of its feed. Once it has, it does nothing more.
func (s *Subscriber) Leave() { s.feed.hub.leave(s) }

// pingFrame is a ping that many subscribers get.
type pingFrame struct {
	feed  *feed
	at    *Position
	end   uint64
	now   int64
	bytes []byte
}

// Ping gives a sign of life with the subscriber's cursor, encoded once for all that stand where it does; nil where something else is
// on its way. The bytes are not changed later.
func (s *Subscriber) Ping(now time.Time, r *Round) []byte {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.pos != f.ring.end || s.replaying || s.over || s.closing != 0 || s.blocked || s.announce {
		return nil
	}
	at := f.hub.position()
	if s.from != nil && at.Snapshot.Covers(*s.from) {
		s.from = nil
	}
	m := Message{Name: MessagePing, Data: timestampData(now)}
	if s.from != nil {
		m.Cursor = f.positionText(s.from)
		return AppendFrame(nil, m)
	}
	if p := &r.ping; p.feed != f || p.at != at || p.end != f.ring.end || p.now != now.UnixNano() {
		m.Cursor = f.positionText(nil)
		*p = pingFrame{f, at, f.ring.end, now.UnixNano(), AppendFrame(nil, m)}
	}
	return r.ping.bytes
}

func (s *Subscriber) released() {
	if s.expiry != nil {
		s.expiry.Stop()
	}
	if s.release != nil {
		s.release()
	}
}
