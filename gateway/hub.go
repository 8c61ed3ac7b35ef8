package gateway

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Config of a Hub. The zero value works: each field says its default.
type Config struct {
	ReconcileEvery time.Duration // longest time between two readings of the log; 2s
	HintDelay      time.Duration // from a hint that carried its event to the reading that confirms it; 250ms
	ReadDelay      time.Duration // between two readings asked for by hints without data; 20ms
	MaxPending     int           // bytes that one subscriber may be behind before it counts as slow; 1 MiB
	MaxBuffered    int           // bytes that all feeds together keep before each may keep only a sixteenth of MaxPending; past a quarter more, only its newest event; 256 MiB
	MaxReplay      int           // events in one replay before it is a reset; 10000
	MaxReplays     int           // pages of replays that are read at a time, and that may wait to be written before further ones are a sixteenth of their size; 256
	ReplayWait     time.Duration // for a page's turn, before a client that comes is told to come again; 5s
	BusyRate       int           // writing transactions per second from which on hints are switched off; 200. Negative: never
	Logger         *slog.Logger  // discards
	// ExtendBusy switches hints off for that long; nil: this hub doesn't.
	ExtendBusy func(ctx context.Context, lease time.Duration) error
	// Interest is told which tenants have subscribers here, from under the hub's lock: it must not block or call back.
	Interest func(tenant string, wanted bool)
}

func (c Config) withDefaults() Config {
	c.ReconcileEvery = cmp.Or(c.ReconcileEvery, 2*time.Second)
	c.HintDelay = cmp.Or(c.HintDelay, 250*time.Millisecond)
	c.ReadDelay = cmp.Or(c.ReadDelay, 20*time.Millisecond)
	c.MaxPending = cmp.Or(c.MaxPending, 1<<20)
	c.MaxBuffered = cmp.Or(c.MaxBuffered, 256<<20)
	c.BusyRate = cmp.Or(c.BusyRate, 200)
	c.MaxReplay = cmp.Or(c.MaxReplay, 10_000)
	c.MaxReplays = cmp.Or(c.MaxReplays, 256)
	c.ReplayWait = cmp.Or(c.ReplayWait, 5*time.Second)
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
//
// Its lock guards which feeds and sessions there are; each feed has a lock of its own for what happens in it, which may be taken
// while the hub's is held, and never the other way round.
type Hub struct {
	cfg       Config
	log       *slog.Logger
	source    Log
	wake      chan time.Duration
	progress  chan struct{} // a token when a writer has visited all subscribers of a lane
	positions positions
	replays   replays
	page      int // events in one reading of a replay
	batch     int // bytes
	seed      maphash.Seed

	counters counters
	pace     pace
	at       atomic.Pointer[Position] // the gateway's own cursor; nil until the first reading
	begun    atomic.Uint64            // readings
	ended    atomic.Uint64            // the last of them that has succeeded

	mu       sync.Mutex
	feeds    map[string]*feed
	unlisted []string // tenants whose feeds began after the last reading was asked for
	topics   topicSets
	sessions sessionIndex
	readable bool // the last reading succeeded
	draining bool

	touchedMu sync.Mutex
	touched   []*feed // with events that the cursor can't see
}

// NewHub makes a hub over a log. It does nothing until Run.
func NewHub(source Log, cfg Config) *Hub {
	cfg = cfg.withDefaults()
	return &Hub{
		cfg: cfg, log: cfg.Logger, source: source, feeds: map[string]*feed{}, topics: topicSets{}, sessions: sessionIndex{},
		wake: make(chan time.Duration, 64), progress: make(chan struct{}, 1), page: replayPage, batch: mostBatch, seed: maphash.MakeSeed(),
		pace:      newPace(cfg.BusyRate),
		positions: positions{turns: make(chan struct{}, questionsAtATime)}, replays: newReplays(cfg.MaxReplays, cfg.ReplayWait),
	}
}

func (h *Hub) position() *Position { return h.at.Load() }

func (h *Hub) hash(user string) uint32 { return uint32(maphash.String(h.seed, user)) } //nolint:gosec // a part of it is enough

// pushed counts bytes that a ring has taken, and gives how many it may keep.
func (h *Hub) pushed(n int) (bound int) {
	h.counters.buffered.Add(int64(n))
	return h.bound()
}

// bound is how many bytes a ring may hold at present.
func (h *Hub) bound() int {
	switch most, now := int64(h.cfg.MaxBuffered), h.counters.buffered.Load(); {
	case now > most+most/4:
		return 1
	case now > most:
		return max(h.cfg.MaxPending/16, 1)
	}
	return h.cfg.MaxPending
}

// enough is how many bytes a ring takes before it is left to the writers for a while.
func (h *Hub) enough() int { return h.bound() / 2 }

func (h *Hub) dropped(n int) { h.counters.buffered.Add(-int64(n)) }

func (h *Hub) progressed() {
	select {
	case h.progress <- struct{}{}:
	default:
	}
}

// touch notes that a feed has events ahead of the cursor. The feed's lock is held.
func (h *Hub) touch(f *feed) {
	if f.touched {
		return
	}
	f.touched = true
	h.touchedMu.Lock()
	defer h.touchedMu.Unlock()
	h.touched = append(h.touched, f)
}

// Request is what a subscriber joins with.
type Request struct {
	Identity Identity
	Topics   []string
	Cursor   string // where to go on from; empty: from now
	// Release is called exactly once when the subscriber is over, which is also when Join fails; nil: nothing is called.
	Release func()
}

// Join registers a subscriber. With a cursor it resumes there, else it starts now. The text of a cursor that can't be resumed
// from gives a subscriber with a Reset. ErrBusy: it would have to be sent what it has missed, and too many wait for that; ErrDraining,
// ErrUnavailable: this gateway can't serve it.
func (h *Hub) Join(ctx context.Context, r Request) (*Subscriber, error) {
	s := &Subscriber{release: r.Release, hash: h.hash(r.Identity.User), replaying: true, start: &start{}}
	if err := h.join(ctx, s, r); err != nil {
		return nil, err
	}
	return s, nil
}

func (h *Hub) join(ctx context.Context, s *Subscriber, r Request) error {
	var parsed error
	if r.Cursor != "" {
		if _, parsed = ParseCursor(r.Cursor); parsed == nil {
			if err := h.admit(ctx); err != nil {
				if errors.Is(err, ErrBusy) {
					h.counters.busy.Add(1)
				}
				s.released()
				return err
			}
		}
	}
	// Registered before the log is looked at: what commits in between is in the ring.
	if err := h.register(s, r); err != nil {
		s.released()
		return err
	}
	now, err := h.positions.now(ctx, h.source)
	if err != nil {
		h.leave(s)
		return errors.Join(ErrUnavailable, err)
	}
	s.start.at = now
	if r.Cursor != "" {
		if s.start.cursor, s.start.reset = Resume(r.Cursor, *now); s.start.reset == "" {
			return nil
		}
	}
	s.start.cursor = now.Cursor()
	s.live(now)
	return nil
}

// Resume decodes a client's cursor against the log's position now, or gives the reason why it can't be gone on from.
func Resume(text string, now Position) (Cursor, ResetReason) {
	c, err := ParseCursor(text)
	switch {
	case err != nil:
		return Cursor{}, ResetInvalid
	case c.Epoch != now.Epoch:
		return Cursor{}, ResetEpoch
	case !now.after(c.Snapshot), c.Replay != nil && !now.after(c.Replay.To):
		return Cursor{}, ResetInvalid // from a future that this log hasn't had
	case now.Kept.Lacks(c):
		return Cursor{}, ResetExpired
	}
	return c, ""
}

func (h *Hub) register(s *Subscriber, r Request) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		return ErrDraining
	case h.position() == nil:
		return ErrUnavailable
	}
	f := h.feeds[r.Identity.Tenant]
	if f == nil {
		f = newFeed(h, r.Identity.Tenant)
		h.feeds[f.tenant] = f
		h.unlisted = append(h.unlisted, f.tenant)
		h.cfg.Interest(f.tenant, true)
	}
	s.feed, s.topics = f, h.topics.get(r.Topics)
	h.sessions.add(s, r.Identity)
	if end := s.Identity.Expiry; !end.IsZero() {
		s.expiry = time.AfterFunc(time.Until(end), func() { s.Close(CloseSession) })
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s.pos = f.ring.end
	f.waiting.add(s)
	h.counters.opened.Add(1)
	h.counters.open.Add(1)
	return nil
}

