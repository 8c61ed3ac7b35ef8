package proxytest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// silent gateways send nothing but events: a proxy that held bytes back would never be made to let them go.
var silent = []string{"--keep-alive=1h", "--heartbeat=1h"}

// each runs a test with every proxy.
func each(t *testing.T, test func(t *testing.T, p program)) {
	t.Helper()
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) { test(t, p) })
	}
}

func TestEventsComeAtOnceAndUnchanged(t *testing.T) {
	w := newWorld(t)
	_, addrs := w.pair(t, silent...)
	token := w.session(t)
	each(t, func(t *testing.T, p program) {
		f := p.start(t, addrs)
		for protocol, version := range map[string]string{"h2": "HTTP/2.0", "http/1.1": "HTTP/1.1"} {
			s, err := f.open(t, f.client(t, protocol, "127.0.0.1"), token)
			if err != nil {
				t.Fatal(err)
			}
			if s.Proto != version {
				t.Errorf("%s came as %s", version, s.Proto)
			}
			for name, want := range map[string]string{
				"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "Content-Encoding": "", "Content-Length": "",
			} {
				if got := s.Header.Get(name); got != want {
					t.Errorf("%s: %s is %q, want %q", protocol, name, got, want)
				}
			}
			s.frame(t, "event: hello")
			for n := range 3 {
				w.insert(t, fmt.Sprint(protocol, " ", n))
				s.frame(t, fmt.Sprintf(`"description":"%s %d"`, protocol, n))
			}
			s.cancel()
		}
	})
}

func TestManyStreamsShareAConnection(t *testing.T) {
	const streams = 50
	w := newWorld(t)
	gateways, addrs := w.pair(t, silent...)
	token := w.session(t)
	each(t, func(t *testing.T, p program) {
		f := p.start(t, addrs)
		client := f.client(t, "h2", "127.0.0.1")
		var all []*stream
		for range streams {
			s, err := f.open(t, client, token)
			if err != nil {
				t.Fatal(err)
			}
			s.frame(t, "event: hello")
			all = append(all, s)
		}
		w.insert(t, "for all, by "+p.name)
		for _, s := range all {
			s.frame(t, "for all, by "+p.name)
		}
		for i, g := range gateways {
			// Half of them, unless the proxy took one for ill for a moment.
			if n := connections(t, g); n < streams/4 {
				t.Errorf("gateway %d of 2 has %d of %d streams", i+1, n, streams)
			}
		}
		// A browser that leaves takes its streams with it, up to the gateways.
		for _, s := range all {
			s.cancel()
		}
		await(t, "the gateways learn that their clients left", func() error {
			if n := connections(t, gateways[0]) + connections(t, gateways[1]); n > 0 {
				return fmt.Errorf("%d streams are still open", n)
			}
			return nil
		})
	})
}

// The limits are on silence alone: a stream on which there are comments outlives them, one without doesn't.
func TestKeepAliveOutlivesTheLimitsOnSilence(t *testing.T) {
	const limit = 5 * time.Second
	w := newWorld(t)
	_, lively := w.pair(t, "--keep-alive=1s", "--heartbeat=1h")
	_, mute := w.pair(t, silent...)
	token := w.session(t)
	each(t, func(t *testing.T, p program) {
		t.Parallel()
		shorter := []string{"60s", limit.String()} // of all its limits on silence
		cut, kept := p.start(t, mute, shorter...), p.start(t, lively, shorter...)
		s, err := cut.open(t, cut.client(t, "h2", "127.0.0.1"), token)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = s.line(t)
		}
		if s, err = kept.open(t, kept.client(t, "h2", "127.0.0.1"), token); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); time.Since(begun) < 2*limit+time.Second; {
			s.until(t, ":") // a comment
		}
		w.insert(t, "after the limit, by "+p.name)
		s.frame(t, "after the limit, by "+p.name)
	})
}

