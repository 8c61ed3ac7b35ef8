package sse

import (
	"strings"
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
	if c == nil {
		return
	}
	c.deliveries.Add(uint64(max(deliveries, 0)))
	c.bytes.Add(uint64(max(bytes, 0)))
}

// Passed counts a live event that a socket has taken.
func (c *Counters) Passed(at time.Time) {
	if c != nil {
		c.Latency.Observe(time.Since(at))
	}
}

// Stats gives what was counted until now.
func (c *Counters) Stats() Stats {
	return Stats{Deliveries: c.deliveries.Load(), Bytes: c.bytes.Load(), Latency: c.Latency.Stats()}
}

// isEvent tells rows from the gateway's own words: their names have a topic.
func isEvent(m gateway.Message) bool { return strings.Contains(m.Name, ":") }
