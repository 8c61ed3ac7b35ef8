package gateway

import (
	"context"
	"time"
)

const (
	// busyEvery is the time between two readings while hints are off because writers are many, and lingering between those
	// for a while after: what was written under a lease without a hint may be committed when the lease is over.
	busyEvery  = 20 * time.Millisecond
	calmEvery  = 3 * time.Millisecond // the same when few write any more: the lease has to run out, and nobody should notice
	lingering  = 100 * time.Millisecond
	lingerFor  = 2 * time.Second
	unhinted   = 250 * time.Millisecond // between two readings where the database sends no hints
	busyLease  = 3 * time.Second
	paceWindow = 500 * time.Millisecond // over which the rate of writing is taken
)

// pace is how often the log is read, and how many write to it. The hub's loop alone touches it.
//
// NOTIFY makes commits wait for each other. So when more than Config.BusyRate transactions a second are seen, hints are switched
// off by a lease in the database, which any gateway extends and all see, and every gateway reads the log often instead. The
// lease is extended until fewer than half as many write, so it doesn't flap, and runs out by itself if nobody is there to.
type pace struct {
	rate int // Config.BusyRate

	since   time.Time // when the window began
	written int64     // Position.Written then
	xmax    uint64    // and its snapshot's

	busyUntil time.Time // as of the last reading
	calm      bool      // few write, though hints are still off
	hints     bool
}

func newPace(rate int) pace { return pace{rate: rate, hints: true} }

// read takes note of what a reading found, and reports whether hints should be off for longer.
func (p *pace) read(now time.Time, at Position) (extend bool) {
	p.hints = at.Hints
	if at.Busy > 0 {
		p.busyUntil = now.Add(at.Busy)
	}
	took := now.Sub(p.since)
	if took < paceWindow {
		return false
	}
	// Transactions that write to attached tables: no more than there are rows of the log, nor than there are transactions.
	written, transactions := max(at.Written-p.written, 0)/numbersPerRow, at.Snapshot.Xmax-min(p.xmax, at.Snapshot.Xmax)
	perSecond := min(float64(written), float64(transactions)) / took.Seconds()
	p.since, p.written, p.xmax = now, at.Written, at.Snapshot.Xmax
	if p.rate < 0 {
		return false
	}
	if at.Busy > 0 {
		p.calm = perSecond < float64(p.rate)/2
		return !p.calm && at.Busy < busyLease*2/3 // else somebody has just extended it
	}
	p.calm = false
	return perSecond >= float64(p.rate)
}

// behind reports, while a reading is under way that begun then, whether it takes so long that the lease would run out: there is more
// than this gateway can keep up with.
func (p *pace) behind(begun, now time.Time) bool {
	return p.rate >= 0 && now.Sub(begun) > paceWindow && now.Before(p.busyUntil) && p.busyUntil.Sub(now) < busyLease*2/3
}

// next is how long to wait before the next reading; longest: where nothing else asks for less.
func (p *pace) next(now time.Time, longest time.Duration) time.Duration {
	switch {
	case now.Before(p.busyUntil) && p.calm:
		return calmEvery
	case now.Before(p.busyUntil):
		return busyEvery
	case now.Before(p.busyUntil.Add(lingerFor)):
		return lingering
	case !p.hints:
		return min(unhinted, longest)
	}
	return longest
}

// extend asks for a lease, where there is a way to.
func (h *Hub) extend(ctx context.Context) {
	if h.cfg.ExtendBusy == nil {
		return
	}
	if err := h.cfg.ExtendBusy(ctx, busyLease); err != nil {
		if ctx.Err() == nil {
			h.log.Warn("writers are many, and hints can't be switched off", "error", err)
		}
		return
	}
	h.counters.leases.Add(1)
	h.pace.busyUntil = time.Now().Add(busyLease)
}
