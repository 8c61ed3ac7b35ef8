package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// SubscriberConfig says who subscribes and how.
type SubscriberConfig struct {
	Tenant, User, Token string
	Pick                func(avoid string) string // the next address
	HopAfter            int                       // events, roughly, after which it changes to another gateway; 0: never
	HopEvery            time.Duration             // time, roughly, after which it does; 0: never
	Retry               time.Duration             // longest wait before the first attempt after a loss; 0: 1s
	Latency             func(time.Duration)       // told of the age of each new event; nil: nobody is
	Connected           func(addr string)         // told of each stream that said hello; nil: nobody is
}

// Subscriber keeps a stream open through everything, as the client library does.
type Subscriber struct {
	SubscriberConfig

	mu      sync.Mutex
	got     received
	lastID  string
	stats   SubscriberStats
	since   time.Time     // it is connected, or was lost, since then
	live    bool          // a hello came on the connection it has
	lost    bool          // the next attempt is the first one after a loss
	changed chan struct{} // closed and replaced when something came

	kick func() // ends the connection it has; nil: it has none
}

// SubscriberStats is what became of a subscriber's connections.
type SubscriberStats struct {
	Live      bool          // connected now
	Up, Down  time.Duration // from the first hello on; a silence of more than silentAfter counts as down
	Opened    int           // streams
	Losses    int           // ends of streams that it had not asked for
	FirstTry  int           // losses after which the first attempt succeeded
	Trying    bool          // lost, and the first attempt isn't over yet
	Hops      int           // ends that it had asked for
	Failed    int           // attempts
	LastError string
	Resets    map[string]int
	MaxID     int // bytes of the longest id
	MaxSilent time.Duration
}

// silentAfter is a silence that no healthy stream has: a comment comes every 15 s.
const silentAfter = 20 * time.Second

// NewSubscriber makes a subscriber that starts now, or at the cursor.
func NewSubscriber(c SubscriberConfig, cursor string) *Subscriber {
	if c.Retry == 0 {
		c.Retry = time.Second
	}
	return &Subscriber{SubscriberConfig: c, lastID: cursor, changed: make(chan struct{}), stats: SubscriberStats{Resets: map[string]int{}}}
}

// errHop says that the subscriber itself has left a stream.
var errHop = errors.New("hops to another gateway")

// Run keeps a stream open until ctx ends.
func (s *Subscriber) Run(ctx context.Context) {
	addr, failures := s.Pick(""), 0
	for {
		opened, retry, err := s.connect(ctx, addr)
		lost := s.ended(opened, err, ctx.Err() != nil)
		if ctx.Err() != nil {
			return
		}
		failures++
		if opened {
			failures = 0
		}
		addr = s.Pick(addr)
		wait := time.Duration(0)
		switch {
		case failures > 0: // 1, 2, 4 ... 30 s, half of it jitter
			wait = min(time.Second<<min(failures-1, 5), 30*time.Second)
			wait = wait/2 + rand.N(wait/2) //nolint:gosec // jitter
		case retry > 0: // what a draining gateway asked for
			wait = retry
		case lost:
			wait = rand.N(s.Retry) //nolint:gosec // jitter
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// ended notes how a connection, or an attempt to make one, ended. It is true where a connection was lost.
func (s *Subscriber) ended(opened bool, err error, over bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleTime(false)
	switch {
	case over:
		return false
	case !opened:
		s.stats.Failed++
		s.lost = false
		s.stats.LastError = fmt.Sprint(err)
		return false
	case errors.Is(err, errHop):
		s.stats.Hops++
		return false
	}
	s.stats.Losses++
	s.lost = true
	return true
}

// settleTime adds the time until now to what it was, and says what it is from now on. It needs the lock.
func (s *Subscriber) settleTime(live bool) {
	now := time.Now()
	if !s.since.IsZero() {
		if s.live {
			s.stats.Up += now.Sub(s.since)
		} else {
			s.stats.Down += now.Sub(s.since)
		}
		s.since = now
	} else if live {
		s.since = now
	}
	s.live = live
}

// connect serves one connection until it ends, and reports whether it came to a hello and the last retry it was told.
func (s *Subscriber) connect(ctx context.Context, addr string) (opened bool, retry time.Duration, err error) {
	conn, err := openStream(ctx, addr, s.Token, s.cursor())
	if err != nil {
		return false, 0, err
	}
	defer conn.close()
	release := context.AfterFunc(ctx, conn.close)
	defer release()
	hello := time.AfterFunc(dialWithin, conn.close)
	defer hello.Stop()
	s.mu.Lock()
	hopped := false
	s.kick = func() { hopped = true; conn.close() }
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.kick = nil
		s.mu.Unlock()
	}()
	if s.HopEvery > 0 {
		hop := time.AfterFunc(s.HopEvery/2+rand.N(s.HopEvery), s.Hop) //nolint:gosec // not all at once
		defer hop.Stop()
	}
	left := -1
	if s.HopAfter > 0 {
		left = 1 + rand.N(2*s.HopAfter) //nolint:gosec // any will do
	}
	for {
		f, silence, err := conn.next()
		s.mu.Lock()
		s.silent(silence)
		if hopped {
			err = errHop
		}
		s.mu.Unlock()
		if err != nil {
			return opened, retry, err
		}
		if f.retry > 0 {
			retry = f.retry
		}
		switch f.event {
		case "hello":
			hello.Stop()
			opened = true
			s.opened(f.id)
			if s.Connected != nil {
				s.Connected(addr)
			}
			if f.retry > 0 {
				retry = 0 // the usual one
			}
		case "bye":
			return opened, retry, fmt.Errorf("bye %s", f.data)
		case "reset":
			if err := s.reload(ctx, addr, f); err != nil {
				return opened, retry, err
			}
		case "", "ping":
			s.moved(f.id)
		default:
			if err := s.event(f); err != nil {
				return opened, retry, err
			}
			if left--; left == 0 {
				return opened, retry, errHop
			}
		}
	}
}

// Hop makes it leave its stream for another one.
func (s *Subscriber) Hop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kick != nil {
		s.kick()
	}
}

func (s *Subscriber) cursor() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastID
}

