package latency

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/fleet"
	"github.com/pgfeed/pgfeed/store"
)

// Options say what is measured.
type Options struct {
	Program     string // a pgfeed binary, to run the gateway
	DatabaseURL string // "": a PostgreSQL of its own
	Rates       []int  // INSERTs per second beside the measured ones, one phase each; 0: none
	Duration    time.Duration
	Probes      int // measured transactions per second
	Tenants     int // that the others write for; the first is the subscriber's
}

const (
	settle  = 3 * time.Second // of each phase, which doesn't count: the switch from quiet to busy is in it
	catchUp = time.Minute     // for what is still under way at the end
)

type run struct {
	Options
	report   *bench.Report
	progress *bench.Progress
	probe    *pgx.Conn
	channel  string
	tenant   string
	sse      *arrivals
	bare     *arrivals
	load     *load

	names []string // of all probes
}

// Run measures and adds its figures to the report.
func Run(ctx context.Context, o Options, report *bench.Report, progress *bench.Progress) (err error) {
	for name, value := range map[string]string{
		"rates": fmt.Sprint(o.Rates), "duration": o.Duration.String(), "probes": fmt.Sprint(o.Probes), "tenants": fmt.Sprint(o.Tenants),
	} {
		report.Settings[name] = value
	}
	progress.Step("starting PostgreSQL and a gateway")
	f, err := fleet.Open(ctx, o.Program, o.DatabaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Stop(ctx)) }()
	if err := f.StartGateways(ctx, 1); err != nil {
		return err
	}
	tenants := f.Tenants(o.Tenants)
	r := &run{
		Options: o, report: report, progress: progress, tenant: tenants[0], channel: "pgfeed_" + strings.ReplaceAll(tenants[0], "-", "_"),
		sse: newArrivals(), bare: newArrivals(),
	}
	stop, err := r.connect(ctx, f, tenants)
	defer stop()
	if err != nil {
		return err
	}
	for i, rate := range o.Rates {
		if err := r.phase(ctx, i, rate); err != nil {
			return err
		}
	}
	return r.whole(ctx)
}

// connect opens the stream, the bare listener and the writers.
func (r *run) connect(ctx context.Context, f *fleet.Fleet, tenants []string) (stop func(), err error) {
	running, cancel := context.WithCancel(ctx)
	var ended []chan struct{}
	stop = func() {
		cancel()
		for _, c := range ended {
			<-c
		}
		if r.load != nil {
			r.load.close()
		}
		if r.probe != nil {
			_ = r.probe.Close(context.Background())
		}
	}
	begin := func(f func()) {
		done := make(chan struct{})
		ended = append(ended, done)
		go func() { defer close(done); f() }()
	}
	token, err := store.NewSessions(f.Pool).Create(ctx, r.tenant, "reader", 24*time.Hour)
	if err != nil {
		return stop, err
	}
	hello := make(chan struct{})
	begin(func() { stream(running, f.Addrs()[0], token, r.sse, hello) })
	listener, err := pgx.Connect(ctx, f.URL)
	if err != nil {
		return stop, err
	}
	if _, err := listener.Exec(ctx, "listen "+pgx.Identifier{r.channel}.Sanitize()); err != nil {
		return stop, errors.Join(err, listener.Close(ctx))
	}
	begin(func() {
		defer listener.Close(context.Background()) //nolint:errcheck // it is given up
		listen(running, listener, r.bare)
	})
	if r.probe, err = pgx.Connect(ctx, f.URL); err != nil {
		return stop, err
	}
	if r.load, err = newLoad(ctx, f.URL, tenants); err != nil {
		return stop, err
	}
	select {
	case <-hello:
		return stop, nil
	case <-time.After(time.Minute):
		return stop, errors.New("the stream doesn't begin")
	case <-ctx.Done():
		return stop, ctx.Err()
	}
}

