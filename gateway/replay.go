package gateway

import (
	"context"
	"errors"
	"time"
)

const (
	// replayPage is how many events of a replay are read in one go, and replayBytes after how many bytes a reading ends: they bound
	// memory, and the time that a connection to the database and its snapshot are held.
	replayPage  = 500
	replayBytes = 256 << 10
	// scarce is what both are divided by while clients keep enough pages waiting: as much as MaxReplays whole ones.
	scarce = 16
	// crammed times as much is the most that they may keep. A small page still has an event, however large, so that may come about.
	crammed = 4
)

// ErrBusy says that too many clients wait for what they have missed to be read.
var ErrBusy = errors.New("too many clients are catching up at present")

// replays bounds how many pages of replays are read at a time, in turn. A page that is being written holds none of these places, so
// clients that don't read keep nobody from resuming.
type replays struct {
	places chan struct{}
	wait   time.Duration
}

func newReplays(most int, wait time.Duration) replays {
	return replays{make(chan struct{}, most), wait}
}

// admit is for a client that comes: it waits behind those whose turn is before, and is refused where that takes too long, or where pages that
// wait to be written take too much memory.
func (h *Hub) admit(ctx context.Context) error {
	if h.counters.paged.Load() >= crammed*h.cfg.whole() {
		return ErrBusy
	}
	return h.replays.pass(ctx)
}

// pass waits for a turn, and gives it back.
func (r replays) pass(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.wait, ErrBusy)
	defer cancel()
	if err := r.acquire(ctx); err != nil {
		return err
	}
	r.release()
	return nil
}

// tryAcquire takes a place if there is one.
func (r replays) tryAcquire() bool {
	select {
	case r.places <- struct{}{}:
		return true
	default:
		return false
	}
}

// acquire waits for a place for as long as that takes: who is in the middle of a replay isn't turned away.
func (r replays) acquire(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case r.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r replays) release() { <-r.places }

var (
	errPage  = errors.New("the page is full")                      // ends a reading
	errLater = errors.New("what follows is newer than the replay") // likewise
)

// Replay sends what the subscriber has missed since Start, in order, through emit, which gets whole frames and how many of them
// are events, and may block: nothing of the database is held meanwhile, and nobody else waits. Live events follow once the subscriber
// is served. Call it once. When the subscriber is closed, the context of emit ends, nothing more is sent, and the error is nil unless
// emit had one: the end follows once the subscriber is served.
func (s *Subscriber) Replay(ctx context.Context, emit func(ctx context.Context, frames []byte, events int) error) error {
	h, reason := s.feed.hub, s.start.reset
	if !s.replaying && reason == "" { // only this goroutine ends it
		s.begun()
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.endsWith(cancel) {
		return nil
	}
	if reason != "" {
		h.counters.reset(reason)
		if err := emit(ctx, AppendFrame(nil, Message{Name: MessageReset, Data: reasonData(reason), Cursor: s.start.cursor.String()}), 0); err != nil {
			return err
		}
	}
	if !s.replaying {
		s.begun()
		return nil
	}
	h.counters.replaying.Add(1)
	defer h.counters.replaying.Add(-1)
	h.counters.replays.Add(1)
	p := replay{hub: h, since: s.start.cursor, at: s.start.cursor, reader: s.reader()}
	defer p.forget()
	for {
		whole, err := p.read(ctx)
		if err != nil && s.ending() {
			return nil
		}
		if len(p.frames) > 0 && (err == nil || errors.Is(err, errOverflow)) {
			h.counters.replayed.Add(uint64(p.events)) //nolint:gosec // never negative
			if err := emit(ctx, p.frames, p.events); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, errOverflow):
			h.counters.reset(ResetOverflow)
			frame := AppendFrame(nil, Message{Name: MessageReset, Data: reasonData(ResetOverflow), Cursor: p.to.Cursor().String()})
			if err := emit(ctx, frame, 0); err != nil {
				return err
			}
		case errors.Is(err, ErrExpired):
			now, err := h.source.Position(ctx)
			if err != nil && s.ending() {
				return nil
			}
			if err != nil {
				return err
			}
			p.to = &now
			h.counters.reset(ResetExpired)
			frame := AppendFrame(nil, Message{Name: MessageReset, Data: reasonData(ResetExpired), Cursor: now.Cursor().String()})
			if err := emit(ctx, frame, 0); err != nil {
				return err
			}
		case err != nil:
			return err
		case !whole:
			continue
		}
		s.live(p.to)
		return nil
	}
}

