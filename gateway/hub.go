package gateway

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Config of a Hub. The zero value works: each field says its default.
type Config struct {
	ReconcileEvery time.Duration // longest time between two readings of the log; 2s
	HintDelay      time.Duration // from a hint that carried its event to the reading that confirms it; 250ms
	ReadDelay      time.Duration // between two readings asked for by hints without data; 20ms
	MaxPending     int           // bytes queued for one subscriber before it counts as slow; 1 MiB
	MaxReplay      int           // events in one replay before it is a reset; 10000
	Logger         *slog.Logger  // discards
	// Interest is told which tenants have subscribers here, from under the hub's lock: it must not block or call back.
	Interest func(tenant string, wanted bool)
}

func (c Config) withDefaults() Config {
	c.ReconcileEvery = cmp.Or(c.ReconcileEvery, 2*time.Second)
	c.HintDelay = cmp.Or(c.HintDelay, 250*time.Millisecond)
	c.ReadDelay = cmp.Or(c.ReadDelay, 20*time.Millisecond)
	c.MaxPending = cmp.Or(c.MaxPending, 1<<20)
	c.MaxReplay = cmp.Or(c.MaxReplay, 10_000)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Interest == nil {
		c.Interest = func(string, bool) {}
	}
	return c
}

// ErrUnavailable says that the log can't be read now, so that a subscriber's position isn't known.
var ErrUnavailable = errors.New("the log can't be read at present")

// ErrDraining says that the gateway is going away and takes no new subscribers.
var ErrDraining = errors.New("the gateway is draining")

var (
	errOverflow = errors.New("replay is longer than allowed")
	errEpoch    = errors.New("the log has another epoch")
)

// Hub holds all feeds of a gateway and its cursor.
type Hub struct {
	cfg    Config
	log    *slog.Logger
	source Log
	wake   chan time.Duration

	counters counters

	mu       sync.Mutex
	known    bool     // at is set
	at       Position // the gateway's own cursor
	feeds    map[string]*feed
	sessions sessionIndex
	readable bool // the last reading succeeded
	draining bool
}

// NewHub makes a hub over a log. It does nothing until Run.
func NewHub(source Log, cfg Config) *Hub {
	cfg = cfg.withDefaults()
	return &Hub{cfg: cfg, log: cfg.Logger, source: source, feeds: map[string]*feed{}, sessions: sessionIndex{}, wake: make(chan time.Duration, 64)}
}

// Request is what a subscriber joins with.
type Request struct {
	Identity Identity
	Topics   []string
	Cursor   string // where to go on from; empty: from now
	// Release is called exactly once when the subscriber is over, which is also when Join fails; nil: nothing is called.
	Release func()
}

// Join registers a subscriber. With a cursor it resumes there, else it starts now. The caller sends Hello, calls Replay,
// then Take until the end, and Leave. The text of a cursor that can't be resumed from gives a subscriber with a Reset.
func (h *Hub) Join(ctx context.Context, r Request) (*Subscriber, error) {
	s := &Subscriber{Identity: r.Identity, Topics: r.Topics, hub: h, release: r.Release, replaying: true, ready: make(chan struct{}, 1)}
	// Registered before the log is looked at: what commits in between is held.
	if err := h.register(s); err != nil {
		s.released()
		return nil, err
	}
	now, err := h.source.Position(ctx)
	if err != nil {
		h.leave(s)
		return nil, errors.Join(ErrUnavailable, err)
	}
	if r.Cursor != "" {
		if s.Start, s.Reset = Resume(r.Cursor, now); s.Reset == "" {
			return s, nil
		}
	}
	s.Start = now.Cursor()
	s.live(now)
	return s, nil
}

// Resume decodes a client's cursor against the log's position now, or gives the reason why it can't be gone on from.
func Resume(text string, now Position) (Cursor, ResetReason) {
	c, err := ParseCursor(text)
	switch {
	case err != nil:
		return Cursor{}, ResetInvalid
	case c.Epoch != now.Epoch:
		return Cursor{}, ResetEpoch
	case !now.Snapshot.Covers(c.Snapshot), c.Replay != nil && !now.Snapshot.Covers(c.Replay.To):
		return Cursor{}, ResetInvalid // from a future that this log hasn't had
	}
	return c, ""
}

func (h *Hub) register(s *Subscriber) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		return ErrDraining
	case !h.known:
		return ErrUnavailable
	}
	f := h.feeds[s.Identity.Tenant]
	if f == nil {
		f = &feed{tenant: s.Identity.Tenant, subscribers: map[*Subscriber]struct{}{}, ahead: map[int64]Stamp{}}
		h.feeds[f.tenant] = f
		h.cfg.Interest(f.tenant, true)
	}
	f.subscribers[s] = struct{}{}
	h.counters.opened.Add(1)
	h.sessions.add(s)
	return nil
}

func (h *Hub) leave(s *Subscriber) {
	if h.unregister(s) {
		s.released()
	}
}

// unregister reports whether the subscriber was there.
func (h *Hub) unregister(s *Subscriber) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[s.Identity.Tenant]
	if f == nil {
		return false
	}
	if _, there := f.subscribers[s]; !there {
		return false
	}
	delete(f.subscribers, s)
	h.sessions.remove(s)
	if len(f.subscribers) == 0 {
		delete(h.feeds, f.tenant)
		h.cfg.Interest(f.tenant, false)
	}
	return true
}

// Hint takes what a notification said: an event, which is dispatched at once, or nil for "look into the log".
func (h *Hub) Hint(e *Event) {
	if e == nil {
		h.Wake(h.cfg.ReadDelay)
		return
	}
	h.mu.Lock()
	if f := h.feeds[e.Tenant]; f != nil && h.known && f.dispatch(h, *e) {
		h.counters.hinted.Add(1)
	}
	h.mu.Unlock()
	h.Wake(h.cfg.HintDelay)
}

// Wake asks for a reading of the log within the given time. It doesn't block.
func (h *Hub) Wake(within time.Duration) {
	select {
	case h.wake <- within:
	default: // the loop has a full list of such requests, each at most HintDelay away
	}
}

// Readable reports whether the last reading of the log succeeded.
func (h *Hub) Readable() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.readable
}

// Subscribers is how many there are.
func (h *Hub) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, f := range h.feeds {
		n += len(f.subscribers)
	}
	return n
}

// Drain refuses new subscribers and closes those there are, one by one, spread over the window.
func (h *Hub) Drain(ctx context.Context, window time.Duration) {
	h.mu.Lock()
	h.draining = true
	all := h.all()
	h.mu.Unlock()
	if len(all) == 0 {
		return
	}
	tick := time.NewTicker(max(window/time.Duration(len(all)), 1))
	defer tick.Stop()
	for _, s := range all {
		s.Close(CloseDrain)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// all needs the hub's lock.
func (h *Hub) all() []*Subscriber {
	var all []*Subscriber
	for _, f := range h.feeds {
		for s := range f.subscribers {
			all = append(all, s)
		}
	}
	return all
}
