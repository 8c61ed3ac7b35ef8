package sse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// What a stream promises, whichever way it goes.
func TestEveryTransportKeepsThePromisesOfAStream(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			for _, c := range []struct {
				name string
				test func(*testing.T, string)
			}{
				{"header", testHeader}, {"who gets what", testWhoGetsWhat}, {"resuming", testResuming}, {"reset", testReset},
				{"overflow", testOverflow}, {"session", testSessionEnds}, {"drain", testDrain}, {"silence", testSilence},
				{"limits of requests", testLimitsOfRequests},
				{"peers that go", testPeersThatGo}, {"burst", testBurst}, {"slow", testSlow}, {"figures", testFigures}, {"busy", testBusy},
				{"slow replays", testSlowReplays}, {"closed within a replay", testClosedWithinAReplay},
			} {
				t.Run(c.name, func(t *testing.T) { c.test(t, transport) })
			}
		})
	}
}

func testHeader(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{Heartbeat: 7 * time.Second, Retry: 1234 * time.Millisecond})
	s, err := ssetest.DialThrough(t, w.client, w.path("tenant=acme&user=ada"), "")
	if err != nil {
		t.Fatal(err)
	}
	h := s.Response.Header
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", "X-Test": "yes", "Content-Length": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	f, err := s.Next(t)
	if err != nil || f.Event != "hello" || f.Retry != "1234" || !strings.Contains(f.Data, `"tenant":"acme","user":"ada","heartbeat":7,"cursor":"`+f.ID) {
		t.Errorf("%+v, %v", f, err)
	}
}

func testWhoGetsWhat(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{})
	ada, gus := w.stream(t, "tenant=acme&user=ada"), w.stream(t, "tenant=acme&user=gus")
	quiet, other := w.stream(t, "tenant=acme&user=ada&topics=activity"), w.stream(t, "tenant=globex&user=ada")
	w.publish("acme", "1")
	w.notify("acme", "ada", "2")
	w.publish("globex", "3")
	w.notify("acme", "gus", "4")
	w.publish("acme", "5")
	w.publish("globex", "6")
	expect(t, ada, "1", "2", "5")
	expect(t, gus, "1", "4", "5")
	expect(t, quiet, "1", "5")
	expect(t, other, "3", "6")
}

func testResuming(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{})
	s := w.stream(t, "tenant=acme&user=ada")
	w.publish("acme", "first")
	expect(t, s, "first")
	s.Close()
	missed := numbered("missed ", 0, 1700)
	for _, m := range missed {
		w.publish("acme", m)
		w.publish("globex", "not for acme")
	}
	again := w.stream(t, "tenant=acme&user=ada&cursor="+s.LastID)
	expect(t, again, missed[:600]...)
	middle := again.LastID
	expect(t, again, missed[600:]...)
	w.publish("acme", "live")
	expect(t, again, "live")
	cut := w.stream(t, "tenant=acme&user=ada&cursor="+middle)
	expect(t, cut, missed[600:]...)
	expect(t, cut, "live")
}

func testReset(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{})
	for _, c := range []struct {
		cursor string
		reason gateway.ResetReason
	}{{"nonsense", gateway.ResetInvalid}, {gateway.Cursor{Epoch: 9}.String(), gateway.ResetEpoch}} {
		s := w.stream(t, "tenant=acme&user=ada&cursor="+c.cursor)
		if f := s.Until(t, "reset"); f.ID == "" || !strings.Contains(f.Data, string(c.reason)) {
			t.Errorf("%+v, want %s", f, c.reason)
		}
		w.publish("acme", "on and on")
		expect(t, s, "on and on")
	}
}

func testOverflow(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{MaxReplay: 600}, sse.Options{})
	from := w.stream(t, "tenant=acme&user=ada")
	for _, text := range numbered("", 0, 700) {
		w.publish("acme", text)
	}
	s := w.stream(t, "tenant=acme&user=ada&cursor="+from.LastID)
	if f := s.Until(t, "reset"); f.ID == "" || !strings.Contains(f.Data, "overflow") {
		t.Errorf("%+v", f)
	}
	w.publish("acme", "on and on")
	expect(t, s, "on and on")
}

// ended reads until the end, which must come behind a bye.
func ended(t *testing.T, s *ssetest.Stream, reason gateway.CloseReason) {
	t.Helper()
	if f := s.Until(t, "bye"); !strings.Contains(f.Data, string(reason)) {
		t.Errorf("%+v, want %s", f, reason)
	}
	if f, err := s.Next(t); !errors.Is(err, io.EOF) {
		t.Errorf("behind the bye: %+v, %v", f, err)
	}
}

