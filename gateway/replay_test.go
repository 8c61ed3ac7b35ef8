package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// longLog has 2,000 events for everyone who resumes.
type longLog struct {
	Log      // nothing else is asked for
	size int // of an event, in bytes; a kilobyte
	// newer are events that follow, and weren't there when a replay began.
	newer int64
	// reading is called before a page is read; nil: nothing is.
	reading func(ctx context.Context, q Query) error
}

func (longLog) Position(context.Context) (Position, error) {
	return Position{Epoch: 1, Snapshot: Snapshot{Boot: 1, Xmax: 100}, Written: longLogEvents}, nil
}

const longLogEvents = 2000

func (l longLog) Read(ctx context.Context, q Query, begin func(Position) error, each func(Event) error) error {
	now, _ := l.Position(ctx)
	if q.Reader == nil {
		return begin(now)
	}
	if l.reading != nil {
		if err := l.reading(ctx, q); err != nil {
			return err
		}
	}
	if err := begin(now); err != nil {
		return err
	}
	data := json.RawMessage(`"` + strings.Repeat("x", cmp.Or(l.size, 1000)) + `"`)
	for seq := q.After + 1; seq <= min(longLogEvents+l.newer, q.After+int64(q.Limit)); seq++ {
		stamp := Stamp{1, 50}
		if seq > longLogEvents {
			stamp.XID = 200
		}
		if err := each(Event{Seq: seq, Stamp: stamp, Tenant: "t", Topic: TopicActivity, Name: "activity:new", Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// missing asks for all of a longLog.
var missing = Request{
	Identity: Identity{Tenant: "t"}, Topics: []string{TopicActivity}, Cursor: Cursor{Epoch: 1, Snapshot: Snapshot{Boot: 1, Xmax: 10}}.String(),
}

// resume joins a hub with a cursor from before all events.
func resume(t *testing.T, h *Hub) *Subscriber {
	t.Helper()
	if err := h.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := h.Join(t.Context(), missing)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Leave)
	return s
}

// However many clients don't read what they have missed, what all of them keep is bounded: past the first few, each keeps a small page.
func TestWhatWaitsToBeWrittenInReplaysIsBoundedInAll(t *testing.T) {
	const most, clients = 3, 20
	h := NewHub(&longLog{}, Config{MaxReplays: most})
	const small, frame = 16 << 10, 2 << 10
	var waiting func(already int)
	waiting = func(already int) {
		if already == clients {
			return
		}
		events, pages := 0, []int{}
		err := resume(t, h).Replay(t.Context(), func(_ context.Context, frames []byte, n int) error {
			if events, pages = events+n, append(pages, len(frames)); len(pages) == 1 {
				waiting(already + 1) // and doesn't take this one meanwhile
			}
			return nil
		})
		if err != nil || events != longLogEvents {
			t.Errorf("%d events, %v", events, err)
		}
		if first := pages[0]; (first >= replayBytes) != (already < most) || already >= most && first > small+frame {
			t.Errorf("with %d pages that wait, the first one has %d bytes", already, first)
		}
		if already == 0 && slices.Min(pages[:len(pages)-1]) < replayBytes {
			t.Errorf("once none waits, pages have %v bytes", pages)
		}
	}
	waiting(0)
}

func TestAReplayEndsHoweverMuchIsWrittenMeanwhile(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	log := &longLog{}
	log.reading = func(ctx context.Context, _ Query) error {
		log.newer += 10 * replayPage
		return ctx.Err()
	}
	events := 0
	err := resume(t, NewHub(log, Config{})).Replay(ctx, func(_ context.Context, _ []byte, n int) error {
		events += n
		return nil
	})
	if err != nil || events != longLogEvents {
		t.Errorf("%d events, %v", events, err)
	}
}

// A page has one event at least: where these are large, clients that don't read would take any amount of memory.
func TestNobodyBeginsAReplayWhilePagesTakeTooMuchMemory(t *testing.T) {
	const most, large = 3, 1 << 20
	h := NewHub(&longLog{size: large}, Config{MaxReplays: most})
	var waiting func(already int) (refused bool)
	waiting = func(already int) bool {
		if err := h.reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := h.Join(t.Context(), missing)
		if errors.Is(err, ErrBusy) {
			if already < most {
				t.Errorf("refused while %d pages wait", already)
			}
			return true
		}
		if err != nil || already > crammed*most {
			t.Fatalf("%d pages wait, %v", already, err)
		}
		defer s.Leave()
		refused := false
		_ = s.Replay(t.Context(), func(context.Context, []byte, int) error {
			refused = waiting(already + 1) // and doesn't take this one meanwhile
			return io.EOF
		})
		return refused
	}
	if !waiting(0) {
		t.Error("nobody was refused")
	}
	s, err := h.Join(t.Context(), missing)
	if err != nil {
		t.Fatalf("once none waits: %v", err)
	}
	s.Leave()
}

func TestASubscriberThatIsClosedWithinItsReplayGetsNoMoreThanItsEnd(t *testing.T) {
	for _, c := range []struct {
		name                     string
		before, reading, writing bool
		pages                    int
	}{
		{"before", true, false, false, 0}, {"while a page is read", false, true, false, 1}, {"while a page is written", false, false, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var s *Subscriber
			h := NewHub(&longLog{reading: func(ctx context.Context, q Query) error {
				if !c.reading || q.After == 0 {
					return nil
				}
				s.Close(CloseSession)
				<-ctx.Done() // as long as a database that hangs
				return ctx.Err()
			}}, Config{})
			s = resume(t, h)
			if c.before {
				s.Close(CloseSession)
			}
			pages := 0
			err := s.Replay(ctx, func(ctx context.Context, _ []byte, _ int) error {
				if pages++; c.writing {
					s.Close(CloseSession)
					<-ctx.Done()
				}
				return nil
			})
			if err != nil || ctx.Err() != nil || pages != c.pages {
				t.Errorf("%d pages, %v, %v", pages, err, ctx.Err())
			}
			s.Alone()
			if b := s.Take(&Round{}); b.Close != CloseSession || !b.Bye || len(b.Bytes) > 0 {
				t.Errorf("then %+v", b)
			}
			if h.Stats().Replaying != 0 {
				t.Error("the replay isn't over")
			}
		})
	}
}
