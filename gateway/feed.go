package gateway

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxAheadInCursor is how many sequence numbers a cursor carries at most. Past it a frame has no id; reconciliation
// empties the set a moment later.
const maxAheadInCursor = 64

// feed is a tenant's live state in one gateway.
type feed struct {
	hub     *Hub
	tenant  string
	awaited atomic.Uint64 // the number of the reading that brings what hints said no more of than that it is there

	mu      sync.Mutex
	ring    ring
	ahead   []sent  // dispatched, and not yet visible to the hub's cursor; by sequence number
	waiting Lane    // subscribers whose replay is under way
	lanes   []*Lane // one for each writer that serves some
	touched bool    // it is in hub.touched
}

type sent struct {
	seq   int64
	stamp Stamp
}

func newFeed(h *Hub, tenant string) *feed {
	f := &feed{hub: h, tenant: tenant}
	f.waiting.feed = f
	return f
}

// lane is the writer's lane, which is made if it isn't there.
func (f *feed) lane(w Writer) *Lane {
	for _, l := range f.lanes {
		if l.writer == w {
			return l
		}
	}
	l := &Lane{feed: f, writer: w, begun: f.ring.end, done: f.ring.end}
	f.lanes = append(f.lanes, l)
	return l
}

// empty reports whether nobody is left.
func (f *feed) empty() bool {
	if len(f.waiting.subscribers) > 0 {
		return false
	}
	return !slices.ContainsFunc(f.lanes, func(l *Lane) bool { return len(l.subscribers) > 0 })
}

// each calls do for every subscriber. The lock is held.
func (f *feed) each(do func(*Subscriber)) {
	for _, s := range f.waiting.subscribers {
		do(s)
	}
	for _, l := range f.lanes {
		for _, s := range l.subscribers {
			do(s)
		}
	}
}

// place is where a sequence number is, or would be, among those ahead.
func (f *feed) place(seq int64) (int, bool) {
	if n := len(f.ahead); n == 0 || f.ahead[n-1].seq < seq { // nearly always
		return n, false
	}
	return slices.BinarySearchFunc(f.ahead, seq, func(a sent, seq int64) int {
		switch {
		case a.seq < seq:
			return -1
		case a.seq > seq:
			return 1
		}
		return 0
	})
}

// dispatch puts an event, encoded once, into the ring. It is false where the event was dispatched before.
func (f *feed) dispatch(e Event) bool {
	h := f.hub
	f.mu.Lock()
	defer f.mu.Unlock()
	at := h.position()
	i, there := f.place(e.Seq)
	if there || at.Snapshot.Sees(e.Stamp) {
		return false
	}
	f.ahead = slices.Insert(f.ahead, i, sent{e.Seq, e.Stamp})
	h.touch(f)
	data, err := e.Envelope()
	if err != nil {
		h.log.Error("event can't be encoded", "tenant", e.Tenant, "error", err)
		return true
	}
	entry := entry{row: true, stamp: e.Stamp, topic: e.Topic, recipient: e.Recipient}
	if e.Recipient != nil {
		entry.hash = h.hash(*e.Recipient)
	}
	if !e.At.IsZero() {
		entry.inserted = e.At.UnixMicro()
		h.counters.dispatched.Observe(time.Since(e.At))
	}
	f.push(Message{Name: e.Name, Data: data, Cursor: f.cursorText(*at)}, entry)
	return true
}

// push encodes a message into the ring and wakes the writers. What the ring may hold is bounded: the oldest frames go.
func (f *feed) push(m Message, e entry) {
	buf := appendBody(make([]byte, 0, len(m.Name)+len(m.Data)+len(m.Cursor)+24), m)
	e.body = uint32(len(buf)) //nolint:gosec // a frame has no gigabytes
	buf = append(appendID(buf, m.Cursor), '\n')
	f.ring.push(buf, e)
	bound := f.hub.pushed(len(buf))
	if f.ring.size() > bound && len(f.ring.entries) > 1 {
		newest := f.ring.entries[len(f.ring.entries)-1].at
		f.hub.dropped(f.ring.dropBefore(min(f.ring.end-uint64(bound), newest))) //nolint:gosec // a bound is positive, and less than what is held
	}
	for _, l := range f.lanes {
		if len(l.subscribers) > 0 {
			l.wake()
		}
	}
}

// trim forgets the frames that everyone has been sent.
func (f *feed) trim() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ring.size() > 0 {
		least := f.ring.end
		f.each(func(s *Subscriber) { least = min(least, s.pos) })
		f.hub.dropped(f.ring.dropBefore(least))
	}
	if len(f.ahead) == 0 {
		f.ahead = nil
	}
}

// lateAfter is how long a subscriber that is served alone may be writing what it took before it counts as one that doesn't read.
const lateAfter = time.Second

// untried is how many bytes the ring has that some subscribers could have been sent, and were not, because their writers haven't
// come to it. Subscribers that don't read don't count: writers try and go on, and goroutines of their own wait for them.
func (f *feed) untried() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ring.size() <= f.hub.enough() {
		return 0
	}
	now := time.Now().UnixNano()
	least := f.ring.end
	for _, l := range f.lanes {
		switch {
		case l.writer == nil:
			for _, s := range l.subscribers {
				if s.took == 0 || now-s.took < int64(lateAfter) {
					least = min(least, s.pos)
				}
			}
		case len(l.subscribers) > 0:
			least = min(least, l.done)
		}
	}
	return int(f.ring.end - max(least, f.ring.start)) //nolint:gosec // no more than the ring holds
}

// cursor is that of a subscriber that has been sent all that the base can see and all that was dispatched ahead. It is false
// where it would be too long.
func (f *feed) cursor(base Position) (Cursor, bool) {
	c := base.Cursor()
	for _, a := range f.ahead {
		if !base.Snapshot.Sees(a.stamp) {
			if len(c.Ahead) == maxAheadInCursor {
				return Cursor{}, false
			}
			c.Ahead = append(c.Ahead, a.seq)
		}
	}
	return c, true
}

func (f *feed) cursorText(base Position) string {
	c, ok := f.cursor(base)
	if !ok {
		return ""
	}
	return c.String()
}

// positionText is where a subscriber stands that has been sent the whole ring after a replay that could see from; nil: the hub's
// own cursor covers that.
func (f *feed) positionText(from *Snapshot) string {
	at := f.hub.position()
	if from != nil && !at.Snapshot.Covers(*from) {
		return f.cursorText(Position{Epoch: at.Epoch, Snapshot: *from})
	}
	return f.cursorText(*at)
}

// advance forgets what the hub's cursor can see by now.
func (f *feed) advance(to Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead = slices.DeleteFunc(f.ahead, func(a sent) bool { return to.Sees(a.stamp) })
	if f.touched = false; len(f.ahead) > 0 {
		f.hub.touch(f)
	}
}

// reset tells everyone that what they have may not be what there is. What a replay held back is of the other history too.
func (f *feed) reset(now Position, reason ResetReason) (subscribers int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ahead = nil
	f.each(func(s *Subscriber) {
		subscribers++
		s.from = nil
		if s.replaying {
			s.overtaken, s.pos = true, f.ring.end
		}
	})
	f.push(Message{Name: MessageReset, Data: reasonData(reason), Cursor: now.Cursor().String()}, entry{})
	return subscribers
}