// phase measures at one rate.
func (r *run) phase(ctx context.Context, number, rate int) error {
	group := fmt.Sprintf("phase %d: %d other INSERTs/s", number+1, rate)
	r.progress.Step("%s", group)
	loading, stop := context.WithTimeout(ctx, settle+r.Duration)
	defer stop()
	type result struct {
		rate float64
		err  error
	}
	loaded := make(chan result, 1)
	go func() {
		reached, err := r.load.run(loading, rate, fmt.Sprintf("load-%d", number))
		loaded <- result{reached, err}
	}()
	commits, err := r.probes(loading, number, time.Now().Add(settle))
	res := <-loaded
	if err = errors.Join(err, res.err, ctx.Err()); err != nil {
		return err
	}
	if err := r.wait(ctx, len(r.names), r.bare); err != nil {
		return err
	}
	if err := r.arrived(ctx, commits); err != nil {
		return err
	}
	sse, bare := bench.NewLatency(), bench.NewLatency()
	for name, at := range commits {
		if came, ok := r.sse.when(name); ok {
			sse.Record(came.Sub(at))
		}
		if came, ok := r.bare.when(name); ok {
			bare.Record(came.Sub(at))
		}
	}
	if rate > 0 {
		r.report.Add(bench.Figure{Group: group, Name: "reached", Unit: "/s", Value: res.rate})
	}
	for i, b := range bare.Figures(group) {
		s := sse.Figures(group)[i]
		b.Name, s.Name = "LISTEN "+b.Name, "stream "+s.Name
		switch {
		case rate == 0 && s.Name == "stream p50":
			s = s.Below(1.5 * b.Value)
		case rate == 0 && s.Name == "stream p99":
			s = s.Below(2 * b.Value)
		case rate >= 1000 && s.Name == "stream p99":
			s = s.Below(100)
		}
		r.report.Add(b, s)
	}
	return nil
}

// arrived waits for a phase's events on the stream, which the end of the phase may be ahead of; what hasn't come after catchUp counts as lost.
func (r *run) arrived(ctx context.Context, commits map[string]time.Time) error {
	limited, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for name := range commits {
		for _, ok := r.sse.when(name); !ok; _, ok = r.sse.when(name) {
			if _, err := r.sse.count(); err != nil {
				return err
			}
			if !bench.Pause(limited, 5*time.Millisecond) {
				return ctx.Err()
			}
		}
	}
	return nil
}

// probes writes rows whose arrival is timed, each with a notification for the bare client in its transaction. It gives when the
// commits of those were asked for that count.
func (r *run) probes(ctx context.Context, number int, from time.Time) (map[string]time.Time, error) {
	commits := map[string]time.Time{}
	tick := time.NewTicker(time.Second / time.Duration(r.Probes))
	defer tick.Stop()
	whole := context.WithoutCancel(ctx)
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return commits, nil
		case <-tick.C:
		}
		name := fmt.Sprintf("probe-%d-%d", number, n)
		tx, err := r.probe.Begin(whole)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(whole, insert, r.tenant, name); err != nil {
			return nil, err
		}
		if _, err := tx.Exec(whole, `select pg_notify($1, $2)`, r.channel, name); err != nil {
			return nil, err
		}
		at := time.Now()
		if err := tx.Commit(whole); err != nil {
			return nil, err
		}
		r.names = append(r.names, name)
		if at.After(from) {
			commits[name] = at
		}
	}
}

func (r *run) wait(ctx context.Context, want int, a *arrivals) error {
	for deadline := time.Now().Add(catchUp); ; {
		n, err := a.count()
		if err != nil || n >= want || time.Now().After(deadline) {
			return err
		}
		if !bench.Pause(ctx, 5*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// whole compares what came with what was committed, over all phases.
func (r *run) whole(ctx context.Context) error {
	r.progress.Step("waiting for what is under way")
	all := append(append([]string{}, r.names...), r.load.names...)
	if err := r.wait(ctx, len(all), r.sse); err != nil {
		return err
	}
	lost := 0
	for _, name := range all {
		if _, came := r.sse.when(name); !came {
			lost++
		}
	}
	r.report.Add(
		bench.Figure{Group: "all phases", Name: "events for the subscriber", Value: float64(len(all))},
		bench.Figure{Group: "all phases", Name: "lost", Value: float64(lost)}.Below(0),
		bench.Figure{Group: "all phases", Name: "doubled", Value: float64(r.sse.doubled)}.Below(0),
	)
	return nil
}
