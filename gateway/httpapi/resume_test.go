package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/gateway/httpapi"
	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// memoryLog holds two events: one of acme, one of another tenant.
type memoryLog struct{}

var now = gateway.Position{Epoch: 7, Snapshot: gateway.Snapshot{Boot: 5, Xmax: 100, Xip: []uint64{40}}}

func (memoryLog) Position(context.Context) (gateway.Position, error) { return now, nil }

func (memoryLog) Read(_ context.Context, q gateway.Query, begin func(gateway.Position) error, each func(gateway.Event) error) error {
	if err := begin(now); err != nil {
		return err
	}
	for seq, tenant := range []string{"acme", "globex"} {
		e := gateway.Event{
			Seq: int64(seq + 1), Stamp: gateway.Stamp{Boot: 5, XID: 50}, Tenant: tenant, Topic: "activity", Name: "activity:new",
			Data: json.RawMessage(`{"of":"` + tenant + `"}`), At: time.Unix(1, 0),
		}
		if q.Since.Has(e.Stamp, e.Seq) || e.Seq <= q.After || q.Reader != nil && q.Reader.Tenant != tenant {
			continue
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

func (memoryLog) Newest(_ context.Context, _ gateway.Reader, _ int64, _ int, begin func(gateway.Position) error, _ func(gateway.Event) error) error {
	return begin(now)
}

// changedLog becomes another one between two questions.
type changedLog struct{ memoryLog }

func (changedLog) Read(_ context.Context, _ gateway.Query, begin func(gateway.Position) error, _ func(gateway.Event) error) error {
	other := now
	other.Epoch++
	return begin(other)
}

// everyoneIsAda lets all pass.
type everyoneIsAda struct{}

func (everyoneIsAda) Verify(context.Context, *http.Request) (auth.Pass, error) {
	return auth.Pass{Identity: gateway.Identity{Tenant: "acme", User: "ada"}}, nil
}

// served gives a handler over the memory log, with a hub that has read it.
func served(f testing.TB) (http.Handler, *gateway.Hub) { return servedFrom(f, memoryLog{}) }

// servedFrom has lists and polling answered from another log.
func servedFrom(f testing.TB, log gateway.Log) (http.Handler, *gateway.Hub) {
	f.Helper()
	hub := gateway.NewHub(memoryLog{}, gateway.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		hub.Run(ctx)
	}()
	f.Cleanup(func() {
		cancel()
		<-done
	})
	for !hub.Readable() {
		time.Sleep(time.Millisecond) // between two looks
	}
	streams, err := sse.New(sse.Options{KeepAlive: time.Millisecond, Heartbeat: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(streams.Close)
	h, err := httpapi.New(httpapi.Options{
		Hub: hub, Log: log, Verifier: everyoneIsAda{}, Logger: slog.New(slog.DiscardHandler), Page: fstest.MapFS{},
		Ready:  func(context.Context) ([]string, error) { return nil, nil },
		Stream: streams,
	})
	if err != nil {
		f.Fatal(err)
	}
	return h, hub
}

// Whatever a client says it has, the answer is a well-formed stream of its own tenant, in which nothing is passed over in
// silence: a cursor that can't be gone on from is a reset.
func FuzzWhereAClientGoesOnFrom(f *testing.F) {
	h, _ := served(f)
	f.Add("", "")
	f.Add(now.Cursor().String(), "")
	f.Add("", now.Cursor().String())
	f.Add(gateway.Cursor{Epoch: 7, Snapshot: gateway.Snapshot{Boot: 5, Xmax: 41}, Ahead: []int64{1}}.String(), "nonsense")
	f.Add("", gateway.Cursor{Epoch: 8}.String())
	f.Add("", gateway.Cursor{Epoch: 7, Snapshot: gateway.Snapshot{Boot: 5, Xmax: 30, Floor: 9}}.String())
	f.Add("\nevent: x", "%00")
	f.Add("null", "Aw")
	f.Fuzz(func(t *testing.T, lastEventID, cursor string) {
		for _, path := range []string{"/api/activity/stream", "/api/activity"} {
			ctx, cancel := context.WithCancel(t.Context())
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, path+"?cursor="+url.QueryEscape(cursor), nil)
			r.Header.Set("Last-Event-ID", lastEventID)
			w := &untilLive{ResponseRecorder: httptest.NewRecorder(), stop: cancel}
			h.ServeHTTP(w, r)
			cancel()
			body, err := io.ReadAll(w.Result().Body)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case w.Code == http.StatusRequestURITooLong:
			case w.Code != http.StatusOK:
				t.Fatalf("%s %q %q: %d %s", path, lastEventID, cursor, w.Code, body)
			case path == "/api/activity":
				if !json.Valid(body) {
					t.Errorf("polling from %q: %s", cursor, body)
				}
			default:
				checkStream(t, body, lastEventID, cursor)
			}
		}
	})
}

func checkStream(t *testing.T, body []byte, lastEventID, cursor string) {
	t.Helper()
	frames, err := ssetest.Parse(body)
	if err != nil || len(frames) == 0 || frames[0].Event != "hello" {
		t.Fatalf("from %q or %q: %v: %q", lastEventID, cursor, err, body)
	}
	from := lastEventID
	if from == "" {
		from = cursor
	}
	c, parseErr := gateway.ParseCursor(from)
	good := from == "" || parseErr == nil && c.Epoch == now.Epoch && (c.Snapshot.Boot != now.Snapshot.Boot || c.Snapshot.Floor <= now.Written)
	if parseErr != nil && !errors.Is(parseErr, gateway.ErrCursor) {
		t.Errorf("%q: %v", from, parseErr)
	}
	reset := false
	for _, frame := range frames {
		var e struct{ Data struct{ Of string } }
		if frame.Event == "activity:new" && (json.Unmarshal([]byte(frame.Data), &e) != nil || e.Data.Of != "acme") {
			t.Errorf("from %q: got %q", from, frame.Data)
		}
		reset = reset || frame.Event == "reset"
	}
	if !good && !reset {
		t.Errorf("%q is gone on from: %q", from, body)
	}
}

// untilLive ends the request at the first comment: nothing is left to send then.
type untilLive struct {
	*httptest.ResponseRecorder
	stop func()
}

func (w *untilLive) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(": keep-alive")) {
		defer w.stop()
	}
	return w.ResponseRecorder.Write(p)
}

// SetWriteDeadline is what streams ask of a connection.
func (w *untilLive) SetWriteDeadline(time.Time) error { return nil }

func TestPollingThatMeetsAnotherEpochIsAReset(t *testing.T) {
	h, _ := servedFrom(t, changedLog{})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/activity?cursor="+now.Cursor().String(), nil))
	var page struct {
		Cursor string
		Reset  struct{ Reason string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Reset.Reason != "epoch" {
		t.Errorf("%s, %v", w.Body, err)
	}
	if c, err := gateway.ParseCursor(page.Cursor); err != nil || c.Epoch != now.Epoch+1 {
		t.Errorf("it goes on from %+v, %v", c, err)
	}
}
