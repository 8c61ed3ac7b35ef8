package replicas

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/fleet"
	"github.com/pgfeed/pgfeed/store"
)

// measurement is what runs.
type measurement struct {
	Options
	fleet    *fleet.Fleet
	progress *bench.Progress
	report   *bench.Report

	tenants     []string
	tokens      []string
	subscribers []*faults.Subscriber
	latency     atomic.Pointer[bench.Latency] // of what arrives now
	received    atomic.Int64
}

// phase is a load.
type phase struct {
	name string
	rate int
	// alone is added to the connection string while no gateway runs: where gateways switch hints off, nobody else does.
	alone string
}

const (
	warmUp  = 2 * time.Second // of each load
	catchUp = time.Minute     // for what is under way when the writers have ended
)

// Run measures every number of gateways, and adds its figures to the report. An error says that it could not go on.
func Run(ctx context.Context, o Options, report *bench.Report, progress *bench.Progress) (err error) {
	for name, value := range map[string]string{
		"gateways": fmt.Sprint(o.Counts), "tenants": fmt.Sprint(o.Tenants), "quiet": fmt.Sprint(o.Quiet), "busy": fmt.Sprint(o.Busy), "duration": o.Duration.String(),
	} {
		report.Settings[name] = value
	}
	progress.Step("starting PostgreSQL")
	f, err := fleet.Open(ctx, o.Program, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Stop(ctx)) }()
	m := &measurement{Options: o, fleet: f, progress: progress, report: report, tenants: f.Tenants(o.Tenants)}
	m.latency.Store(bench.NewLatency())
	for _, tenant := range m.tenants {
		token, err := store.NewSessions(f.Pool).Create(ctx, tenant, "ada", 24*time.Hour)
		if err != nil {
			return err
		}
		m.tokens = append(m.tokens, token)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	defer func() { stop(); wg.Wait() }()

	phases := []phase{{"quiet", o.Quiet, ""}, {"busy", o.Busy, "&options=-c%20pgfeed.hints%3Doff"}}
	alone := map[string]time.Duration{} // CPU time per event without gateways
	for _, n := range append([]int{0}, o.Counts...) {
		if err := m.grow(ctx, running, &wg, n); err != nil {
			return err
		}
		if err := m.idle(ctx, n); err != nil {
			return err
		}
		for _, p := range phases {
			if p.rate == 0 {
				continue
			}
			if err := m.load(ctx, n, p, alone); err != nil {
				return err
			}
		}
	}
	report.Note("PostgreSQL, gateways, writers and subscribers share %s CPUs. Every event goes to every gateway.", report.System["cpus"])
	report.Note("Without gateways, \"busy\" is written with hints off, as gateways would switch them off.")
	return nil
}

// grow starts gateways and their subscribers until there are n, and waits until they have nothing left to do.
func (m *measurement) grow(ctx, running context.Context, wg *sync.WaitGroup, n int) error {
	m.progress.Step("starting gateways: %d", n)
	before := len(m.fleet.Gateways)
	if err := m.fleet.StartGateways(ctx, n); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, addr := range m.fleet.Addrs()[before:] {
		for i, tenant := range m.tenants {
			sub := faults.NewSubscriber(faults.SubscriberConfig{
				Tenant: tenant, User: "ada", Token: m.tokens[i], Pick: func(string) string { return addr },
				Latency: func(d time.Duration) {
					m.latency.Load().Record(d)
					m.received.Add(1)
				},
			}, "")
			m.subscribers = append(m.subscribers, sub)
			wg.Go(func() { sub.Run(running) })
			if err := sub.Await(wait, func(stats faults.SubscriberStats, _ int64) bool { return stats.Live }); err != nil {
				return err
			}
		}
	}
	// Gateways go on reading many times a second for a while after the last of many inserts.
	for log := store.NewLog(m.fleet.Pool); ; {
		at, err := log.Position(wait)
		if err != nil {
			return err
		}
		if at.Busy == 0 {
			return pause(ctx, m.Settle)
		}
		if err := pause(wait, at.Busy); err != nil {
			return err
		}
	}
}

