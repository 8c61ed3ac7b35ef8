package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
)

// busyGateway is a hub with its listener, and a subscriber of acme's that notes what it gets.
type busyGateway struct {
	hub  *gateway.Hub
	stop func()

	mu  sync.Mutex
	got map[int64]int
}

func (g *busyGateway) total() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.got)
}

func startBusy(t *testing.T, url string, pool *pgxpool.Pool, rate int) *busyGateway {
	t.Helper()
	l := newListener(t, url, pool, store.ProbeTimeout)
	log := store.NewLog(pool)
	g := &busyGateway{got: map[int64]int{}}
	g.hub = gateway.NewHub(log, gateway.Config{BusyRate: rate, ExtendBusy: log.ExtendBusy, Interest: l.Want})
	l.Hear(store.BusyChannel, store.Channel{Heard: func(string) { g.hub.Wake(0) }, Missed: func() { g.hub.Wake(0) }})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { g.hub.Run(ctx) })
	wg.Go(func() { l.Run(ctx, g.hub) })
	eventually(t, "listening", l.Hears)
	var s *gateway.Subscriber
	eventually(t, "a first reading", func() bool {
		s, _ = g.hub.Join(t.Context(), gateway.Request{Identity: gateway.Identity{Tenant: "acme"}, Topics: []string{"activity"}})
		return s != nil
	})
	if err := s.Replay(t.Context(), func(context.Context, []byte, int) error { return nil }); err != nil {
		t.Fatal(err)
	}
	ready := s.Alone()
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-ready:
			}
			b := s.Take(&gateway.Round{})
			err := gateway.ReadFrames(b.Bytes, func(m gateway.Message) error {
				if m.Name == "" {
					return nil
				}
				var e struct{ ID string }
				if err := json.Unmarshal(m.Data, &e); err != nil || m.Name != "activity:new" {
					t.Errorf("%s %s %v", m.Name, m.Data, err)
				}
				seq, err := strconv.ParseInt(e.ID, 10, 64)
				g.mu.Lock()
				g.got[seq]++
				g.mu.Unlock()
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	stopped := false
	g.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			wg.Wait()
			s.Leave()
		}
	}
	t.Cleanup(g.stop)
	return g
}

// eventually polls, for a minute at most.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestHintsSwitchOffAndOnAndNothingIsLostOrDoubled(t *testing.T) {
	for _, gateways := range []int{1, 10} {
		t.Run(fmt.Sprint(gateways), func(t *testing.T) { t.Parallel(); switchOffAndOn(t, gateways) })
	}
}

func switchOffAndOn(t *testing.T, gateways int) {
	pool, url := migrated(t)
	log := store.NewLog(pool)
	var all []*busyGateway
	for range gateways {
		own, err := store.NewPool(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(own.Close)
		all = append(all, startBusy(t, url, own, 30))
	}
	each := func(f func(*busyGateway) bool) bool {
		return !slices.ContainsFunc(all, func(g *busyGateway) bool { return !f(g) })
	}
	busy := func(g *busyGateway) bool { return g.hub.Stats().Often }
	written := 0
	write := func(q interface {
		Begin(context.Context) (pgx.Tx, error)
	}) {
		tx, err := q.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := tx.Exec(t.Context(), insertActivity, "x"); err != nil {
				t.Fatal(err)
			}
			written++
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	arrived := func() {
		t.Helper()
		eventually(t, "all events everywhere", func() bool { return each(func(g *busyGateway) bool { return g.total() == written }) })
	}
	for range 2 { // quiet, busy, and again
		before := all[0].hub.Stats().Hinted
		eventually(t, "hints", func() bool {
			write(pool)
			time.Sleep(150 * time.Millisecond) // so few that hints, which may be late, aren't switched off meanwhile, for good
			return all[0].hub.Stats().Hinted > before
		})
		arrived()
		late, err := pool.Begin(t.Context()) // written without a hint, and committed when hints are on again
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "busy", func() bool { write(pool); return each(busy) })
		if _, err := late.Exec(t.Context(), insertActivity, "late"); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			write(pool)
		}
		arrived()
		eventually(t, "the lease's end", func() bool {
			return position(t, log).Busy == 0 && each(func(g *busyGateway) bool { return !busy(g) })
		})
		written++
		if err := late.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		arrived()
	}
	leases := uint64(0)
	for i, g := range all {
		for seq, n := range g.got {
			if n != 1 {
				t.Errorf("event %d came %d times to gateway %d", seq, n, i)
			}
		}
		stats := g.hub.Stats()
		leases += stats.Leases
		if stats.Unhinted == 0 || stats.Unhinted > stats.Read {
			t.Errorf("gateway %d: %d events are said to have come without a hint, of %d that were read", i, stats.Unhinted, stats.Read)
		}
	}
	if leases == 0 {
		t.Error("nobody switched hints off")
	}
}

func TestALeaseRunsOutWhenItsGatewaysAreGone(t *testing.T) {
	pool, url := migrated(t)
	log := store.NewLog(pool)
	g := startBusy(t, url, pool, 30)
	eventually(t, "busy", func() bool {
		exec(t, pool, insertActivity, "x")
		return position(t, log).Busy > 0
	})
	g.stop() // its lease stays behind
	eventually(t, "hints", func() bool { return position(t, log).Busy == 0 })
	l, h := listen(t, url, pool)
	l.Want("acme", true)
	h.next(t, func() { exec(t, pool, insertActivity, "y") })
}

func TestALeaseOfAClockThatWasSetBackIsCutShort(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	exec(t, pool, `select setval('pgfeed.busy', (extract(epoch from now()) * 1000)::bigint + 86400000)`)
	if err := log.ExtendBusy(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if busy := position(t, log).Busy; busy > time.Second {
		t.Errorf("hints are off for another %v", busy)
	}
}