func TestAClientResumesOnTheOtherGateway(t *testing.T) {
	w := newWorld(t)
	token := w.session(t)
	each(t, func(t *testing.T, p program) {
		t.Parallel()
		gateways, addrs := w.pair(t)
		f := p.start(t, addrs)
		client := f.client(t, "h2", "127.0.0.1")
		s, err := f.open(t, client, token)
		if err != nil {
			t.Fatal(err)
		}
		s.frame(t, "event: hello")
		w.insert(t, "before, by "+p.name)
		s.frame(t, "before, by "+p.name)
		has := gateways[0]
		if connections(t, has) == 0 {
			has = gateways[1]
		}
		has.Kill()
		for err == nil {
			_, err = s.line(t)
		}
		w.insert(t, "meanwhile, by "+p.name)
		// At the first try: the proxy finds that one gateway is gone, and asks the other.
		s, err = f.open(t, client, token, "Last-Event-ID", s.lastID)
		if err != nil {
			t.Fatal(err)
		}
		s.until(t, "event: hello")
		for {
			line, err := s.line(t)
			if err != nil || strings.Contains(line, "before, by "+p.name) { // others insert meanwhile
				t.Fatalf("%q, %v instead of what came meanwhile", line, err)
			}
			if strings.Contains(line, "meanwhile, by "+p.name) {
				break
			}
		}
	})
}

func TestNewStreamsGoToTheOtherGatewayWhileOneDrains(t *testing.T) {
	w := newWorld(t)
	token := w.session(t)
	each(t, func(t *testing.T, p program) {
		t.Parallel()
		gateways, addrs := w.pair(t, "--drain-window=3s")
		f := p.start(t, addrs)
		client := f.client(t, "h2", "127.0.0.1")
		var held []*stream
		for range 20 {
			s, err := f.open(t, client, token)
			if err != nil {
				t.Fatal(err)
			}
			s.frame(t, "event: hello")
			held = append(held, s)
		}
		leaving := connections(t, gateways[0])
		ended := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			ended <- gateways[0].Stop(ctx)
		}()
		opened, refusals := 0, 0
		for draining := true; draining; {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatal(err)
				}
				draining = false
			default:
			}
			s, err := f.open(t, client, token)
			var no *refused
			switch {
			case err == nil:
				s.frame(t, "event: hello")
				s.cancel()
				opened++
			case !p.asksNext && errors.As(err, &no) && no.status == http.StatusServiceUnavailable:
				refusals++
			default:
				t.Fatalf("after %d streams: %v", opened, err)
			}
		}
		if opened == 0 {
			t.Error("nobody got a stream while one gateway was draining")
		}
		t.Logf("%d streams opened meanwhile, %d refused", opened, refusals)
		w.insert(t, "after the drain, by "+p.name)
		drained := 0
		for _, s := range held {
			bye := false
			for {
				line, err := s.line(t)
				if err != nil || strings.Contains(line, "after the drain, by "+p.name) {
					if (err != nil) != bye {
						t.Errorf("a stream ended: %v, and was told so: %v", err != nil, bye)
					}
					break
				}
				bye = bye || line == "event: bye"
			}
			if bye {
				drained++
			}
		}
		if drained != leaving || leaving == 0 {
			t.Errorf("%d of %d streams were told bye, want %d", drained, len(held), leaving)
		}
	})
}

// Limits by address count clients, not the proxy, and not what clients claim.
func TestGatewaysSeeTheClientsAddress(t *testing.T) {
	w := newWorld(t)
	token := w.session(t)
	each(t, func(t *testing.T, p program) {
		g := w.gateway(t, "--trusted-proxies=127.0.0.1", "--max-streams-per-address=1")
		f := p.start(t, [2]string{g.Addr(), g.Addr()})
		for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
			client := f.client(t, "h2", from)
			if _, err := f.open(t, client, token); err != nil {
				t.Fatalf("the first stream from %s: %v", from, err)
			}
			var no *refused
			_, err := f.open(t, client, token, "X-Forwarded-For", "192.0.2.1")
			if !errors.As(err, &no) || no.status != http.StatusTooManyRequests {
				t.Errorf("a second stream from %s that claims to be from elsewhere: %v", from, err)
			}
		}
	})
}

// The limits on silence in the files go with the gateway's defaults.
func TestLimitsOnSilenceAreLongerThanKeepAlive(t *testing.T) {
	for _, file := range []string{"nginx/pgfeed-proxy.conf", "haproxy/haproxy.cfg", "caddy/Caddyfile"} {
		if text := read(t, "../"+file); !strings.Contains(text, " 60s") || !strings.Contains(text, "--keep-alive (15s)") {
			t.Errorf("%s names no limit of 60s, or not the gateway's --keep-alive (15s)", file)
		}
	}
	if text := read(t, "../../docs/configuration.md"); !strings.Contains(text, "| `--keep-alive` | `PGFEED_KEEP_ALIVE` | `15s` |") {
		t.Error("--keep-alive isn't 15s any more: look at the proxies' limits and comments")
	}
}
