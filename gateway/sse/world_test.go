package sse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memoryLog is a log whose transactions are single events that commit at once.
type memoryLog struct {
	mu      sync.Mutex
	events  []gateway.Event
	held    string        // a tenant whose pages of replays wait; empty: none's do
	release chan struct{} // until it is closed
	waiting int           // of them
}

// hold has a tenant's pages of replays wait until release is called.
func (l *memoryLog) hold(tenant string) (release func()) {
	held := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held, l.release, l.waiting = tenant, held, 0
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(held)
		l.held = ""
	}
}

func (l *memoryLog) holds(pages int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting == pages
}

func (l *memoryLog) wait(ctx context.Context, tenant string) error {
	l.mu.Lock()
	held, release := l.held == tenant, l.release
	if held {
		l.waiting++
	}
	l.mu.Unlock()
	if !held {
		return nil
	}
	select {
	case <-release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *memoryLog) position() gateway.Position {
	return gateway.Position{Epoch: 1, Snapshot: gateway.Snapshot{Boot: 1, Xmax: uint64(len(l.events)) + 1}, Written: int64(len(l.events))}
}

func (l *memoryLog) add(e gateway.Event) gateway.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Seq = int64(len(l.events)) + 1
	e.Stamp = gateway.Stamp{Boot: 1, XID: uint64(e.Seq)}
	e.At = time.Now()
	l.events = append(l.events, e)
	return e
}

func (l *memoryLog) Position(context.Context) (gateway.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.position(), nil
}

func (l *memoryLog) Read(ctx context.Context, q gateway.Query, begin func(gateway.Position) error, each func(gateway.Event) error) error {
	if q.Reader != nil {
		if err := l.wait(ctx, q.Reader.Tenant); err != nil {
			return err
		}
	}
	l.mu.Lock()
	at, events := l.position(), l.events[:len(l.events):len(l.events)]
	l.mu.Unlock()
	if err := begin(at); err != nil {
		return err
	}
	n := 0
	for _, e := range events[min(int(max(q.Since.Snapshot.Xmax, 1))-1, len(events)):] {
		if e.Seq <= q.After || q.Since.Has(e.Stamp, e.Seq) {
			continue
		}
		if r := q.Reader; r != nil && (r.Tenant != e.Tenant || !slices.Contains(r.Topics, e.Topic) || e.Recipient != nil && *e.Recipient != r.User) {
			continue
		}
		if n++; q.Limit > 0 && n > q.Limit {
			return nil
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

func (*memoryLog) Newest(context.Context, gateway.Reader, int64, int, func(gateway.Position) error, func(gateway.Event) error) error {
	return errors.ErrUnsupported
}

// transports are the ways to a stream.
var transports = []string{"plain", "portable", "h2c", "tls"}

// world is a gateway without Postgres: a log in memory, a hub, an engine, a server.
type world struct {
	log      *memoryLog
	hub      *gateway.Hub
	server   *httptest.Server
	client   http.RoundTripper
	counters *sse.Counters

	mu       sync.Mutex
	released int
	errors   []error
}

func newWorld(t testing.TB, transport string, cfg gateway.Config, o sse.Options) *world {
	t.Helper()
	return newWorldOn(t, &memoryLog{}, transport, cfg, o)
}

// newWorldOn is another gateway on the same log.
func newWorldOn(t testing.TB, log *memoryLog, transport string, cfg gateway.Config, o sse.Options, configure ...func(*http.Server)) *world {
	t.Helper()
	o.Portable, o.Counters = transport != "plain", &sse.Counters{}
	w := &world{log: log, counters: o.Counters}
	if cfg.ReconcileEvery == 0 {
		cfg.ReconcileEvery = 20 * time.Millisecond
	}
	w.hub = gateway.NewHub(w.log, cfg)
	engine, err := sse.New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewUnstartedServer(w.handler(engine))
	w.server.Config.ConnContext = sse.ConnContext
	for _, set := range configure {
		set(w.server.Config)
	}
	tr := &http.Transport{}
	w.client = tr
	switch transport {
	case "h2c":
		w.server.Config.Protocols, tr.Protocols = &http.Protocols{}, &http.Protocols{}
		w.server.Config.Protocols.SetUnencryptedHTTP2(true)
		tr.Protocols.SetUnencryptedHTTP2(true)
		w.server.Start()
	case "tls":
		w.server.EnableHTTP2 = true
		w.server.StartTLS()
		tr.TLSClientConfig = w.server.Client().Transport.(*http.Transport).TLSClientConfig
		tr.ForceAttemptHTTP2 = true
	default:
		w.server.Start()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.hub.Run(ctx) })
	t.Cleanup(func() {
		drain, stop := context.WithCancel(context.Background())
		stop() // at once
		w.hub.Drain(drain, 0)
		engine.Close()
		tr.CloseIdleConnections()
		w.server.Close()
		w.await(t, "nobody is left", func() bool { return w.hub.Subscribers() == 0 })
		cancel()
		wg.Wait()
	})
	w.await(t, "the first reading", w.hub.Readable)
	return w
}

// handler takes an identity from the query.
func (w *world) handler(engine *sse.Engine) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		topics := []string{"activity", "notification"}
		if q.Has("topics") {
			topics = strings.Split(q.Get("topics"), ",")
		}
		s, err := w.hub.Join(r.Context(), gateway.Request{
			Identity: gateway.Identity{Tenant: q.Get("tenant"), User: q.Get("user"), Session: q.Get("session")},
			Topics:   topics, Cursor: q.Get("cursor"), Release: func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.released++
			},
		})
		if err != nil {
			http.Error(rw, err.Error(), http.StatusServiceUnavailable)
			return
		}
		sse.Header(rw.Header())
		rw.Header().Set("X-Test", "yes")
		if err := engine.Serve(rw, r, s); err != nil {
			if errors.Is(err, sse.ErrBusy) || errors.Is(err, sse.ErrClosed) {
				http.Error(rw, err.Error(), http.StatusServiceUnavailable)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.errors = append(w.errors, err)
		}
	})
}