func (s *Subscriber) silent(d time.Duration) {
	s.stats.MaxSilent = max(s.stats.MaxSilent, d)
	if d > silentAfter && s.live {
		s.settleTime(true)
		s.stats.Up -= d
		s.stats.Down += d
	}
}

func (s *Subscriber) opened(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(id)
	s.settleTime(true)
	s.stats.Opened++
	if s.lost {
		s.stats.FirstTry++
		s.lost = false
	}
	s.signal()
}

// moved takes an id.
func (s *Subscriber) moved(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(id)
}

// keep takes an id, if it is one. It needs the lock.
func (s *Subscriber) keep(id string) {
	if id == "" {
		return
	}
	s.stats.MaxID = max(s.stats.MaxID, len(id))
	s.lastID = id
}

func (s *Subscriber) event(f frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := s.got.add(f.data, s.Tenant, s.User)
	if err != nil {
		return err
	}
	s.keep(f.id)
	if !at.IsZero() && s.Latency != nil {
		s.Latency(time.Since(at))
	}
	s.signal()
	return nil
}

func (s *Subscriber) signal() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// reload begins anew after a reset, from what the list has.
func (s *Subscriber) reload(ctx context.Context, addr string, f frame) error {
	var why struct{ Reason string }
	if err := json.Unmarshal(f.data, &why); err != nil {
		return fmt.Errorf("reset %q: %w", f.data, err)
	}
	fresh := received{}
	before := ""
	for {
		status, body, err := get(ctx, "http://"+addr+"/api/activity?limit=500&topics=activity,notification"+before, s.Token)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		if err != nil {
			return fmt.Errorf("reload: %w", err)
		}
		var page struct {
			Events []json.RawMessage
			Before *string
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			return fmt.Errorf("reload: %w", err)
		}
		for _, e := range page.Events {
			if _, err := fresh.add(e, s.Tenant, s.User); err != nil {
				return err
			}
		}
		if page.Before == nil {
			break
		}
		before = "&before=" + *page.Before
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Resets[why.Reason]++
	fresh.again, fresh.doubled = s.got.again, append(s.got.doubled, fresh.doubled...)
	s.got = fresh
	s.keep(f.id)
	s.signal()
	return nil
}

// Stats gives what became of its connections until now, and how many rows it has got.
func (s *Subscriber) Stats() (SubscriberStats, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleTime(s.live)
	stats := s.stats
	stats.Live, stats.Trying, stats.Resets = s.live, s.lost, maps.Clone(stats.Resets)
	return stats, s.got.number
}

// Await waits until something is true of it; it asks whenever something has come.
func (s *Subscriber) Await(ctx context.Context, done func(SubscriberStats, int64) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if stats, number := s.Stats(); done(stats, number) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			stats, number := s.Stats()
			return fmt.Errorf("subscriber %s/%s has %d rows, %+v: %w", s.Tenant, s.User, number, stats, ctx.Err())
		}
	}
}
