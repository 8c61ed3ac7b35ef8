package drain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/fleet"
	"github.com/pgfeed/pgfeed/store"
)

// rollout is what runs.
type rollout struct {
	Options
	fleet    *fleet.Fleet
	progress *bench.Progress

	tenants     []string
	subscribers []*faults.Subscriber
	latency     *bench.Latency // of events, from INSERT to subscriber

	mu      sync.Mutex
	leaving *departure // the gateway that is being replaced
	gone    []*departure
}

// departure is one gateway's.
type departure struct {
	gateway   *faults.Gateway
	streams   int
	lost      *curve
	back      *curve
	took      time.Duration // from SIGTERM to its end
	readiness int           // what /readyz answered when it closed its first stream; 0: it closed none
}

const (
	connectRate = 2000            // subscribers per second, at the start
	catchUp     = 2 * time.Minute // for what is still under way at the end
	returning   = time.Minute     // for all subscribers to be back
)

// Run replaces every gateway once, and adds its figures to the report. An error says that it could not go on.
func Run(ctx context.Context, o Options, report *bench.Report, progress *bench.Progress) (err error) {
	for name, value := range map[string]string{
		"gateways": fmt.Sprint(o.Gateways), "subscribers": fmt.Sprint(o.Subscribers), "tenants": fmt.Sprint(o.Tenants), "rate": fmt.Sprint(o.Rate),
		"window": o.Window.String(), "grace": o.Grace.String(), "pause": o.Pause.String(),
	} {
		report.Settings[name] = value
	}
	progress.Step("starting PostgreSQL and %d gateways", o.Gateways)
	f, err := fleet.Open(ctx, o.Program, o.DatabaseURL, "--drain-window", o.Window.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Stop(ctx)) }()
	if err := f.StartGateways(ctx, o.Gateways); err != nil {
		return err
	}
	r := &rollout{Options: o, fleet: f, progress: progress, tenants: f.Tenants(o.Tenants), latency: bench.NewLatency()}
	stop, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer stop()
	const writers = 4
	w := faults.StartWriters(ctx, faults.WritersConfig{
		URL: f.URL, Writers: writers, Every: time.Second * writers / time.Duration(o.Rate), Tenants: r.tenants,
	})
	defer w.Stop()
	for i := range f.Gateways {
		if err := r.replace(ctx, i); err != nil {
			return err
		}
	}
	progress.Step("waiting for every subscriber to have all")
	committed, failed := w.Stop()
	return r.judge(ctx, report, committed, failed)
}

// connect starts the subscribers, spread over the gateways, and waits until all are connected. They run until stop.
func (r *rollout) connect(ctx context.Context) (stop func(), err error) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	stop = func() { cancel(); wg.Wait() }
	defer func() {
		if err != nil {
			stop()
		}
	}()
	addrs := r.fleet.Addrs()
	balancer := faults.NewBalancer(addrs)
	wg.Go(func() { balancer.Watch(running, r.fleet.Gateways, time.Second) })
	tokens := map[string]string{}
	for _, tenant := range r.tenants {
		if tokens[tenant], err = store.NewSessions(r.fleet.Pool).Create(ctx, tenant, "ada", 24*time.Hour); err != nil {
			return nil, err
		}
	}
	pace := rate.NewLimiter(connectRate, 1)
	for i := range r.Subscribers {
		if err := pace.Wait(ctx); err != nil {
			return nil, err
		}
		tenant := r.tenants[i%len(r.tenants)]
		sub := faults.NewSubscriber(faults.SubscriberConfig{
			Tenant: tenant, User: "ada", Token: tokens[tenant], Latency: r.latency.Record, Connected: r.connected,
			Pick: func(avoid string) string {
				if avoid == "" { // at first as many on each
					return addrs[i%len(addrs)]
				}
				r.left(avoid)
				return balancer.Pick(avoid)
			},
		}, "")
		r.subscribers = append(r.subscribers, sub)
		wg.Go(func() { sub.Run(running) })
		if i%1000 == 0 {
			r.progress.Step("connecting subscribers: %d of %d", i, r.Subscribers)
		}
	}
	wait, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	for _, sub := range r.subscribers {
		if err := sub.Await(wait, func(stats faults.SubscriberStats, _ int64) bool { return stats.Opened > 0 }); err != nil {
			return nil, err
		}
	}
	return stop, nil
}

// left notes that a subscriber has lost its stream, or failed to get one, at an address.
func (r *rollout) left(addr string) {
	r.mu.Lock()
	d := r.leaving
	first := d != nil && d.gateway.Addr() == addr && d.lost.total() == 0
	if d != nil && d.gateway.Addr() == addr {
		d.lost.add()
	}
	r.mu.Unlock()
	if !first {
		return
	}
	// Whoever asks when the first stream has ended must have been told already that no new ones should come.
	status, _, _ := d.gateway.Ready(context.Background()) // no answer is not the right one either
	r.mu.Lock()
	d.readiness = status
	r.mu.Unlock()
}

// connected notes that a subscriber has a stream.
func (r *rollout) connected(string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.leaving != nil {
		r.leaving.back.add()
	}
}

// replace ends a gateway as a rollout does, starts it again, and waits until its subscribers are back.
func (r *rollout) replace(ctx context.Context, i int) error {
	g := r.fleet.Gateways[i]
	r.progress.Step("replacing gateway %d of %d", i+1, len(r.fleet.Gateways))
	d := &departure{gateway: g, lost: newCurve(), back: newCurve()}
	d.streams = r.streams(ctx, g)
	r.mu.Lock()
	r.leaving = d
	r.mu.Unlock()
	begun := time.Now()
	grace, cancel := context.WithTimeout(ctx, r.Grace)
	err := g.Stop(grace)
	cancel()
	if err != nil {
		return fmt.Errorf("gateway %d of %d: %w", i+1, len(r.fleet.Gateways), err)
	}
	d.took = time.Since(begun)
	if err := g.Start(ctx); err != nil {
		return err
	}
	if err := fleet.Ready(ctx, g); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	r.leaving, r.gone = nil, append(r.gone, d)
	r.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(r.Pause):
		return nil
	}
}

// settle waits until all subscribers are connected.
func (r *rollout) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, returning)
	defer cancel()
	for _, sub := range r.subscribers {
		if err := sub.Await(ctx, func(stats faults.SubscriberStats, _ int64) bool { return stats.Live }); err != nil {
			return err
		}
	}
	return nil
}