// await asks until something is so.
func (w *world) await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) { // between two questions
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

const patience = 30 * time.Second

func (w *world) path(query string) string { return w.server.URL + "/?" + query }

// stream opens one and reads its hello.
func (w *world) stream(t *testing.T, query string) *ssetest.Stream {
	t.Helper()
	s, err := ssetest.DialThrough(t, w.client, w.path(query), "")
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Until(t, "hello"); f.ID == "" || f.Retry == "" {
		t.Errorf("hello %+v", f)
	}
	return s
}

// publish commits an event and has a hint bring it.
func (w *world) publish(tenant, text string) {
	e := w.commit(tenant, text)
	w.hub.Hint(tenant, &e)
}

// commit is publish without a hint.
func (w *world) commit(tenant, text string) gateway.Event {
	data, _ := json.Marshal(text)
	return w.log.add(gateway.Event{Tenant: tenant, Topic: "activity", Name: "activity:new", Data: data})
}

func (w *world) notify(tenant, user, text string) {
	data, _ := json.Marshal(text)
	e := w.log.add(gateway.Event{Tenant: tenant, Recipient: &user, Topic: "notification", Name: "notification:new", Data: data})
	w.hub.Hint(tenant, &e)
}

func text(t *testing.T, e ssetest.Envelope) string {
	t.Helper()
	var text string
	if err := json.Unmarshal(e.Data, &text); err != nil {
		t.Fatal(err)
	}
	return text
}

// expect reads events that must come in this order, and nothing else.
func expect(t *testing.T, s *ssetest.Stream, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if got := text(t, s.Event(t)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func numbered(prefix string, from, to int) []string {
	var list []string
	for n := from; n < to; n++ {
		list = append(list, fmt.Sprintf("%s%d", prefix, n))
	}
	return list
}
