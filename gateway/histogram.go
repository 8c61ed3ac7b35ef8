package gateway

import (
	"sync/atomic"
	"time"
)

// HistogramBounds are the upper bounds, in seconds, of a Histogram's buckets; one more holds what is above the last.
var HistogramBounds = [...]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Histogram counts durations in buckets. The zero value is ready; it may be used from any goroutine, and never waits.
type Histogram struct {
	buckets [len(HistogramBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

// Observe counts one duration; a negative one, of clocks that differ, counts as none at all.
func (h *Histogram) Observe(d time.Duration) { h.ObserveN(d, 1) }

// ObserveN counts the same duration n times.
func (h *Histogram) ObserveN(d time.Duration, n int) {
	d = max(d, 0)
	i := 0
	for i < len(HistogramBounds) && d.Seconds() > HistogramBounds[i] {
		i++
	}
	h.buckets[i].Add(uint64(n)) //nolint:gosec // never negative
	h.nanos.Add(int64(d) * int64(n))
}

// HistogramStats is what a Histogram has counted.
type HistogramStats struct {
	Count   uint64
	Sum     time.Duration
	Buckets [len(HistogramBounds)]uint64 // of durations up to the bound: each holds those before it
}

// Stats gives what was counted until now.
func (h *Histogram) Stats() HistogramStats {
	var s HistogramStats
	s.Sum = time.Duration(h.nanos.Load())
	for i := range h.buckets {
		s.Count += h.buckets[i].Load()
		if i < len(s.Buckets) {
			s.Buckets[i] = s.Count
		}
	}
	return s
}
