package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// bigLog gives one more event of 300 kB at each reading.
type bigLog struct{ seq int64 }

func (l *bigLog) position() Position {
	return Position{Epoch: 1, Snapshot: Snapshot{Boot: 1, Xmax: 100 + uint64(l.seq)}} //nolint:gosec // never negative
}

func (l *bigLog) Position(context.Context) (Position, error) { return l.position(), nil }

func (l *bigLog) Read(_ context.Context, _ Query, begin func(Position) error, each func(Event) error) error {
	l.seq++
	if err := begin(l.position()); err != nil {
		return err
	}
	return each(Event{
		Seq: l.seq, Stamp: Stamp{1, 99 + uint64(l.seq)}, Tenant: "t", Topic: TopicActivity, Name: "activity:new", //nolint:gosec // never negative
		Data: json.RawMessage(`"` + strings.Repeat("x", 300_000) + `"`),
	})
}

func (*bigLog) Newest(context.Context, Reader, int64, int) ([]Event, Position, error) {
	return nil, Position{}, nil
}

type idleWriter struct{ lanes []*Lane }

func (w *idleWriter) Wake(l *Lane) { w.lanes = append(w.lanes, l) }

func (w *idleWriter) takeAll() {
	var r Round
	for _, l := range w.lanes {
		for more := true; more; {
			_, more = l.Take(&r)
		}
	}
	w.lanes = nil
}

// A reading waits for writers that lag behind, and for none that had nobody to serve when the frames came.
func TestAReadingDoesntWaitForAWriterThatHadNobodyToServe(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h := NewHub(&bigLog{}, Config{})
	reconcile := func() {
		t.Helper()
		if err := h.reconcile(ctx); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(w Writer) *Subscriber {
		t.Helper()
		s, err := h.Join(ctx, Request{Identity: Identity{Tenant: "t"}, Topics: []string{TopicActivity}})
		if err == nil {
			err = s.Replay(ctx, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Serve(w)
		return s
	}
	reconcile() // where to begin
	busy, idle := &idleWriter{}, &idleWriter{}
	serve(busy)
	serve(idle).Leave()
	for range 3 {
		reconcile()
		busy.takeAll()
	}
	s := serve(idle)
	defer s.Leave()
	reconcile() // and not until ctx ends
}
