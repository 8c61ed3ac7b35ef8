package soak

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/pgserver"
)

// soak is what runs.
type soak struct {
	Options
	progress *bench.Progress
	cleanup  bench.Cleanup

	server   *pgserver.Server // nil: somebody else's
	url      string
	pool     *pgxpool.Pool
	network  *faults.Network
	gateways []*faults.Gateway
	links    []*faults.Link // from each gateway to the server
	fronts   []*faults.Link // to each gateway, for the clients behind links

	tenants     []string
	subscribers []*faults.Subscriber
	latency     *bench.Latency

	mu      sync.Mutex
	current string // the fault that is under way
	brought map[string]int
	memory  [][]sample // of each gateway, in the life it has
	lives   []int
	largest float64
}

// users of each tenant get notifications; other subscribers of it only have activities.
const users = 5

// behindLinks is the share of subscribers, one in so many, whose connections go over links that can be cut.
const behindLinks = 10

// Run soaks until the time is up or ctx ends, and adds its figures to the report. An error says that it could not go on.
func Run(ctx context.Context, o Options, report *bench.Report, progress *bench.Progress) (err error) {
	s := &soak{Options: o, progress: progress, latency: bench.NewLatency(), brought: map[string]int{}}
	defer func() { err = errors.Join(err, s.cleanup.Run(ctx)) }()
	for name, value := range map[string]string{
		"duration": o.Duration.String(), "gateways": fmt.Sprint(o.Gateways), "subscribers": fmt.Sprint(o.Subscribers),
		"tenants": fmt.Sprint(o.Tenants), "rate": fmt.Sprint(o.Rate), "fault every": o.FaultEvery.String(), "hop every": o.HopEvery.String(),
	} {
		report.Settings[name] = value
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	stop, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer stop()
	begun := time.Now()
	writers := faults.StartWriters(context.WithoutCancel(ctx), s.writing()) // they end by Stop
	defer writers.Stop()
	err = s.run(ctx, writers)
	took := time.Since(begun)
	// Ctrl-C ends the soak early; what it has seen until then still counts.
	ctx = context.WithoutCancel(ctx)
	progress.Step("waiting for every subscriber to have all")
	committed, failed := writers.Stop()
	return errors.Join(err, s.judge(ctx, report, took, committed, failed))
}

// prepare starts server and gateways.
func (s *soak) prepare(ctx context.Context) error {
	s.url = s.DatabaseURL
	if s.url == "" {
		s.progress.Step("starting PostgreSQL")
		server, err := pgserver.Open(ctx, pgserver.Options{Settings: map[string]string{"max_connections": "200"}})
		if err != nil {
			return err
		}
		s.server, s.url = server, server.URL("postgres")
		s.cleanup.Add("stop PostgreSQL", server.Stop)
		m, err := store.NewMigrator(s.url)
		if err != nil {
			return err
		}
		_, err = m.Up(ctx)
		if err = errors.Join(err, m.Close()); err != nil {
			return err
		}
	}
	var err error
	if s.pool, err = store.NewPool(s.url); err != nil {
		return err
	}
	s.cleanup.Add("close the pool", func(context.Context) error { s.pool.Close(); return nil })
	if err := store.CheckMigrated(ctx, s.pool); err != nil {
		return err
	}
	run := strings.ToLower(rand.Text()[:8])
	for i := range s.Tenants {
		s.tenants = append(s.tenants, fmt.Sprintf("soak-%s-%d", run, i))
	}
	if s.server == nil {
		s.cleanup.Add("delete what was written", func(ctx context.Context) error {
			var failed error
			for _, table := range []string{`"activityLogs"`, `notifications`, `"sessions"`} {
				_, err := s.pool.Exec(ctx, `delete from public.`+table+` where "tenantId" = any ($1)`, s.tenants)
				failed = errors.Join(failed, err)
			}
			return failed
		})
	}
	s.network = faults.NewNetwork()
	s.cleanup.Add("end the links", func(context.Context) error { s.network.Close(); return nil })
	return s.startGateways(ctx)
}

// unlimited is for subscribers that all come from one address.
var unlimited = []string{"--max-streams-per-address=0", "--max-streams-per-tenant=0", "--max-connects=0", "--max-connects-per-address=0"}

func (s *soak) startGateways(ctx context.Context) error {
	u, err := url.Parse(s.url)
	if err != nil {
		return err
	}
	host := u.Host
	if u.Port() == "" {
		host += ":5432"
	}
	for i := range s.Gateways {
		s.progress.Step("starting gateway %d of %d", i+1, s.Gateways)
		link, err := s.network.Link(host)
		if err != nil {
			return err
		}
		through := *u
		through.Host = link.Addr()
		flags := append(slices.Clone(unlimited), s.GatewayFlags...)
		g, err := faults.StartGateway(ctx, s.Program, through.String(), flags...)
		if err != nil {
			return err
		}
		s.cleanup.Add("stop a gateway", g.Stop)
		front, err := s.network.Link(g.Addr())
		if err != nil {
			return err
		}
		s.gateways, s.links, s.fronts = append(s.gateways, g), append(s.links, link), append(s.fronts, front)
	}
	s.memory, s.lives = make([][]sample, s.Gateways), make([]int, s.Gateways)
	return nil
}

// connect starts the subscribers and waits until all are connected. They run until stop.
func (s *soak) connect(ctx context.Context) (stop func(), err error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	stop = func() { cancel(); wg.Wait() }
	var near, far []string
	for i, g := range s.gateways {
		near, far = append(near, g.Addr()), append(far, s.fronts[i].Addr())
	}
	direct, linked := faults.NewBalancer(near), faults.NewBalancer(far)
	for _, b := range []*faults.Balancer{direct, linked} {
		wg.Go(func() { b.Watch(running, s.gateways, time.Second) })
	}
	tokens := store.NewSessions(s.pool)
	for i := range s.Subscribers {
		pick := direct.Pick
		if i%behindLinks == 0 {
			pick = linked.Pick
		}
		c := faults.SubscriberConfig{
			Tenant: s.tenants[i%len(s.tenants)], User: userName(i / len(s.tenants)), Pick: pick, HopEvery: s.HopEvery, Latency: s.latency.Record,
		}
		if c.Token, err = tokens.Create(ctx, c.Tenant, c.User, s.Duration+time.Hour); err != nil {
			stop()
			return nil, err
		}
		sub := faults.NewSubscriber(c, "")
		s.subscribers = append(s.subscribers, sub)
		wg.Go(func() { sub.Run(running) })
		if i%100 == 0 {
			s.progress.Step("connecting subscribers: %d of %d", i, s.Subscribers)
		}
	}
	wait, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	for _, sub := range s.subscribers {
		if err := sub.Await(wait, func(stats faults.SubscriberStats, _ int64) bool { return stats.Opened > 0 }); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}

func userName(i int) string { return fmt.Sprintf("user-%d", i) }

func (s *soak) writing() faults.WritersConfig {
	writers := min(max(s.Rate/10, 1), 16)
	c := faults.WritersConfig{
		URL: s.url, Writers: writers, Every: time.Second * time.Duration(writers) / time.Duration(s.Rate), Tenants: s.tenants,
	}
	for i := range users {
		c.Users = append(c.Users, userName(i))
	}
	return c
}

// run breaks things and watches until the time is up.
func (s *soak) run(ctx context.Context, writers *faults.Writers) error {
	ctx, cancel := context.WithTimeout(ctx, s.Duration)
	defer cancel()
	broken := make(chan error, 1)
	go func() { broken <- s.breakThings(ctx, s.possible()) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return <-broken
		case err := <-broken:
			return err
		case <-tick.C:
		}
		s.weigh(ctx)
		if n%5 == 0 {
			t := s.totals()
			s.mu.Lock()
			fault, megabytes := s.current, 0.0
			if m := s.memory[0]; len(m) > 0 {
				megabytes = m[len(m)-1].bytes / 1e6
			}
			s.mu.Unlock()
			if fault != "" {
				fault = "; fault: " + fault
			}
			s.progress.Step("%d of %d connected, uptime %.3f %%, %d transactions, %d rows received, p99 %v, first gateway %.0f MB%s",
				t.live, len(s.subscribers), 100*t.uptime(), writers.Committed(), t.rows, s.latency.At(0.99).Round(time.Millisecond), megabytes, fault)
		}
	}
}

func (s *soak) note(fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current = fault; fault != "" {
		s.brought[fault]++
	}
}

// weigh samples the memory of the gateways.
func (s *soak) weigh(ctx context.Context) {
	for i, g := range s.gateways {
		pid, starts := g.PID()
		bytes, ok := resident(ctx, pid)
		if !ok {
			continue
		}
		s.mu.Lock()
		if s.lives[i] != starts {
			s.lives[i], s.memory[i] = starts, nil
		}
		s.memory[i] = append(s.memory[i], sample{time.Now(), bytes})
		s.largest = max(s.largest, bytes)
		s.mu.Unlock()
	}
}