// replay is one subscriber's, page by page.
type replay struct {
	hub    *Hub
	reader *Reader
	since  Cursor
	to     *Position // what the first page could see
	at     Cursor    // how far it has come
	after  int64
	total  int

	frames  []byte
	events  int   // in frames
	counted int64 // bytes of frames, in the hub's counter
}

// count keeps the hub's counter of what pages take.
func (p *replay) count() {
	held := int64(cap(p.frames))
	p.hub.counters.paged.Add(held - p.counted)
	p.counted = held
}

// forget gives the page's memory back.
func (p *replay) forget() {
	p.frames = nil
	p.count()
}

// whole is what MaxReplays whole pages take.
func (c Config) whole() int64 { return int64(c.MaxReplays) * replayBytes }

// size is how large the next page may be. Clients that don't read keep one each: once those that were read amount to MaxReplays whole
// pages, further ones are small, until some have been taken.
func (p *replay) size() (events, bytes int) {
	if p.hub.counters.paged.Load()-p.counted < p.hub.cfg.whole() {
		return p.hub.page, replayBytes
	}
	return max(p.hub.page/scarce, 1), replayBytes / scarce
}

// read fills the next page, and reports whether it is the last.
func (p *replay) read(ctx context.Context) (whole bool, err error) {
	if ctx.Err() != nil || !p.hub.replays.tryAcquire() {
		p.forget() // who waits for its turn keeps no page
		if err := p.hub.replays.acquire(ctx); err != nil {
			return false, err
		}
	}
	defer p.hub.replays.release()
	most, bytes := p.size()
	if cap(p.frames) > 2*bytes {
		p.frames = nil
	}
	defer p.count()
	p.frames, p.events = p.frames[:0], 0
	rows := 0
	q := Query{Since: p.since, After: p.after, Limit: most, Reader: p.reader}
	err = p.hub.source.Read(ctx, q, func(now Position) error {
		if p.to == nil {
			p.to = &now
		}
		return nil
	}, func(e Event) error {
		if e.Seq > p.to.Written { // nor can any that follows have been there at the first page
			return errLater
		}
		rows, p.after = rows+1, e.Seq
		if !p.to.Snapshot.Sees(e.Stamp) { // committed since the first page: the ring has it
			return nil
		}
		if p.total++; p.total > p.hub.cfg.MaxReplay {
			return errOverflow
		}
		data, err := e.Envelope()
		if err != nil {
			return err
		}
		p.at = p.at.Advance(p.to.Snapshot, e.Seq)
		m := Message{Name: e.Name, Data: data}
		if len(p.at.Ahead) <= maxAheadInCursor {
			m.Cursor = p.at.String()
		}
		p.events++
		if p.frames = AppendFrame(p.frames, m); len(p.frames) >= bytes {
			return errPage
		}
		return nil
	})
	if err == errPage || err == errLater { //nolint:errorlint // as they are: wrapped, something has failed besides
		return err == errLater, nil //nolint:errorlint // likewise
	}
	return rows < most, err
}

// live ends a replay that could see the position: what the ring has and that can't see follows.
func (s *Subscriber) live(to *Position) {
	f := s.feed
	f.mu.Lock()
	s.replaying, s.from, s.announce = false, &to.Snapshot, s.start.at != to
	if s.overtaken { // the database became another one meanwhile: snapshots of the two can't be compared
		s.from = nil
	}
	if s.announce { // a replay has ended: otherwise its start is asked for yet
		s.start = nil
	}
	f.mu.Unlock()
}

// begun forgets what only a subscriber's beginning needs.
func (s *Subscriber) begun() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.start = nil
}

// endsWith has Close call cancel while the replay is under way; false: the subscriber was closed before.
func (s *Subscriber) endsWith(cancel func()) bool {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.start.cancel = cancel
	return s.closing == 0
}

func (s *Subscriber) ending() bool {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.closing != 0
}

func (s *Subscriber) reader() *Reader {
	return &Reader{Tenant: s.Identity.Tenant, User: s.Identity.User, Topics: s.topics.names, Operator: s.Identity.Operator}
}