// usage is what was taken up to a moment.
type usage struct {
	server   times
	gateways time.Duration
	commits  int64
	clients  []int // the server's processes that serve clients
}

func (m *measurement) usage(ctx context.Context) (u usage, err error) {
	if u.server, err = serverTimes(m.fleet.Server.DataDir()); err != nil {
		return u, err
	}
	for _, g := range m.fleet.Gateways {
		pid, _ := g.PID()
		cpu, err := cpuOf(pid)
		if err != nil {
			return u, err
		}
		u.gateways += cpu
	}
	err = m.fleet.Pool.QueryRow(ctx, `
select xact_commit + xact_rollback, array(select pid from pg_stat_activity where backend_type = 'client backend' and datname = current_database())
  from pg_stat_database where datname = current_database()`).Scan(&u.commits, &u.clients)
	return u, err
}

// idle measures what gateways do to the database while nothing happens.
func (m *measurement) idle(ctx context.Context, n int) error {
	m.progress.Step("%d gateways: idle", n)
	before, err := m.usage(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := pause(ctx, m.Duration); err != nil {
		return err
	}
	after, err := m.usage(ctx)
	if err != nil {
		return err
	}
	seconds := time.Since(begun).Seconds()
	group := fmt.Sprintf("%d gateways, idle", n)
	m.report.Add(
		bench.Figure{Group: group, Name: "transactions", Unit: "/s", Value: float64(after.commits-before.commits) / seconds},
		bench.Figure{Group: group, Name: "server's CPU for clients", Unit: "ms/s", Value: bench.Milliseconds(after.server.only(after.clients).since(before.server)) / seconds},
	)
	return nil
}

// load measures what events cost.
func (m *measurement) load(ctx context.Context, n int, p phase, alone map[string]time.Duration) (err error) {
	m.progress.Step("%d gateways: %s, %d inserts/s", n, p.name, p.rate)
	url := m.fleet.URL
	if n == 0 {
		url += p.alone
	}
	pen, err := newPen(ctx, url, m.tenants)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pen.close(ctx)) }()
	// What only the beginning has: fresh connections, and the change between the modes.
	arrived := m.received.Load()
	first, err := pen.write(ctx, p.rate, warmUp)
	if err != nil {
		return err
	}
	if _, err := m.await(ctx, arrived+int64(first*n)); err != nil {
		return err
	}
	m.latency.Store(bench.NewLatency())
	arrived = m.received.Load()
	before, err := m.usage(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	events, err := pen.write(ctx, p.rate, m.Duration)
	if err != nil {
		return err
	}
	wrote := time.Since(begun)
	missing, err := m.await(ctx, arrived+int64(events*n))
	if err != nil {
		return err
	}
	after, err := m.usage(ctx)
	if err != nil {
		return err
	}

	group := fmt.Sprintf("%d gateways, %s", n, p.name)
	perEvent := after.server.since(before.server) / time.Duration(events)
	m.report.Add(
		bench.Figure{Group: group, Name: "inserts", Unit: "/s", Value: float64(events) / wrote.Seconds()},
		bench.Figure{Group: group, Name: "server's CPU per event", Unit: "µs", Value: microseconds(perEvent)},
	)
	if n == 0 {
		alone[p.name] = perEvent
		return nil
	}
	m.report.Add(
		bench.Figure{Group: group, Name: "of which per gateway", Unit: "µs", Value: microseconds(perEvent-alone[p.name]) / float64(n)},
		bench.Figure{Group: group, Name: "a gateway's CPU per event", Unit: "µs", Value: microseconds((after.gateways-before.gateways)/time.Duration(events)) / float64(n)},
		bench.Figure{Group: group, Name: "missing", Value: float64(missing)}.Below(0),
	)
	for _, f := range m.latency.Load().Figures(group) {
		f.Name = "INSERT to subscriber, " + f.Name
		m.report.Add(f)
	}
	return nil
}

// await waits until that many events have been received, and gives how many are missing after a long time.
func (m *measurement) await(ctx context.Context, want int64) (missing int64, err error) {
	for deadline := time.Now().Add(catchUp); m.received.Load() < want; {
		if time.Now().After(deadline) {
			return want - m.received.Load(), nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