func (h *Hub) leave(s *Subscriber) {
	if h.unregister(s) {
		s.released()
	}
}

// unregister reports whether the subscriber was there.
func (h *Hub) unregister(s *Subscriber) bool {
	f := s.feed
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.lane == nil {
		return false
	}
	s.lane.remove(s)
	s.over = true
	h.sessions.remove(s)
	h.counters.open.Add(-1)
	if f.empty() {
		h.dropped(f.ring.size())
		f.ring = ring{start: f.ring.end, end: f.ring.end}
		delete(h.feeds, f.tenant)
		h.cfg.Interest(f.tenant, false)
	}
	return true
}

func (h *Hub) feed(tenant string) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.feeds[tenant]
}

// Hint takes what a notification said of a tenant: an event, which is dispatched at once, or nil for "look into the log". Notifications come in the
// order of commits, so an event that follows one of those waits for the reading that it asked for.
func (h *Hub) Hint(tenant string, e *Event) {
	f := h.feed(tenant)
	if f == nil || h.position() == nil {
		return
	}
	// Where writers can't keep up, the reading waits for them.
	if e == nil || f.awaited.Load() > h.ended.Load() || f.untried() > h.enough() {
		f.awaited.Store(h.begun.Load() + 1) // one that is under way may have begun before the commit
		h.Wake(h.cfg.ReadDelay)
		return
	}
	if f.dispatch(*e) {
		h.counters.hinted.Add(1)
	}
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
func (h *Hub) Subscribers() int { return int(h.counters.open.Load()) }

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
		f.mu.Lock()
		f.each(func(s *Subscriber) { all = append(all, s) })
		f.mu.Unlock()
	}
	return all
}
