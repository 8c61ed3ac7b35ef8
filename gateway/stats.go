package gateway

import "sync/atomic"

// Stats are a hub's figures at one moment. Those that count have counted since the hub was made.
type Stats struct {
	Connections int    // open streams
	Tenants     int    // tenants with an open stream
	Opened      uint64 // streams that were opened

	Hinted   uint64 // events that a hint brought
	Read     uint64 // events that reading the log brought, because no hint had
	Unhinted uint64 // of these, events found while hints were off: their writers were spared NOTIFY

	Dispatched HistogramStats // events, from the INSERT, by the database's clock, until they were put before the subscribers here

	Replays   uint64 // resumptions that read the log for a client
	Replayed  uint64 // events sent in them
	Busy      uint64 // resumptions that were refused because too many waited for the log to be read
	Replaying int    // resumptions under way, now
	Buffered  int64  // bytes of frames that feeds keep for those who haven't been sent them, now
	Resets    map[ResetReason]uint64
	Byes      map[CloseReason]uint64

	Readings       HistogramStats // of the log by the hub itself, and how long each took
	ReadingsFailed uint64
	Rows           uint64 // events in those readings, whether a hint had brought them or not
	Readable       bool   // the last reading succeeded
	Often          bool   // the log is read often, as hints are off because writers are many
	Leases         uint64 // times that this hub had hints switched off, or kept off for longer
}

// counters is where the hub's parts count.
type counters struct {
	opened, hinted, read, unhinted, replays, replayed, busy, failed, rows, leases atomic.Uint64

	often atomic.Bool

	open, buffered, replaying, paged atomic.Int64

	readings, dispatched Histogram

	resets [4]atomic.Uint64 // in the order of resetReasons
	byes   [3]atomic.Uint64 // in the order of closeReasons
}

var (
	resetReasons = [...]ResetReason{ResetExpired, ResetEpoch, ResetInvalid, ResetOverflow}
	closeReasons = [...]CloseReason{CloseSession, CloseDrain, CloseSlow}
)

func (c *counters) reset(reason ResetReason) {
	for i, r := range resetReasons {
		if r == reason {
			c.resets[i].Add(1)
		}
	}
}

func (c *counters) bye(reason CloseReason) {
	for i, r := range closeReasons {
		if r == reason {
			c.byes[i].Add(1)
		}
	}
}

// closeIndex is 1 + the index of a reason in closeReasons.
func closeIndex(reason CloseReason) uint8 {
	for i, r := range closeReasons {
		if r == reason {
			return uint8(i) + 1 //nolint:gosec // there are three
		}
	}
	panic("no such reason to close a stream: " + reason)
}

// Stats gives the hub's figures.
func (h *Hub) Stats() Stats {
	c := &h.counters
	s := Stats{
		Opened: c.opened.Load(), Hinted: c.hinted.Load(), Read: c.read.Load(), Unhinted: c.unhinted.Load(), Dispatched: c.dispatched.Stats(),
		Replays: c.replays.Load(), Replayed: c.replayed.Load(), Busy: c.busy.Load(), Replaying: int(c.replaying.Load()),
		Connections: h.Subscribers(), Buffered: c.buffered.Load(),
		Readings: c.readings.Stats(), ReadingsFailed: c.failed.Load(), Rows: c.rows.Load(),
		Often: c.often.Load(), Leases: c.leases.Load(),
		Resets: map[ResetReason]uint64{}, Byes: map[CloseReason]uint64{},
	}
	for i, r := range resetReasons {
		s.Resets[r] = c.resets[i].Load()
	}
	for i, r := range closeReasons {
		s.Byes[r] = c.byes[i].Load()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.Tenants, s.Readable = len(h.feeds), h.readable
	return s
}
