package gateway

import (
	"maps"
	"slices"
)

// maxAheadInCursor is how many sequence numbers a cursor carries at most. Past it a frame has no id; reconciliation
// empties the set a moment later.
const maxAheadInCursor = 64

// feed is a tenant's live state in one gateway. The hub's lock guards it.
type feed struct {
	tenant      string
	subscribers map[*Subscriber]struct{}
	ahead       map[int64]Stamp // dispatched, and not yet visible to the hub's cursor
}

// position is the cursor of a subscriber that has been sent all that the base can see and all that was dispatched ahead.
// It is false where that would be too long to say.
func (f *feed) position(base Position) (Cursor, bool) {
	c := base.Cursor()
	for seq, stamp := range f.ahead {
		if !base.Snapshot.Sees(stamp) {
			if len(c.Ahead) == maxAheadInCursor {
				return Cursor{}, false
			}
			c.Ahead = append(c.Ahead, seq)
		}
	}
	slices.Sort(c.Ahead)
	return c, true
}

// dispatch queues an event for every subscriber that may see it. The envelope and the usual cursor are encoded once. It is
// false where the event was dispatched before.
func (f *feed) dispatch(h *Hub, e Event) bool {
	if _, sent := f.ahead[e.Seq]; sent || h.at.Snapshot.Sees(e.Stamp) {
		return false
	}
	f.ahead[e.Seq] = e.Stamp
	data, err := e.Envelope()
	if err != nil {
		h.log.Error("event can't be encoded", "tenant", e.Tenant, "error", err)
		return true
	}
	m := Message{Name: e.Name, Data: data, Cursor: f.cursorText(h.at), At: e.At}
	for s := range f.subscribers {
		switch {
		case !s.wants(e):
		case s.replaying:
			s.hold(e, m)
		case s.from == nil:
			s.push(m)
		case h.at.Snapshot.Covers(*s.from):
			s.from = nil
			s.push(m)
		case !s.from.Sees(e.Stamp):
			own := m
			own.Cursor = f.cursorText(Position{h.at.Epoch, *s.from})
			s.push(own)
		}
	}
	return true
}

func (f *feed) cursorText(base Position) string {
	c, ok := f.position(base)
	if !ok {
		return ""
	}
	return c.String()
}

// advance forgets what the hub's cursor can see by now.
func (f *feed) advance(to Snapshot) {
	maps.DeleteFunc(f.ahead, func(_ int64, stamp Stamp) bool { return to.Sees(stamp) })
}
