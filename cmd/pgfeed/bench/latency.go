package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longest is what a Latency tells apart; what takes longer counts as that long.
const longest = 10 * time.Minute

// Latency collects times, from several goroutines, and tells their quantiles to three digits. Its zero value is not ready:
// use NewLatency.
type Latency struct {
	mu    sync.Mutex
	times *hdrhistogram.Histogram // microseconds
}

// NewLatency makes an empty collection.
func NewLatency() *Latency { return &Latency{times: hdrhistogram.New(1, longest.Microseconds(), 3)} }

// Record adds a time. A negative one, of clocks that disagree, counts as none.
func (l *Latency) Record(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.times.RecordValue(min(max(d, 0), longest).Microseconds()) // within its bounds
}

// Count is how many times were recorded.
func (l *Latency) Count() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.times.TotalCount()
}

// At is the time that the share q of all, from 0 to 1, took at most.
func (l *Latency) At(q float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(l.times.ValueAtQuantile(100*q)) * time.Microsecond
}

// Figures are the quantiles that reports give, in milliseconds.
func (l *Latency) Figures(group string) []Figure {
	var figures []Figure
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}} {
		figures = append(figures, Figure{Group: group, Name: q.name, Unit: "ms", Value: Milliseconds(l.At(q.at))})
	}
	return figures
}

// Milliseconds is d as a figure's value.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
