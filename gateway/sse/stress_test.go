package sse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// Clients join, leave, stall and are thrown out at random, and gateways drain and give way to others, while events of all kinds and sizes are dispatched. Every byte of every
// stream is read as strictly as it should be written; at the end each client must have had everything that was for it, nothing twice
// on one connection, nothing that was not for it. PGFEED_STRESS=10m goes on for that long; the seed is in the log.
func TestUnderFireEveryStreamIsWhole(t *testing.T) {
	lasts := 2 * time.Second
	if text := os.Getenv("PGFEED_STRESS"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) { stress(t, transport, lasts) })
	}
}

func stress(t *testing.T, transport string, lasts time.Duration) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	g := &stressGateways{log: &memoryLog{}, transport: transport}
	g.next(t)
	var clients []*stressClient
	for i := range 24 {
		c := &stressClient{gateways: g, tenant: fmt.Sprint("tenant", i%3), user: fmt.Sprint("user", i%5), got: map[int64]bool{}}
		if i%4 == 3 {
			c.topics = "&topics=activity"
		}
		clients = append(clients, c)
		c.connect(t)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // the writers
		rng := rand.New(rand.NewPCG(seed, 2))
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(rng.IntN(3)) * time.Millisecond): // as applications do
			}
			tenant := fmt.Sprint("tenant", rng.IntN(3))
			text := tenant + strings.Repeat("x", 1<<rng.IntN(13))
			switch rng.IntN(4) {
			case 0:
				g.now().commit(tenant, text)
			case 1:
				g.now().notify(tenant, fmt.Sprint("user", rng.IntN(5)), text)
			default:
				g.now().publish(tenant, text)
			}
		}
	})
	drain := time.Now().Add(time.Duration(rng.Int64N(int64(lasts))))
	for begun := time.Now(); time.Since(begun) < lasts; {
		if time.Now().After(drain) {
			g.drain(t, time.Duration(rng.IntN(100))*time.Millisecond)
			drain = time.Now().Add(time.Second + time.Duration(rng.Int64N(int64(lasts))))
		}
		c := clients[rng.IntN(len(clients))]
		switch rng.IntN(8) {
		case 0:
			c.leave()
		case 1:
			g.now().hub.CloseSession(c.session(), gateway.CloseSession)
		case 2:
			c.stall(time.Duration(rng.IntN(300)) * time.Millisecond)
		default:
			c.connect(t)
		}
		time.Sleep(time.Duration(rng.IntN(4)) * time.Millisecond) // the pace, which no result depends on
	}
	close(stop)
	wg.Wait()
	for i, c := range clients {
		g.now().await(t, fmt.Sprintf("client %d has everything", i), func() bool {
			c.connect(t)
			return c.whole() || c.failure() != nil
		})
	}
	for i, c := range clients {
		c.leave()
		if err := c.failure(); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}

// stressGateways are gateways on one log, one after another.
type stressGateways struct {
	log       *memoryLog
	transport string
	current   atomic.Pointer[world]
}

func (g *stressGateways) now() *world { return g.current.Load() }

func (g *stressGateways) next(t *testing.T) {
	g.current.Store(newWorldOn(t, g.log, g.transport, gateway.Config{MaxPending: 96 << 10, MaxReplays: 4},
		sse.Options{Heartbeat: 300 * time.Millisecond, KeepAlive: 70 * time.Millisecond, WriteTimeout: 2 * time.Second}))
}

// drain has all streams end over the window. Their clients come back to another gateway, from the first on.
func (g *stressGateways) drain(t *testing.T, window time.Duration) {
	old := g.now()
	g.next(t)
	old.hub.Drain(context.Background(), window)
	old.await(t, "all have left", func() bool { return old.hub.Subscribers() == 0 })
}

