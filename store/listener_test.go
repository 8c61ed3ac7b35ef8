package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
)

// heard keeps what a listener passes on.
type heard struct {
	hints chan *gateway.Event
}

func (h heard) Hint(e *gateway.Event) { h.hints <- e }
func (h heard) Wake(time.Duration)    {}

// listen runs a listener until the test ends.
func listen(t *testing.T, url string, pool *pgxpool.Pool) (*store.Listener, heard) {
	t.Helper()
	l, err := store.NewListener(url, pool, store.ProbeTimeout, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := heard{make(chan *gateway.Event, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx, h) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return l, h
}

// next inserts until a hint comes: LISTEN takes effect a moment after it was asked for.
func (h heard) next(t *testing.T, insert func()) *gateway.Event {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		insert()
		select {
		case e := <-h.hints:
			return e
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			t.Fatal("no hint")
		}
	}
}

// settle reads hints until none of what was inserted for a tenant that is listened to is under way any more.
func (h heard) settle(t *testing.T, pool *pgxpool.Pool, tenant string) {
	t.Helper()
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ($1, 'the last')`, tenant)
	deadline := time.After(15 * time.Second)
	for {
		select {
		case e := <-h.hints:
			if e != nil && bytes.Contains(e.Data, []byte(`"the last"`)) {
				return
			}
		case <-deadline:
			t.Fatal("no hint of the last")
		}
	}
}

func TestAHintCarriesWhatTheLogHolds(t *testing.T) {
	pool, url := migrated(t)
	log := store.NewLog(pool)
	l, h := listen(t, url, pool)
	l.Want("acme", true)
	e := h.next(t, func() {
		exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) values ('globex', 'x', 'other'), ('acme', 'x', 'hello')`)
	})
	if e == nil {
		t.Fatal("a hint of one row carries no event")
	}
	events, _ := read(t, log, gateway.Query{Reader: &gateway.Reader{Tenant: "acme", Topics: []string{"activity"}}})
	for _, logged := range events {
		if logged.Seq != e.Seq {
			continue
		}
		a, errA := logged.Envelope()
		b, errB := e.Envelope()
		if errA != nil || errB != nil || string(a) != string(b) || logged.Stamp != e.Stamp || logged.Tenant != e.Tenant {
			t.Errorf("hint %+v %s\nlog %+v %s", e.Stamp, b, logged.Stamp, a)
		}
		return
	}
	t.Errorf("event %d is not in the log", e.Seq)
}

func TestAHintSaysOnlyLookWhereTheDataWouldNotFit(t *testing.T) {
	pool, url := migrated(t)
	l, h := listen(t, url, pool)
	l.Want("acme", true)
	h.next(t, func() { exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`) })
	h.settle(t, pool, "acme")
	for _, description := range []string{strings.Repeat("x", 9000), strings.Repeat("💡", 2000), strings.Repeat(`"`, 7500)} {
		exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) values ('acme', 'x', $1)`, description)
		if e := <-h.hints; e != nil {
			t.Errorf("a hint of %d bytes carries its event", len(description))
		}
	}
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) select 'acme', 'x' from generate_series(1, 1000)`)
	if e := <-h.hints; e != nil {
		t.Error("a hint of 1000 rows carries one")
	}
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'alone')`)
	if e := <-h.hints; e == nil || !json.Valid(e.Data) { // 1000 rows were one hint
		t.Errorf("then came %+v", e)
	}
}

func TestReadingTheLogDeliversWhatNoHintBrought(t *testing.T) {
	pool, _ := migrated(t)
	hub := gateway.NewHub(store.NewLog(pool), gateway.Config{ReconcileEvery: 10 * time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { hub.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	var s *gateway.Subscriber
	for s == nil { // until the first reading
		s, _ = hub.Join(t.Context(), gateway.Request{Identity: gateway.Identity{Tenant: "acme"}, Topics: []string{"activity"}})
	}
	defer s.Leave()
	if err := s.Replay(t.Context(), func([]byte, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	ready := s.Alone()
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`)
	deadline := time.After(15 * time.Second)
	for {
		select {
		case <-ready:
		case <-deadline:
			t.Fatal("no event")
		}
		if s.Take(&gateway.Round{}).Events > 0 {
			return
		}
	}
}

func TestAListenerThatLosesItsConnectionHearsAgain(t *testing.T) {
	pool, url := migrated(t)
	l, h := listen(t, url, pool)
	l.Want("acme", true)
	insert := func() { exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`) }
	h.next(t, insert)
	h.settle(t, pool, "acme")
	exec(t, pool, `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'pgfeed listener' and datname = current_database()`)
	h.next(t, insert)
}

// wakes counts how often it is asked to look into the log.
type wakes struct {
	heard
	woken chan time.Duration
}

func (w wakes) Wake(within time.Duration) {
	select {
	case w.woken <- within:
	default:
	}
}

func TestPastALimitOfChannelsTheLogIsReadOftenInstead(t *testing.T) {
	pool, url := migrated(t)
	l, err := store.NewListener(url, pool, store.ProbeTimeout, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l.Most = 1
	w := wakes{heard{make(chan *gateway.Event, 100)}, make(chan time.Duration)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx, w) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	insert := func(tenant string) func() {
		return func() { exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ($1, 'x')`, tenant) }
	}
	l.Want("acme", true)
	w.next(t, insert("acme"))
	l.Want("zenith", true) // has no room
	for range 8 {          // goes on
		select {
		case <-w.woken:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody is asked to read the log")
		}
	}
	w.settle(t, pool, "acme")
	l.Want("acme", false) // makes room
	if e := w.next(t, insert("zenith")); e != nil && e.Tenant != "zenith" {
		t.Errorf("a hint for %q", e.Tenant)
	}
}
