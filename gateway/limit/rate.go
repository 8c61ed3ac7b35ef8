package limit

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// RateConfig says how many new streams a second there may be; 0: no limit. Bursts may be four times that.
type RateConfig struct {
	PerAddress float64
	Total      float64
	// Remember is for how many addresses a rate is kept at least; those not seen for longest are forgotten. 0: 65536.
	Remember int
}

const burst = 4 // seconds' worth

// Rate bounds how fast new streams come.
type Rate struct {
	cfg   RateConfig
	total *rate.Limiter // nil: no limit

	mu sync.Mutex
	// Two generations: what was seen since the younger one began, and before. Together they hold no more than twice
	// Remember, and an address is forgotten only after Remember others were seen.
	young, old map[netip.Addr]*rate.Limiter

	refusedAddress, refusedTotal atomic.Uint64
}

// NewRate makes a limiter that has seen nobody.
func NewRate(cfg RateConfig) *Rate {
	if cfg.Remember <= 0 {
		cfg.Remember = 1 << 16
	}
	r := &Rate{cfg: cfg, young: map[netip.Addr]*rate.Limiter{}}
	if cfg.Total > 0 {
		r.total = newBucket(cfg.Total)
	}
	return r
}

func newBucket(perSecond float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), max(int(perSecond*burst), 1))
}

// AllowAddress takes one new stream from an address, or gives a *Refusal. It takes nothing from the others: anyone may ask.
func (r *Rate) AllowAddress(address netip.Addr, now time.Time) error {
	if r.cfg.PerAddress > 0 && !r.bucket(Client(address)).AllowN(now, 1) {
		r.refusedAddress.Add(1)
		return &Refusal{Scope: Address, What: "new streams a second", RetryAfter: wait(r.cfg.PerAddress)}
	}
	return nil
}

// AllowTotal takes one new stream of all, or gives a *Refusal. Only for those who have shown that they may have streams.
func (r *Rate) AllowTotal(now time.Time) error {
	if r.total != nil && !r.total.AllowN(now, 1) {
		r.refusedTotal.Add(1)
		return &Refusal{Scope: Total, What: "new streams a second", RetryAfter: wait(r.cfg.Total)}
	}
	return nil
}

// wait is the time until there is room for one again, but a second at least: who asks again at once makes it worse.
func wait(perSecond float64) time.Duration {
	return max(time.Second, time.Duration(float64(time.Second)/perSecond))
}

func (r *Rate) bucket(client netip.Addr) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.young[client]; b != nil {
		return b
	}
	b := r.old[client]
	if b == nil {
		b = newBucket(r.cfg.PerAddress)
	}
	if len(r.young) >= r.cfg.Remember {
		r.old, r.young = r.young, make(map[netip.Addr]*rate.Limiter, r.cfg.Remember)
	}
	r.young[client] = b
	return b
}

// RateStats is a snapshot of Rate.
type RateStats struct {
	Remembered int              // addresses, now
	Refused    map[Scope]uint64 // since the start
}

// Stats gives the figures of the moment.
func (r *Rate) Stats() RateStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RateStats{len(r.young) + len(r.old), map[Scope]uint64{Address: r.refusedAddress.Load(), Total: r.refusedTotal.Load()}}
}