// stressClient goes on from where it is, again and again.
type stressClient struct {
	gateways             *stressGateways
	tenant, user, topics string

	mu     sync.Mutex
	begun  bool
	start  gateway.Cursor // of its first stream
	cursor string
	got    map[int64]bool
	cancel context.CancelFunc
	done   chan struct{}
	pause  time.Time
	err    error
}

func (c *stressClient) session() string { return c.tenant + "/" + c.user + c.topics }

func (c *stressClient) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *stressClient) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *stressClient) stall(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pause = time.Now().Add(d)
}

// connect opens a stream unless there is one.
func (c *stressClient) connect(t *testing.T) {
	if c.done != nil {
		select {
		case <-c.done:
		default:
			return
		}
	}
	c.leave()
	ctx, cancel := context.WithCancel(context.Background())
	w := c.gateways.now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		w.path(fmt.Sprintf("tenant=%s&user=%s&session=%s%s&cursor=%s", c.tenant, c.user, c.session(), c.topics, c.cursor)), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.cancel, c.done = cancel, make(chan struct{})
	go func() {
		defer close(c.done)
		resp, err := w.client.RoundTrip(req)
		if err != nil {
			return // cut off while it connected
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			c.read(resp)
		}
	}()
}

func (c *stressClient) leave() {
	if c.done != nil {
		c.cancel()
		<-c.done
	}
}

func (c *stressClient) read(resp *http.Response) {
	here := map[int64]bool{} // on this connection
	var text []byte
	buf := make([]byte, 4096)
	for {
		c.mu.Lock()
		pause := time.Until(c.pause)
		c.mu.Unlock()
		if pause > 0 {
			time.Sleep(pause) // it is the stalling that is tested
		}
		n, err := resp.Body.Read(buf)
		text = append(text, buf[:n]...)
		if end := bytes.LastIndex(text, []byte("\n\n")); end >= 0 {
			frames, err := ssetest.Parse(text[:end+2])
			if err != nil {
				c.fail("%w in %.300q", err, text)
				return
			}
			text = bytes.Clone(text[end+2:])
			for _, f := range frames {
				c.take(f, here)
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *stressClient) take(f ssetest.Frame, here map[int64]bool) {
	switch {
	case strings.Contains(f.Event, ":"):
		var e struct{ ID, Data, Event string }
		if err := json.Unmarshal([]byte(f.Data), &e); err != nil || e.Event != f.Event {
			c.fail("frame %+v: %w", f, err)
			return
		}
		seq, err := strconv.ParseInt(e.ID, 10, 64)
		if err != nil || here[seq] || !strings.HasPrefix(e.Data, c.tenant) {
			c.fail("event %d, which is doubled (%v) or another's: %.40q %w", seq, here[seq], e.Data, err)
		}
		here[seq] = true
		c.mu.Lock()
		c.got[seq] = true
		c.mu.Unlock()
	case f.Event == "hello" && !c.begun:
		c.mu.Lock()
		c.begun = true
		c.start, _ = gateway.ParseCursor(f.ID)
		c.mu.Unlock()
	case f.Event == "reset":
		c.fail("%+v", f)
	}
	if f.ID != "" {
		c.mu.Lock()
		c.cursor = f.ID
		c.mu.Unlock()
	}
}

// whole reports whether the client has all that was for it. What it has had and should not have is a failure.
func (c *stressClient) whole() bool {
	c.gateways.log.mu.Lock()
	events := c.gateways.log.events
	c.gateways.log.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.begun {
		return false
	}
	n := 0
	for _, e := range events {
		his := e.Tenant == c.tenant && (e.Topic == "activity" || c.topics == "") && (e.Recipient == nil || *e.Recipient == c.user)
		if c.got[e.Seq] && !his {
			c.err = fmt.Errorf("event %d wasn't for him", e.Seq)
			return true
		}
		if his && !c.start.Has(e.Stamp, e.Seq) {
			if !c.got[e.Seq] {
				return false
			}
			n++
		}
	}
	return n <= len(c.got)
}
