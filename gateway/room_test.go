package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// bigLog gives one more event of 300 kB at each reading.
type bigLog struct{ seq int64 }

func (l *bigLog) position() Position {
	return Position{Epoch: 1, Snapshot: Snapshot{Boot: 1, Xmax: 100 + uint64(l.seq)}, Written: l.seq} //nolint:gosec // never negative
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

func (*bigLog) Newest(context.Context, Reader, int64, int, func(Position) error, func(Event) error) error {
	return nil
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

// What all tenants together keep for streams that don't read is bounded, however many tenants there are.
func TestWhatIsKeptForStreamsThatDontReadIsBoundedInAll(t *testing.T) {
	const most, tenants, each = 4 << 20, 200, 1 << 20
	h := NewHub(&bigLog{}, Config{MaxPending: each, MaxBuffered: most})
	if err := h.reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	data := json.RawMessage(`"` + strings.Repeat("x", 2000) + `"`)
	seq, peak := int64(0), int64(0)
	stuck := &idleWriter{}
	for n := range tenants {
		tenant := fmt.Sprint("tenant-", n)
		s, err := h.Join(t.Context(), Request{Identity: Identity{Tenant: tenant}, Topics: []string{TopicActivity}})
		if err == nil {
			err = s.Replay(t.Context(), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.Serve(stuck)
		for range each/len(data) + 16 {
			seq++
			h.feed(tenant).dispatch(Event{Seq: seq, Stamp: Stamp{1, 1000 + uint64(seq)}, Tenant: tenant, Topic: TopicActivity, Name: "activity:new", Data: data}) //nolint:gosec // never negative
			peak = max(peak, h.Stats().Buffered)
		}
	}
	// A frame for each tenant, and a quarter more: two thirds of that have ids and names beside the data.
	if bound := int64(most + most/4 + tenants*2*len(data)); peak > bound || peak < most {
		t.Errorf("%d bytes are kept at most, want between %d and %d", peak, most, bound)
	}
}
