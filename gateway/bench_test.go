package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// sink takes rounds and writes nothing.
type sink struct {
	lanes []*Lane
	round Round
	bytes int
}

func (w *sink) Wake(l *Lane) { w.lanes = append(w.lanes, l) }

func (w *sink) write() (batches int) {
	for _, l := range w.lanes {
		for more := true; more; {
			var taken []Batch
			taken, more = l.Take(&w.round)
			batches += len(taken)
			for i := range taken {
				w.bytes += len(taken[i].Bytes)
			}
		}
	}
	w.lanes = w.lanes[:0]
	return batches
}

// crowded is a hub with subscribers of one tenant that have caught up.
func crowded(tb testing.TB, subscribers int) (*Hub, *sink, func(recipient *string)) {
	tb.Helper()
	m := newModel(1)
	m.depth = 9
	hub, w := m.gateways[0].hub, &sink{}
	for i := range subscribers {
		s, err := hub.Join(context.Background(), Request{
			Identity: Identity{Tenant: "t", User: fmt.Sprint(i), Session: fmt.Sprint(i)}, Topics: []string{TopicActivity, TopicNotification},
		})
		if err != nil {
			tb.Fatal(err)
		}
		if err := s.Replay(context.Background(), nil); err != nil {
			tb.Fatal(err)
		}
		s.Serve(w)
	}
	data, err := json.Marshal(strings.Repeat("x", 200))
	if err != nil {
		tb.Fatal(err)
	}
	dispatch := func(recipient *string) {
		m.db.begin()
		xid := m.db.nextXID - 1
		m.db.write(xid)
		e := m.db.finish(xid, true)[0]
		e.Data, e.Recipient, e.At = data, recipient, time.Unix(1, 0)
		hub.Hint(e.Tenant, &e)
	}
	dispatch(nil)
	w.write()
	m.reconcile(m.gateways[0])
	return hub, w, func(recipient *string) {
		dispatch(recipient)
		if len(m.db.committed)%50 == 0 {
			m.reconcile(m.gateways[0])
			hub.trim()
			m.db.committed = m.db.committed[:0]
		}
	}
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	allocations := func(subscribers int) float64 {
		_, w, dispatch := crowded(t, subscribers)
		return testing.AllocsPerRun(100, func() {
			dispatch(nil)
			if n := w.write(); n != subscribers {
				t.Errorf("%d of %d subscribers are sent the event", n, subscribers)
			}
		})
	}
	one, many := allocations(1), allocations(3000)
	if many > one+3 { // what is left is of the event, and of the clock
		t.Errorf("%v allocations for one subscriber, %v for 3000", one, many)
	}
}

// Each event, encoded once, is taken for 10,000 subscribers.
func BenchmarkAnEventForTenThousand(b *testing.B) {
	_, w, dispatch := crowded(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		dispatch(nil)
		w.write()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/delivery")
}

// Each event is for one of 10,000 subscribers.
func BenchmarkAnEventForOneOfTenThousand(b *testing.B) {
	_, w, dispatch := crowded(b, 10_000)
	user := "4711"
	b.ReportAllocs()
	for b.Loop() {
		dispatch(&user)
		w.write()
	}
}

func BenchmarkJoinAndLeaveAmongTenThousand(b *testing.B) {
	hub, w, _ := crowded(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		s, err := hub.Join(context.Background(), Request{Identity: Identity{Tenant: "t", User: "u", Session: "s"}, Topics: []string{TopicActivity}})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Replay(context.Background(), nil); err != nil {
			b.Fatal(err)
		}
		s.Serve(w)
		w.write()
		s.Leave()
	}
}
