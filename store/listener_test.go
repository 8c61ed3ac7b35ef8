package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

// heard keeps what a listener passes on.
type heard struct {
	hints chan *gateway.Event
}

func (h heard) Hint(_ string, e *gateway.Event) { h.hints <- e }
func (h heard) Wake(time.Duration)              {}

func newListener(t *testing.T, url string, pool *pgxpool.Pool, timeout time.Duration) *store.Listener {
	t.Helper()
	l, err := store.NewListener(url, pool, timeout, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listen runs a usual listener until the test ends.
func listen(t *testing.T, url string, pool *pgxpool.Pool) (*store.Listener, heard) {
	t.Helper()
	l := newListener(t, url, pool, store.ProbeTimeout)
	h := heard{make(chan *gateway.Event, 100)}
	run(t, l, h)
	return l, h
}

// run runs a listener until the test ends.
func run(t *testing.T, l *store.Listener, sink store.HintSink) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx, sink) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

// next inserts until a hint comes: LISTEN takes effect a moment after it was asked for.
func (h heard) next(t *testing.T, insert func()) *gateway.Event {
	t.Helper()
	deadline := time.After(time.Minute)
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

// take waits for the next hint.
func (h heard) take(t *testing.T) *gateway.Event {
	t.Helper()
	select {
	case e := <-h.hints:
		return e
	case <-time.After(time.Minute):
		t.Fatal("no hint")
		return nil
	}
}

// settle reads hints until none of what was inserted for a tenant that is listened to is under way any more.
func (h heard) settle(t *testing.T, pool *pgxpool.Pool, tenant string) {
	t.Helper()
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ($1, 'the last')`, tenant)
	deadline := time.After(time.Minute)
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
		if e := h.take(t); e != nil {
			t.Errorf("a hint of %d bytes carries its event", len(description))
		}
	}
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) select 'acme', 'x' from generate_series(1, 1000)`)
	if e := h.take(t); e != nil {
		t.Error("a hint of 1000 rows carries one")
	}
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'alone')`)
	if e := h.take(t); e == nil || !json.Valid(e.Data) { // 1000 rows were one hint
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
	if err := s.Replay(t.Context(), func(context.Context, []byte, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	ready := s.Alone()
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`)
	deadline := time.After(time.Minute)
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
	cutOff(t, pool)
	h.next(t, insert)
}

// cutOff ends the listener's connection.
func cutOff(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	exec(t, pool, `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'pgfeed listener' and datname = current_database()`)
}

// connectAgain has a listener lose its connection, and waits for the next one.
func connectAgain(t *testing.T, l *store.Listener, pool *pgxpool.Pool) {
	t.Helper()
	before := l.Stats().Connects
	cutOff(t, pool)
	eventually(t, "another connection", func() bool { return l.Stats().Connects > before })
}

// through is a link to the server of a database, and the database's URL through it.
func through(t *testing.T, databaseURL string) (*faults.Link, string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	network := faults.NewNetwork()
	t.Cleanup(network.Close)
	link, err := network.Link(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = link.Addr()
	return link, u.String()
}

// hinted notes which tenants were hinted at with an event.
type hinted struct {
	mu      sync.Mutex
	tenants map[string]bool
}

func (h *hinted) Wake(time.Duration) {}

func (h *hinted) Hint(_ string, e *gateway.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e != nil {
		h.tenants[e.Tenant] = true
	}
}

// take gives the tenants since it was last called.
func (h *hinted) take() map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	tenants := h.tenants
	h.tenants = map[string]bool{}
	return tenants
}

const insertForEach = `insert into "activityLogs" ("tenantId", action) select *, 'x' from unnest($1::text[])`

// hearsAll inserts for tenants until each has been hinted at.
func (h *hinted) hearsAll(t *testing.T, pool *pgxpool.Pool, tenants []string) {
	t.Helper()
	h.take()
	missing := tenants
	eventually(t, "hints for all tenants", func() bool {
		exec(t, pool, insertForEach, missing)
		heard := h.take()
		missing = slices.DeleteFunc(slices.Clone(missing), func(tenant string) bool { return heard[tenant] })
		return len(missing) == 0
	})
}

// named gives names of tenants.
func named(prefix string, n int) (tenants []string) {
	for i := range n {
		tenants = append(tenants, fmt.Sprint(prefix, i))
	}
	return tenants
}

func want(l *store.Listener, tenants []string, wanted bool) {
	for _, tenant := range tenants {
		l.Want(tenant, wanted)
	}
}

// A statement for each tenant that there is or was would take this network minutes.
func TestAListenerOfManyTenantsHearsAgainOverASlowNetwork(t *testing.T) {
	pool, direct := migrated(t)
	link, url := through(t, direct)
	l := newListener(t, url, pool, 2*time.Second)
	h := &hinted{}
	run(t, l, h)
	gone, there := named("gone-", 2500), named("there-", 2500)
	want(l, gone, true)
	h.hearsAll(t, pool, gone)
	want(l, gone, false)
	want(l, there, true)
	h.hearsAll(t, pool, there)
	if err := link.Delay(20 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	connectAgain(t, l, pool)
	h.hearsAll(t, pool, there)
	eventually(t, "a probe that comes back", l.Hears)
}

func TestAListenerThatConnectsAgainListensToNoMoreThanItMay(t *testing.T) {
	pool, url := migrated(t)
	l := newListener(t, url, pool, store.ProbeTimeout)
	l.Most = 10
	h := &hinted{}
	run(t, l, h)
	first, second := named("first-", l.Most), named("second-", l.Most)
	want(l, first, true)
	h.hearsAll(t, pool, first)
	want(l, first, false)
	want(l, second, true)
	h.hearsAll(t, pool, second)
	want(l, first, true) // has no room
	connectAgain(t, l, pool)
	h.take()
	heard := map[string]bool{}
	for rounds := 0; rounds < 10 || len(heard) < l.Most; rounds++ { // whoever is listened to is hinted at, in each
		eventually(t, "hints", func() bool {
			exec(t, pool, insertForEach, slices.Concat(first, second))
			now := h.take()
			maps.Copy(heard, now)
			return len(now) > 0
		})
	}
	if len(heard) != l.Most {
		t.Errorf("%d tenants are listened to, of %d", len(heard), l.Most)
	}
}

func TestATenantThatTheDatabaseCantNameKeepsNoOtherFromBeingHintedAt(t *testing.T) {
	url := storetest.DatabaseIn(t, "LATIN1")
	pool := migratedAt(t, url)
	l, h := listen(t, url, pool)
	l.Want("тест", true)
	l.Want("café", true)
	e := h.next(t, func() { exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('café', 'x')`) })
	if e == nil || e.Tenant != "café" {
		t.Errorf("a hint of %+v", e)
	}
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
	l := newListener(t, url, pool, store.ProbeTimeout)
	l.Most = 1
	w := wakes{heard{make(chan *gateway.Event, 100)}, make(chan time.Duration)}
	run(t, l, w)
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
