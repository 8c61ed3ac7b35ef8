package gateway

import (
	"context"
	"math/rand/v2"
	"time"
)

// Run reconciles until ctx ends: it reads the log since the hub's cursor and dispatches what hints didn't bring. While the
// log can't be read it tries again with backoff; streams stay open meanwhile.
func (h *Hub) Run(ctx context.Context) {
	const longest = 5 * time.Second
	backoff := 100 * time.Millisecond
	for ctx.Err() == nil {
		begun := time.Now()
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
		if !h.await(ctx, h.cfg.ReconcileEvery) {
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
		h.log.Info("reading the log", "epoch", h.at.Epoch)
	}
	h.readable = ok
}

// reconcile reads what is new to the hub's cursor, dispatches it, and moves the cursor to what was read.
func (h *Hub) reconcile(ctx context.Context) error {
	h.mu.Lock()
	at, known := h.at, h.known
	h.mu.Unlock()
	if !known {
		now, err := h.source.Position(ctx)
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.at, h.known = now, true
		h.mu.Unlock()
		return nil
	}
	var read Position
	err := h.source.Read(ctx, Query{Since: at.Cursor()}, func(p Position) error {
		read = p
		if p.Epoch != at.Epoch {
			h.resetAll(p)
			return errEpoch
		}
		return nil
	}, func(e Event) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.counters.rows.Add(1)
		if f := h.feeds[e.Tenant]; f != nil && f.dispatch(h, e) {
			h.counters.read.Add(1)
		}
		return nil
	})
	if err == errEpoch { //nolint:errorlint // it is passed through as it is
		return nil
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = read
	for _, f := range h.feeds {
		f.advance(read.Snapshot)
	}
	return nil
}

// resetAll goes over to another history: every subscriber is told that what it has may not be what there is.
func (h *Hub) resetAll(now Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log.Warn("the database is another one than before: subscribers reload", "epoch", now.Epoch)
	h.at = now
	for _, f := range h.feeds {
		clear(f.ahead)
		for s := range f.subscribers {
			s.held, s.from, s.overtaken = nil, nil, s.replaying
			h.counters.reset(ResetEpoch)
			s.push(Message{Name: MessageReset, Data: reasonData(ResetEpoch), Cursor: now.Cursor().String()})
		}
	}
}
