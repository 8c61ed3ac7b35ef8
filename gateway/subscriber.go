package gateway

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Subscriber is one connection's place in a feed. The connection waits for Ready and Takes messages; the hub
// never waits for it.
type Subscriber struct {
	Identity Identity
	Topics   []string
	// Start is where the subscriber stands before its first message.
	Start Cursor
	// Reset is why Start isn't the cursor that was asked for; empty when it is.
	Reset ResetReason

	hub     *Hub
	release func()

	// Guarded by the hub's lock.
	replaying bool
	from      *Snapshot // what its replay could see; nil once the hub's own cursor covers that
	held      []held    // live events that came during the replay
	heldBytes int
	overtaken bool // the epoch changed while it was replaying
	// Neighbours among the subscribers of one session.
	previousOfSession, nextOfSession *Subscriber

	mu      sync.Mutex
	pending []Message
	bytes   int
	closed  CloseReason
	gone    bool
	ready   chan struct{} // holds a token when there is something to take
}

type held struct {
	stamp Stamp
	m     Message
}

func (s *Subscriber) wants(e Event) bool {
	return slices.Contains(s.Topics, e.Topic) && (e.Recipient == nil || *e.Recipient == s.Identity.User || s.Identity.Operator)
}

// push queues a message; one that would pass the bound closes the subscriber instead.
func (s *Subscriber) push(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed != "" {
		return
	}
	if s.bytes += len(m.Data) + len(m.Cursor); s.bytes > s.hub.cfg.MaxPending && len(s.pending) > 0 {
		s.closed, s.pending = CloseSlow, nil
	} else {
		s.pending = append(s.pending, m)
	}
	s.signal()
}

func (s *Subscriber) hold(e Event, m Message) {
	if s.heldBytes += len(m.Data); s.heldBytes > s.hub.cfg.MaxPending && len(s.held) > 0 {
		s.held = nil
		s.Close(CloseSlow)
		return
	}
	m.Cursor = "" // the message behind the held ones says where the client stands
	s.held = append(s.held, held{e.Stamp, m})
}

func (s *Subscriber) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Close ends the subscriber: what is queued is still taken, then a bye. The first reason stands.
func (s *Subscriber) Close(reason CloseReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed == "" {
		s.closed = reason
	}
	s.signal()
}

// Ready holds a token when there may be something to take.
func (s *Subscriber) Ready() <-chan struct{} { return s.ready }

// Take gives all that is queued; it doesn't wait. When that ends with a bye, closed says its reason, and nothing follows.
func (s *Subscriber) Take() (messages []Message, closed CloseReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages, s.pending, s.bytes = s.pending, nil, 0
	if s.closed != "" && !s.gone {
		s.gone = true
		s.hub.counters.bye(s.closed)
		return append(messages, Message{Name: MessageBye, Data: reasonData(s.closed)}), s.closed
	}
	return messages, ""
}

// Hello is a subscriber's first message.
func (s *Subscriber) Hello(data []byte) Message {
	return Message{Name: MessageHello, Data: data, Cursor: s.Start.String()}
}

// Ping queues a sign of life with the subscriber's cursor.
func (s *Subscriber) Ping(now time.Time) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	m := Message{Name: MessagePing, Data: timestampData(now)}
	if !s.replaying {
		m.Cursor = s.position()
	}
	s.push(m)
}

// position needs the hub's lock.
func (s *Subscriber) position() string {
	f := s.hub.feeds[s.Identity.Tenant]
	if f == nil {
		return ""
	}
	if s.from != nil && !s.hub.at.Snapshot.Covers(*s.from) {
		return f.cursorText(Position{s.hub.at.Epoch, *s.from})
	}
	return f.cursorText(s.hub.at)
}

// replayPage is how many events of a replay are read in one go: it bounds memory, and the time that a snapshot is held.
const replayPage = 500

// Replay sends what the subscriber has missed since Start, in order, through emit, which may block; then live events
// follow through Take. Call it once, before Take.
func (s *Subscriber) Replay(ctx context.Context, emit func(Message) error) error {
	h := s.hub
	if s.Reset != "" {
		h.counters.reset(s.Reset)
		if err := emit(Message{Name: MessageReset, Data: reasonData(s.Reset), Cursor: s.Start.String()}); err != nil {
			return err
		}
	}
	if !s.replaying { // only this goroutine ends it
		return nil
	}
	h.counters.replays.Add(1)
	at := s.Start
	var to *Position
	after, total := int64(0), 0
	for {
		rows := 0
		q := Query{Since: s.Start, After: after, Limit: replayPage, Reader: s.reader()}
		err := h.source.Read(ctx, q, func(p Position) error {
			if to == nil {
				to = &p
			}
			return nil
		}, func(e Event) error {
			rows, after = rows+1, e.Seq
			if !to.Snapshot.Sees(e.Stamp) { // committed since the first page: it is among the held
				return nil
			}
			if total++; total > h.cfg.MaxReplay {
				return errOverflow
			}
			data, err := e.Envelope()
			if err != nil {
				return err
			}
			at = at.Advance(to.Snapshot, e.Seq)
			m := Message{Name: e.Name, Data: data}
			if len(at.Ahead) <= maxAheadInCursor {
				m.Cursor = at.String()
			}
			h.counters.replayed.Add(1)
			return emit(m)
		})
		switch {
		case err == errOverflow: //nolint:errorlint // it is passed through as it is
			h.counters.reset(ResetOverflow)
			if err := emit(Message{Name: MessageReset, Data: reasonData(ResetOverflow), Cursor: to.Cursor().String()}); err != nil {
				return err
			}
			s.live(*to)
			return nil
		case err != nil:
			return err
		case rows < replayPage:
			s.live(*to)
			return nil
		}
	}
}

// live ends a replay that could see the position: what was held and is newer follows.
func (s *Subscriber) live(to Position) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	s.replaying, s.from = false, &to.Snapshot
	if s.overtaken { // the database became another one meanwhile: snapshots of the two can't be compared
		s.from = nil
	}
	for _, e := range s.held {
		if s.from == nil || !s.from.Sees(e.stamp) {
			s.push(e.m)
		}
	}
	s.held = nil
	s.push(Message{Cursor: s.position()})
}

func (s *Subscriber) reader() *Reader {
	return &Reader{Tenant: s.Identity.Tenant, User: s.Identity.User, Topics: s.Topics, Operator: s.Identity.Operator}
}

// Leave takes the subscriber out of its feed. Once it has, it does nothing more.
func (s *Subscriber) Leave() { s.hub.leave(s) }

func (s *Subscriber) released() {
	if s.release != nil {
		s.release()
	}
}