func testSessionEnds(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{})
	a, b := w.stream(t, "tenant=acme&user=ada&session=a"), w.stream(t, "tenant=acme&user=ada&session=b")
	w.publish("acme", "before")
	if n := w.hub.CloseSession("a", gateway.CloseSession); n != 1 {
		t.Errorf("%d streams of the session", n)
	}
	expect(t, a, "before")
	ended(t, a, gateway.CloseSession)
	w.publish("acme", "after")
	expect(t, b, "before", "after")
	w.await(t, "one is left, the other's limits are released", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.hub.Subscribers() == 1 && w.released == 1
	})
}

func testDrain(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{})
	a, b := w.stream(t, "tenant=acme&user=ada"), w.stream(t, "tenant=globex&user=ada")
	w.hub.Drain(context.Background(), time.Millisecond)
	for _, s := range []*ssetest.Stream{a, b} {
		f := s.Until(t, "bye")
		if retry, err := strconv.Atoi(f.Retry); !strings.Contains(f.Data, "drain") || err != nil || retry < 500 || retry >= 1500 {
			t.Errorf("%+v", f)
		}
		if _, err := s.Next(t); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}
	if _, err := ssetest.DialThrough(t, w.client, w.path("tenant=acme"), ""); err == nil {
		t.Error("a gateway that drains takes new streams")
	}
}

func testSilence(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{Heartbeat: 400 * time.Millisecond, KeepAlive: 100 * time.Millisecond})
	s := w.stream(t, "tenant=acme&user=ada")
	w.publish("acme", "x")
	expect(t, s, "x")
	comments, pings := 0, 0
	for comments < 3 || pings < 2 {
		switch f, err := s.Next(t); {
		case err != nil:
			t.Fatal(err)
		case f.Comment != "":
			comments++
		case f.Event == "ping":
			pings++
			if at, err := gateway.ParseCursor(f.ID); err != nil || !at.Has(gateway.Stamp{Boot: 1, XID: 1}, 1) || !strings.Contains(f.Data, `"timestamp":"20`) {
				t.Errorf("%+v", f)
			}
		case f.Event != "":
			t.Errorf("%+v", f)
		}
	}
	w.publish("acme", "y")
	if got := text(t, s.Event(t)); got != "y" {
		t.Error(got)
	}
}

// The times that a server gives requests aren't a stream's, nor is that of a write over before the next one.
func testLimitsOfRequests(t *testing.T, transport string) {
	const limit = 2 * time.Second
	w := newWorldOn(t, &memoryLog{}, transport, gateway.Config{},
		sse.Options{KeepAlive: limit / 2, WriteTimeout: limit * 3 / 8}, func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = limit, limit })
	s := w.stream(t, "tenant=acme&user=ada")
	for begun := time.Now(); time.Since(begun) < 2*limit; { // by comments
		if f, err := s.Next(t); err != nil {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	w.publish("acme", "on and on")
	expect(t, s, "on and on")
}

func testPeersThatGo(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{})
	stays := w.stream(t, "tenant=acme&user=ada")
	for range 20 {
		w.stream(t, "tenant=acme&user=ada").Close()
	}
	w.await(t, "those that went have left", func() bool { return w.hub.Subscribers() == 1 })
	w.publish("acme", "x")
	expect(t, stays, "x")
}

// A reading of the log may bring many times what a ring holds: nobody who reads is slow for it.
func testBurst(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{MaxPending: 64 << 10, ReconcileEvery: time.Hour}, sse.Options{})
	streams := []*ssetest.Stream{w.stream(t, "tenant=acme&user=ada"), w.stream(t, "tenant=acme&user=gus&topics=activity"), w.stream(t, "tenant=acme&user=ada")}
	long := strings.Repeat("x", 400)
	var texts []string
	for _, text := range numbered("", 0, 3000) {
		texts = append(texts, text+long)
		w.commit("acme", text+long)
	}
	w.hub.Wake(0)
	for _, s := range streams {
		expect(t, s, texts...)
	}
}

// One that doesn't read is closed, costs the others nothing, and comes back for the rest.
func testSlow(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{MaxPending: 256 << 10}, sse.Options{WriteTimeout: time.Second})
	reader := w.stream(t, "tenant=acme&user=ada")
	start := reader.LastID
	body := stuck(t, w, "tenant=acme&user=gus")
	long := strings.Repeat("x", 8<<10)
	texts := 0
	for deadline := time.Now().Add(patience); w.hub.Subscribers() > 1; texts++ {
		if time.Now().After(deadline) {
			t.Fatal("the one that doesn't read stays")
		}
		w.publish("acme", fmt.Sprint(texts, " ", long))
		expect(t, reader, fmt.Sprint(texts, " ", long))
	}
	_ = body.Close()
	again := w.stream(t, "tenant=acme&user=gus&cursor="+start)
	for n := range texts {
		expect(t, again, fmt.Sprint(n, " ", long))
	}
}

