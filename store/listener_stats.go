package store

import (
	"sync/atomic"

	"github.com/pgfeed/pgfeed/gateway"
)

// ListenerStats are a listener's figures at one moment. Those that count have counted since it was made.
type ListenerStats struct {
	Hears        bool // the last probe came back in time
	Channels     int  // tenants whose hints are wanted
	Connects     uint64
	HintsEvent   uint64                 // hints that carried their event
	HintsBare    uint64                 // hints that only said "look into the log"
	Probes       gateway.HistogramStats // that came back, and after which time
	ProbesFailed uint64
}

// listenerCounters is where the listener counts.
type listenerCounters struct {
	connects, hintsEvent, hintsBare, probesFailed atomic.Uint64

	probes gateway.Histogram
}

// Stats gives the listener's figures.
func (l *Listener) Stats() ListenerStats {
	c := &l.counters
	l.mu.Lock()
	defer l.mu.Unlock()
	return ListenerStats{
		Hears: l.heard, Channels: len(l.wanted), Connects: c.connects.Load(),
		HintsEvent: c.hintsEvent.Load(), HintsBare: c.hintsBare.Load(),
		Probes: c.probes.Stats(), ProbesFailed: c.probesFailed.Load(),
	}
}
