package gateway

import "slices"

// mostBatch is how many bytes one batch has at most, unless a single frame is longer.
const mostBatch = 256 << 10

// assembly is what subscribers are sent that stand at the same place: the same bytes for all of them that have the same topics
// and the same base, but for the frames with a recipient.
type assembly struct {
	feed   *feed
	pos    uint64
	topics *topicSet
	from   *Snapshot

	bytes    []byte
	direct   bool
	end      uint64
	events   int
	inserted []int64
	hashes   []uint32 // of recipients whose frames are left out
}

// hasNext is whether a round has to look closer. The feed's lock is held.
func (s *Subscriber) hasNext() bool {
	return !s.over && (s.closing != 0 || s.announce || s.pos != s.feed.ring.end) && (!s.blocked || s.closing != 0 || s.pos < s.feed.ring.start)
}

// take assembles what a subscriber is to be sent now, and moves its position. The batch is empty where that is nothing.
func (f *feed) take(s *Subscriber, r *Round) Batch {
	if s.pos < f.ring.start && s.closing == 0 {
		s.closing = closeIndex(CloseSlow) // it fell out of the ring
	}
	b := Batch{Subscriber: s, from: s.pos}
	if s.closing == 0 || !s.replaying && !s.blocked && s.pos >= f.ring.start {
		a := f.assembly(s, r)
		b.Bytes, b.Events, b.Inserted, b.direct = a.bytes, a.events, a.inserted, a.direct
		s.pos, s.partial = a.end, false
		s.announce = false
		if s.from != nil && s.pos == f.ring.end && f.hub.position().Snapshot.Covers(*s.from) {
			s.from = nil
		}
	}
	if s.closing != 0 && (s.pos == f.ring.end || s.pos < f.ring.start || s.replaying || s.blocked) {
		s.over = true
		b.Close, b.Bye = closeReasons[s.closing-1], !s.partial && !s.blocked
		f.hub.counters.bye(b.Close)
	}
	if len(b.Bytes) == 0 && b.Close == "" {
		return Batch{}
	}
	return b
}

// assembly gives the shared bytes, or, where some are for this subscriber alone, its own.
func (f *feed) assembly(s *Subscriber, r *Round) *assembly {
	a := &r.shared
	if a.feed != f || a.pos != s.pos || a.topics != s.topics || a.from != s.from || s.announce {
		*a = assembly{feed: f, pos: s.pos, topics: s.topics, from: s.from, hashes: a.hashes[:0]}
		f.assemble(a, s, r, false)
		if s.announce { // its last frame is its own
			a.feed = nil
		}
	}
	if slices.Contains(a.hashes, s.hash) || s.Identity.Operator && len(a.hashes) > 0 {
		r.own = assembly{pos: s.pos, topics: s.topics, from: s.from}
		f.assemble(&r.own, s, r, true)
		return &r.own
	}
	return a
}

// assemble appends the frames from a position on. Those with a recipient are left out, or, with own, are there for the
// subscriber that may see them.
func (f *feed) assemble(a *assembly, s *Subscriber, r *Round, own bool) {
	first := f.ring.find(a.pos)
	a.end = a.pos
	begin, arrived := len(r.arena), len(r.inserted)
	direct := a.from == nil && !s.announce // so far: all frames in turn, as they lie in the ring
	size, last := 0, -1
	for i := first; i < len(f.ring.entries) && size < f.hub.batch; i++ {
		e := &f.ring.entries[i]
		a.end = e.end()
		if !e.wanted(s.topics) || a.from != nil && e.row && a.from.Sees(e.stamp) {
			direct = false
			continue
		}
		if e.recipient != nil {
			if !own {
				a.hashes, direct = append(a.hashes, e.hash), false
				continue
			}
			if *e.recipient != s.Identity.User && !s.Identity.Operator {
				direct = false
				continue
			}
		}
		size += int(e.size)
		last = i
		if e.row {
			a.events++
		}
		if e.inserted != 0 {
			r.inserted = append(r.inserted, e.inserted)
		}
	}
	a.inserted = r.inserted[arrived:len(r.inserted):len(r.inserted)]
	if direct && a.end > a.pos {
		if a.bytes, a.direct = f.ring.slice(a.pos, a.end); a.direct {
			return
		}
		r.arena = f.ring.appendTo(r.arena, a.pos, a.end)
		a.bytes = r.arena[begin:len(r.arena):len(r.arena)]
		return
	}
	for i := first; i <= last; i++ {
		e := &f.ring.entries[i]
		if !e.wanted(s.topics) || a.from != nil && e.row && a.from.Sees(e.stamp) ||
			e.recipient != nil && (!own || *e.recipient != s.Identity.User && !s.Identity.Operator) {
			continue
		}
		switch from := max(e.at, a.pos); { // the first may have been written in part
		case a.from == nil || !e.row:
			r.arena = f.ring.appendTo(r.arena, from, e.end())
		default: // an id claims what the base sees: until the hub's own covers that, only the last one can be told
			r.arena = f.ring.appendTo(r.arena, from, e.at+uint64(e.body))
			if i == last && a.end == f.ring.end {
				r.arena = appendID(r.arena, f.positionText(a.from))
			}
			r.arena = append(r.arena, '\n')
		}
	}
	if s.announce && a.end == f.ring.end && (last < 0 || !f.ring.entries[last].row || a.from == nil) {
		r.arena = AppendFrame(r.arena, Message{Cursor: f.positionText(a.from)})
	}
	a.bytes = r.arena[begin:len(r.arena):len(r.arena)]
}

func (e *entry) wanted(topics *topicSet) bool { return !e.row || topics.has(e.topic) }

// Rewind takes back what couldn't be written of a batch: n bytes were. It gives the bytes that the writer has to keep and to
// write before anything else; most often there are none, as the ring still has them.
func (b *Batch) Rewind(n int) (keep []byte) {
	s := b.Subscriber
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	s.blocked = true
	if !b.direct || b.from < f.ring.start { // the ring forgot it while it was being written
		return b.Bytes[n:]
	}
	s.pos = b.from + uint64(n) //nolint:gosec // never negative
	i := f.ring.find(s.pos)
	s.partial = i < len(f.ring.entries) && f.ring.entries[i].at != s.pos
	return nil
}

// Unblock says that a subscriber's socket takes bytes again, and that what the writer had kept is written.
func (s *Subscriber) Unblock() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.blocked = false
	if s.lane != nil && s.hasNext() {
		s.lane.visit(s)
	}
}

// Block says that the subscriber's socket is full, though no batch met it.
func (s *Subscriber) Block() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.blocked = true
}