// stuck opens a stream whose bytes nobody reads.
func stuck(t *testing.T, w *world, query string) io.Closer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.path(query), nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := w.client.(*http.Transport).Clone()
	tr.ReadBufferSize = 1
	h2 := tr.ForceAttemptHTTP2 || tr.Protocols != nil
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil && !h2 { // HTTP/2 has windows of its own
			err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = resp.Body.Close()
		tr.CloseIdleConnections()
	})
	return resp.Body
}

func testFigures(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{}, sse.Options{})
	from := w.stream(t, "tenant=acme&user=ada")
	w.publish("acme", "1")
	w.publish("acme", "2")
	expect(t, from, "1", "2")
	s := w.stream(t, "tenant=acme&user=ada&cursor="+from.LastID)
	w.await(t, "the replay is over", func() bool { now := w.hub.Stats(); return now.Replays == 1 && now.Replaying == 0 })
	w.publish("acme", "3") // live for both
	expect(t, s, "3")
	expect(t, from, "3")
	w.await(t, "all is counted", func() bool {
		now, hub := w.counters.Stats(), w.hub.Stats()
		return now.Deliveries == 4 && now.Latency.Count == 4 && now.Bytes > 500 && hub.Connections == 2 && hub.Replays == 1 && hub.Replaying == 0
	})
}

func testBusy(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{MaxReplays: 1, ReplayWait: time.Millisecond}, sse.Options{})
	from := w.stream(t, "tenant=acme&user=ada")
	release := w.log.hold("acme")
	w.stream(t, "tenant=acme&cursor="+from.LastID)
	w.await(t, "its page is being read", func() bool { return w.log.holds(1) })
	if _, err := ssetest.DialThrough(t, w.client, w.path("tenant=acme&cursor="+from.LastID), ""); err == nil {
		t.Error("more replays than are allowed")
	}
	w.stream(t, "tenant=acme") // without a cursor there is nothing to catch up with
	release()
	w.await(t, "the replay is over", func() bool { return w.hub.Stats().Replaying == 0 })
	w.stream(t, "tenant=acme&cursor="+from.LastID)
	if n := w.hub.Stats().Busy; n != 1 {
		t.Errorf("%d were refused", n)
	}
}

// missed commits more for acme than sockets take, and gives the cursors of those who missed it, and one event of globex behind it.
func missed(t *testing.T, w *world) (ofAcme, ofGlobex string) {
	t.Helper()
	acme, globex := w.stream(t, "tenant=acme&user=ada"), w.stream(t, "tenant=globex&user=gus")
	acme.Close()
	globex.Close()
	w.await(t, "they have left", func() bool { return w.hub.Subscribers() == 0 })
	long := strings.Repeat("x", 100<<10)
	for range 200 {
		w.commit("acme", long)
	}
	w.commit("globex", "missed")
	return acme.LastID, globex.LastID
}

// Clients that don't read what they have missed keep nobody else from resuming, however many they are.
func testSlowReplays(t *testing.T, transport string) {
	w := newWorld(t, transport, gateway.Config{MaxReplays: 1}, sse.Options{WriteTimeout: time.Hour})
	acme, globex := missed(t, w)
	for n := range 3 {
		stuck(t, w, "tenant=acme&user=ada&cursor="+acme)
		w.await(t, "its replay is under way", func() bool { return w.hub.Stats().Replaying == n+1 })
	}
	expect(t, w.stream(t, "tenant=globex&user=gus&cursor="+globex), "missed")
}

// A session that ends, and a gateway that drains, don't wait for a client that doesn't read what it has missed.
func testClosedWithinAReplay(t *testing.T, transport string) {
	for reason, end := range map[gateway.CloseReason]func(*world){
		gateway.CloseSession: func(w *world) { w.hub.CloseSession("s", gateway.CloseSession) },
		gateway.CloseDrain:   func(w *world) { w.hub.Drain(context.Background(), 0) },
	} {
		t.Run(string(reason), func(t *testing.T) {
			w := newWorld(t, transport, gateway.Config{}, sse.Options{WriteTimeout: time.Hour})
			acme, globex := missed(t, w)
			stuck(t, w, "tenant=acme&user=ada&session=s&cursor="+acme)
			full := uint64(0)
			w.await(t, "a page is being written", func() bool {
				before := full
				full = w.counters.Stats().Bytes
				return full > 256<<10 && full == before
			})
			// Another one's page is being read.
			defer w.log.hold("globex")()
			reads := w.stream(t, "tenant=globex&user=gus&session=s&cursor="+globex)
			w.await(t, "the other's page is being read", func() bool { return w.log.holds(1) })
			end(w)
			w.await(t, "both have left", func() bool { return w.hub.Subscribers() == 0 })
			ended(t, reads, reason)
		})
	}
}
