package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Run reconciles until ctx ends: it reads the log since the hub's cursor and dispatches what hints didn't bring. While the
// log can't be read it tries again with backoff; streams stay open meanwhile.
func (h *Hub) Run(ctx context.Context) {
	const longest = 5 * time.Second
	backoff := 100 * time.Millisecond
	var trimmed time.Time
	for ctx.Err() == nil {
		begun := time.Now()
		if begun.Sub(trimmed) >= h.cfg.ReconcileEvery {
			trimmed = begun
			h.trim()
		}
		err := h.reconcile(ctx)
		h.counters.readings.Observe(time.Since(begun))
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			h.counters.failed.Add(1)
			h.setReadable(false)
			wait := backoff/2 + rand.N(backoff) //nolint:gosec // jitter
			backoff = min(2*backoff, longest)
			h.log.Warn("the log can't be read, trying again", "in", wait, "error", err)
			if !pause(ctx, wait) {
				return
			}
			continue
		}
		backoff = 100 * time.Millisecond
		h.setReadable(true)
		now := time.Now()
		wait := h.pace.next(now, h.cfg.ReconcileEvery)
		h.counters.often.Store(now.Before(h.pace.busyUntil))
		if !h.await(ctx, wait) {
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// await waits for the longest time, or less where Wake asks for it.
func (h *Hub) await(ctx context.Context, longest time.Duration) bool {
	due := time.Now().Add(longest)
	timer := time.NewTimer(longest)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case within := <-h.wake:
			if at := time.Now().Add(within); at.Before(due) {
				due = at
				timer.Reset(within)
			}
		case <-timer.C:
			return true
		}
	}
}

func (h *Hub) setReadable(ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ok && !h.readable {
		h.log.Info("reading the log", "epoch", h.position().Epoch)
	}
	h.readable = ok
}

// reconcile reads what is new to the hub's cursor, dispatches it, and moves the cursor to what was read.
func (h *Hub) reconcile(ctx context.Context) (err error) {
	number := h.begun.Add(1)
	defer func() {
		if err == nil {
			h.ended.Store(number)
		}
	}()
	known := h.position()
	if known == nil {
		now, err := h.source.Position(ctx)
		if err == nil {
			h.at.Store(&now)
		}
		return err
	}
	at := *known
	tenants := h.listed()
	read, err := h.bring(ctx, at, tenants)
	if missed := h.missed(); err == nil && tenants != nil && missed != nil {
		_, err = h.bring(ctx, at, missed)
	}
	if err == errEpoch { //nolint:errorlint // it is passed through as it is
		return nil
	}
	if errors.Is(err, ErrExpired) {
		now, err := h.source.Position(ctx)
		if err == nil {
			h.resetAll(now, ResetExpired)
		}
		return err
	}
	if err != nil {
		return err
	}
	h.at.Store(&read)
	if h.pace.read(time.Now(), read) {
		h.extend(ctx)
	}
	h.touchedMu.Lock()
	touched := h.touched
	h.touched = nil
	h.touchedMu.Unlock()
	for _, f := range touched {
		f.advance(read.Snapshot)
	}
	return nil
}

// mostListed is how many tenants a reading may be narrowed to; with more feeds than that it brings the events of all tenants.
const mostListed = 1000

// listed gives the tenants that have feeds; nil: all tenants.
func (h *Hub) listed() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unlisted = nil
	if len(h.feeds) > mostListed {
		return nil
	}
	tenants := make([]string, 0, len(h.feeds))
	for t := range h.feeds {
		tenants = append(tenants, t)
	}
	return tenants
}

// missed gives the tenants whose feeds have begun since a reading was asked for; nil: there are none. It may not have brought their
// events, but their subscribers may take it from where it ends. Those who come later know of all that it could see.
func (h *Hub) missed() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	missed := h.unlisted
	h.unlisted = nil
	return missed
}

// bring reads what is new to a position for these tenants, or for all, and dispatches it. It gives the position that it has read at.
func (h *Hub) bring(ctx context.Context, at Position, tenants []string) (read Position, err error) {
	rows, begun := 0, time.Now()
	err = h.source.Read(ctx, Query{Since: at.Cursor(), Tenants: tenants}, func(p Position) error {
		read = p
		if p.Epoch != at.Epoch {
			h.resetAll(p, ResetEpoch)
			return errEpoch
		}
		return nil
	}, func(e Event) error {
		h.counters.rows.Add(1)
		if rows++; rows%256 == 0 && h.pace.behind(begun, time.Now()) {
			h.extend(ctx)
		}
		f := h.feed(e.Tenant)
		if f == nil {
			return nil
		}
		if f.dispatch(e) {
			h.counters.read.Add(1)
			if read.Busy > 0 || !read.Hints {
				h.counters.unhinted.Add(1)
			}
		}
		return h.room(ctx, f)
	})
	return read, err
}

// room waits, when a reading brings more events than a ring keeps, until writers have come to what the ring has: only those who
// don't read should fall out of it.
func (h *Hub) room(ctx context.Context, f *feed) error {
	if f.untried() <= h.enough() {
		return nil
	}
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for f.untried() > h.enough() {
		select {
		case <-h.progress:
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// trim gives back the memory of frames that everyone has been sent.
func (h *Hub) trim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.feeds {
		f.trim()
	}
}

// resetAll goes over to another history, or past what is no longer kept: every subscriber is told that what it has may not be
// what there is.
func (h *Hub) resetAll(now Position, reason ResetReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.Warn("events may be missing: subscribers reload", "reason", reason, "epoch", now.Epoch)
	h.at.Store(&now)
	for _, f := range h.feeds {
		for range f.reset(now, reason) {
			h.counters.reset(reason)
		}
	}
}
