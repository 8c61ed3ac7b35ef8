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
)

// ErrBusy says that too many clients are being sent what they have missed.
var ErrBusy = errors.New("too many clients are catching up at present")

// replays bounds how many replays there are at a time, and so the memory that they take.
type replays struct {
	slots chan struct{}
	wait  time.Duration
}

func newReplays(most int, wait time.Duration) replays {
	return replays{make(chan struct{}, most), wait}
}

// acquire waits for a slot.
func (r replays) acquire(ctx context.Context) error {
	select {
	case r.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(r.wait)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r replays) release() { <-r.slots }

// errPage ends a reading whose page is full.
var errPage = errors.New("the page is full")

// Replay sends what the subscriber has missed since Start, in order, through emit, which gets whole frames and how many of them
// are events, and may block: nothing of the database is held meanwhile. Live events follow once the subscriber is served. Call it
// once. A subscriber that is closed meanwhile gets no more.
func (s *Subscriber) Replay(ctx context.Context, emit func(frames []byte, events int) error) error {
	h := s.feed.hub
	if reason := s.start.reset; reason != "" {
		h.counters.reset(reason)
		if err := emit(AppendFrame(nil, Message{Name: MessageReset, Data: reasonData(reason), Cursor: s.start.cursor.String()}), 0); err != nil {
			return err
		}
	}
	if !s.replaying { // only this goroutine ends it
		s.begun()
		return nil
	}
	h.counters.replays.Add(1)
	p := replay{hub: h, since: s.start.cursor, at: s.start.cursor, reader: s.reader()}
	for {
		whole, err := p.read(ctx)
		if len(p.frames) > 0 && (err == nil || errors.Is(err, errOverflow)) {
			h.counters.replayed.Add(uint64(p.events)) //nolint:gosec // never negative
			if err := emit(p.frames, p.events); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, errOverflow):
			h.counters.reset(ResetOverflow)
			frame := AppendFrame(nil, Message{Name: MessageReset, Data: reasonData(ResetOverflow), Cursor: p.to.Cursor().String()})
			if err := emit(frame, 0); err != nil {
				return err
			}
		case errors.Is(err, ErrExpired):
			now, err := h.source.Position(ctx)
			if err != nil {
				return err
			}
			p.to = &now
			h.counters.reset(ResetExpired)
			frame := AppendFrame(nil, Message{Name: MessageReset, Data: reasonData(ResetExpired), Cursor: now.Cursor().String()})
			if err := emit(frame, 0); err != nil {
				return err
			}
		case err != nil:
			return err
		case !whole:
			if s.ending() {
				return nil
			}
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

	frames []byte
	events int // in frames
}

// read fills the next page, and reports whether it is the last.
func (p *replay) read(ctx context.Context) (whole bool, err error) {
	p.frames, p.events = p.frames[:0], 0
	rows := 0
	q := Query{Since: p.since, After: p.after, Limit: p.hub.page, Reader: p.reader}
	err = p.hub.source.Read(ctx, q, func(now Position) error {
		if p.to == nil {
			p.to = &now
		}
		return nil
	}, func(e Event) error {
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
		if p.frames = AppendFrame(p.frames, m); len(p.frames) >= replayBytes {
			return errPage
		}
		return nil
	})
	if err == errPage { //nolint:errorlint // it is passed through as it is
		return false, nil
	}
	return rows < p.hub.page, err
}

// live ends a replay that could see the position: what the ring has and that can't see follows.
func (s *Subscriber) live(to *Position) {
	f := s.feed
	f.mu.Lock()
	s.replaying, s.from, s.announce = false, &to.Snapshot, s.start.at != to
	if s.overtaken { // the database became another one meanwhile: snapshots of the two can't be compared
		s.from = nil
	}
	f.mu.Unlock()
	if s.announce { // a replay has ended: otherwise its start is asked for yet
		s.begun()
	}
}

// begun forgets what only a subscriber's beginning needs.
func (s *Subscriber) begun() {
	if s.start != nil {
		s.feed.hub.freeSlot(s)
		s.start = nil
	}
}

func (s *Subscriber) ending() bool {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return s.closing != 0
}

func (s *Subscriber) reader() *Reader {
	return &Reader{Tenant: s.Identity.Tenant, User: s.Identity.User, Topics: s.topics.names, Operator: s.Identity.Operator}
}
