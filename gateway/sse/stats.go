package sse

import (
	"sync/atomic"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// Counters are where streams count what they write; all streams of a gateway share one. The zero value is ready.
type Counters struct {
	deliveries, bytes atomic.Uint64

	// Latency is of events that came live, from the row's INSERT, by the database's clock, to the write that took the event's
	// frame to a socket, by ours.
	Latency gateway.Histogram
}

// Stats are the figures of a gateway's streams at one moment, counted since it started.
type Stats struct {
	Deliveries uint64 // events handed to sockets: one event for ten subscribers is ten
	Bytes      uint64 // handed to sockets, of events and of all else, before TLS and without HTTP's own framing
	Latency    gateway.HistogramStats
}

// Wrote counts one write, or several.
func (c *Counters) Wrote(deliveries, bytes int) {
	if deliveries > 0 {
		c.deliveries.Add(uint64(deliveries))
	}
	if bytes > 0 {
		c.bytes.Add(uint64(bytes))
	}
}

// passed counts live events, inserted at the given microseconds since 1970, that so many sockets have taken now.
func (c *Counters) passed(inserted []int64, sockets int, now time.Time) {
	for _, at := range inserted {
		c.Latency.ObserveN(time.Duration(now.UnixMicro()-at)*time.Microsecond, sockets)
	}
}

// Stats gives what was counted until now.
func (c *Counters) Stats() Stats {
	return Stats{Deliveries: c.deliveries.Load(), Bytes: c.bytes.Load(), Latency: c.Latency.Stats()}
}
