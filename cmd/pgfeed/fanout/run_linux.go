package fanout

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/fleet"
)

// measuring is what runs: a gateway, the floor, and who publishes to them.
type measuring struct {
	Options
	report   *bench.Report
	progress *bench.Progress
	fleet    *fleet.Fleet
	gateway  *faults.Gateway
	floor    *floorProcess
	tenants  []string
	writers  *pgxpool.Pool
	frame    int // bytes of one event's frame on a gateway's stream
}

// groups are how many tenants the mode with many has.
const groups = 1000

// Run measures the modes and adds their figures to the report.
func Run(ctx context.Context, o Options, report *bench.Report, progress *bench.Progress) (err error) {
	m := &measuring{Options: o, report: report, progress: progress}
	var cleanup bench.Cleanup
	defer func() { err = errors.Join(err, cleanup.Run(ctx)) }()
	for name, value := range map[string]string{
		"subscribers": fmt.Sprint(o.Subscribers), "rounds": fmt.Sprint(o.Rounds), "duration": o.Duration.String(), "size": fmt.Sprint(o.Size),
		"modes": strings.Join(o.Modes, ","),
	} {
		report.Settings[name] = value
	}
	progress.Step("starting a gateway and the floor")
	if m.fleet, err = openFleet(ctx, o.Program, o.DatabaseURL, o.Gateway, &cleanup); err != nil {
		return err
	}
	m.gateway = m.fleet.Gateways[0]
	m.tenants = m.fleet.Tenants(groups)
	if m.writers, err = writersPool(ctx, m.fleet.URL); err != nil {
		return err
	}
	cleanup.Add("close the writers' pool", func(context.Context) error { m.writers.Close(); return nil })
	if m.floor, err = startFloor(o.Program); err != nil {
		return err
	}
	cleanup.Add("stop the floor", m.floor.stop)
	if err := makeSessions(ctx, m.fleet.Pool, m.tenants, o.Subscribers); err != nil {
		return err
	}
	if err := m.probe(ctx); err != nil {
		return err
	}
	modes := map[string]func(context.Context) error{
		"tenant": m.oneTenant, "tenants": m.manyTenants, "burst": m.burst, "saturated": m.saturated, "connect": m.connecting, "stuck": m.stuck,
	}
	for _, mode := range o.Modes {
		if err := modes[mode](ctx); err != nil {
			return fmt.Errorf("%s: %w", mode, err)
		}
	}
	return nil
}

// openFleet opens a database with one gateway that is ready.
func openFleet(ctx context.Context, program, url string, flags []string, cleanup *bench.Cleanup) (*fleet.Fleet, error) {
	f, err := fleet.Open(ctx, program, url, flags...)
	if err != nil {
		return nil, err
	}
	cleanup.Add("stop the gateway", f.Stop)
	return f, f.StartGateways(ctx, 1)
}

// writersAtATime insert: as many connections as an application might have.
const writersAtATime = 8

func writersPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = writersAtATime
	return pgxpool.NewWithConfig(ctx, cfg)
}

// token is that of the i-th subscriber of a kind.
func token(tenant string, i int) string { return fmt.Sprintf("%s-%06d-of-a-benchmark", tenant, i) }

// makeSessions gives every subscriber a session of its own: the first tenant's n, and a hundredth of as many in each tenant.
func makeSessions(ctx context.Context, pool *pgxpool.Pool, tenants []string, n int) error {
	expires := time.Now().Add(24 * time.Hour)
	var rows [][]any
	add := func(tenant string, i int) {
		hash := sha256.Sum256([]byte(token(tenant, i)))
		rows = append(rows, []any{hash[:], fmt.Sprintf("user-%d", i), tenant, expires})
	}
	for i := range n {
		add(tenants[0], i)
	}
	for _, tenant := range tenants[1:] {
		for i := range (n + len(tenants) - 1) / len(tenants) {
			add(tenant, i)
		}
	}
	_, err := pool.CopyFrom(ctx, pgx.Identifier{"public", "sessions"}, []string{"tokenHash", "userId", "tenantId", "expiresAt"}, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("make sessions: %w", err)
	}
	return nil
}

// target is who serves the streams of a round.
type target struct {
	name    string
	addr    string
	pid     int
	request func(tenant, i int) []byte
	publish func(ctx context.Context, tenant int, texts []string) error
}

func streamRequest(addr, token string) []byte {
	return fmt.Appendf(nil, "GET /api/activity/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", addr, token)
}

func (m *measuring) ofGateway() target {
	pid, _ := m.gateway.PID()
	return target{
		name: "gateway", addr: m.gateway.Addr(), pid: pid,
		request: func(tenant, i int) []byte { return streamRequest(m.gateway.Addr(), token(m.tenants[tenant], i)) },
		publish: func(ctx context.Context, tenant int, texts []string) error {
			_, err := m.writers.Exec(ctx, `insert into public."activityLogs" ("tenantId", action, description) select $1, 'bench', unnest($2::text[])`,
				m.tenants[tenant], texts)
			return err
		},
	}
}

func (m *measuring) ofFloor() target {
	return target{
		name: floorName, addr: m.floor.addr, pid: m.floor.cmd.Process.Pid,
		request: func(tenant, _ int) []byte { return fmt.Appendf(nil, "GET /%d HTTP/1.1\r\n\r\n", tenant) },
		publish: func(_ context.Context, tenant int, texts []string) error {
			for _, text := range texts {
				frame := make([]byte, 0, m.frame)
				frame = append(append(frame, "data: "...), text...)
				for len(frame) < m.frame-2 {
					frame = append(frame, 'x')
				}
				if err := m.floor.publish(tenant, append(frame, "\n\n"...)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (m *measuring) text(number int) string {
	text := mark(number, time.Now())
	return text + strings.Repeat("x", max(0, m.Size-len(text)))
}

// probe finds out how long a gateway's frame is, so that the floor's are as long.
func (m *measuring) probe(ctx context.Context) error {
	t := m.ofGateway()
	c, _, err := connect(ctx, t.addr, 1, 0, func(i int) []byte { return t.request(0, i) })
	if err != nil {
		return err
	}
	const events = 20
	before := int64(0)
	for n := range events {
		if n == 1 { // after the first, which comes while the stream's own beginning is still told
			before = c.bytes.Load()
		}
		if err := t.publish(ctx, 0, []string{m.text(n)}); err != nil {
			return errors.Join(err, c.close())
		}
		if err := c.await(ctx, int64(n+1), time.Minute); err != nil {
			return errors.Join(err, c.close())
		}
	}
	m.frame = int(c.bytes.Load()-before) / (events - 1)
	m.report.Settings["frame"] = fmt.Sprintf("%d bytes", m.frame)
	return c.close()
}

// load is what a round does.
type load struct {
	subscribers int
	tenants     int     // that they are spread over
	rate        float64 // events a second; 0: as fast as they are delivered
	window      int     // events under way at most, without a rate
	batch       int     // events in one INSERT; 0: 1
	deaf        int     // subscribers that don't read
	writers     int
	drain       time.Duration // how long it may take to deliver the last; 0: a minute, and it has to
	text        func(number int) string
}

const (
	floorName = "floor"
	// floorWaiting is how many deliveries the floor may be behind where there is no rate: about a second's.
	floorWaiting = 100_000
)

// outcome is what a round came to.
type outcome struct {
	connected time.Duration
	cpu       time.Duration // of the server, for each delivery
	perSecond float64       // deliveries
	p50, p99  time.Duration
	late      float64 // deliveries that were not made in time
}

// round connects a crowd, publishes, waits until all is delivered, and checks it.
func (m *measuring) round(ctx context.Context, t target, l load) (o outcome, err error) {
	if t.name == floorName && l.window > 0 { // it gains nothing from events that wait, and has to get through with them
		l.batch, l.window = 1, max(floorWaiting/l.subscribers, 1)
	}
	group := func(i int) int { return i % l.tenants }
	c, took, err := connect(ctx, t.addr, l.subscribers, l.deaf, func(i int) []byte { return t.request(group(i), i/l.tenants) })
	if err != nil {
		return o, err
	}
	o.connected = took
	if !bench.Pause(ctx, 500*time.Millisecond) { // what connecting leaves to be done is done
		return o, errors.Join(ctx.Err(), c.close())
	}
	before, err := cpu(t.pid)
	if err != nil {
		return o, errors.Join(err, c.close())
	}
	begun := time.Now()
	sent, err := m.publish(ctx, t, l, c)
	var deliveries int64
	for g, s := range sent {
		hearing := 0
		for i := l.deaf; i < l.subscribers; i++ {
			if group(i) == g {
				hearing++
			}
		}
		deliveries += int64(s.count) * int64(hearing)
	}
	if err == nil {
		err = c.await(ctx, deliveries, cmp.Or(l.drain, time.Minute))
	}
	elapsed := time.Since(begun)
	after, failed := cpu(t.pid)
	late := l.drain > 0 && errors.Is(err, errLate)
	if late {
		o.late, err = float64(deliveries-c.deliveries.Load()), nil
		deliveries -= int64(o.late)
	}
	if err = errors.Join(err, failed, c.close()); err != nil {
		return o, err
	}
	o.cpu = (after - before) / time.Duration(max(deliveries, 1))
	o.perSecond = float64(deliveries) / elapsed.Seconds()
	o.p50 = time.Duration(c.latency.ValueAtQuantile(50)) * time.Microsecond
	o.p99 = time.Duration(c.latency.ValueAtQuantile(99)) * time.Microsecond
	if late {
		return o, nil
	}
	return o, c.check(group, sent)
}

// publish publishes for the time of a round and gives what each tenant was sent.
func (m *measuring) publish(ctx context.Context, t target, l load, c *crowd) ([]tally, error) {
	text := l.text
	if text == nil {
		text = m.text
	}
	sent := make([]tally, l.tenants)
	var mu sync.Mutex
	var number, committed atomic.Int64
	begun := time.Now()
	one := func() error {
		texts := make([]string, max(l.batch, 1))
		first := int(number.Add(int64(len(texts)))) - len(texts)
		if l.rate > 0 {
			due := begun.Add(time.Duration(float64(first) / l.rate * float64(time.Second)))
			if !bench.Pause(ctx, time.Until(due)) {
				return ctx.Err()
			}
		} else {
			for c.deliveries.Load() < (int64(first)-int64(l.window))*int64((l.subscribers-l.deaf)/l.tenants) {
				if !bench.Pause(ctx, 200*time.Microsecond) {
					return ctx.Err()
				}
				if c.ended.Load() > 0 {
					return fmt.Errorf("%d streams were ended", c.ended.Load())
				}
			}
		}
		for i := range texts {
			texts[i] = text(first + i)
		}
		tenant := first % l.tenants
		if err := t.publish(ctx, tenant, texts); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		committed.Add(int64(len(texts)))
		mu.Lock()
		defer mu.Unlock()
		for i := range texts {
			sent[tenant].add(first + i)
		}
		return nil
	}
	var wg sync.WaitGroup
	errs := make([]error, max(l.writers, 1))
	for w := range errs {
		wg.Go(func() {
			for errs[w] == nil && time.Since(begun) < m.Duration {
				errs[w] = one()
			}
		})
	}
	wg.Wait()
	return sent, errors.Join(errs...)
}

// compare runs rounds of both in turns and gives what each round came to.
func (m *measuring) compare(ctx context.Context, what string, l load) (gateway, floor []outcome, err error) {
	one := func(t target, into *[]outcome) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			m.progress.Step("%s: %s, round %d of %d", what, t.name, len(*into)+1, m.Rounds)
			o, err := m.round(ctx, t, l)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", t.name, err)
			}
			*into = append(*into, o)
			return 0, nil
		}
	}
	_, _, err = bench.Alternate(ctx, m.Rounds, one(m.ofGateway(), &gateway), one(m.ofFloor(), &floor))
	return gateway, floor, err
}

func each(outcomes []outcome, figure func(outcome) float64) []float64 {
	values := make([]float64, 0, len(outcomes))
	for _, o := range outcomes {
		values = append(values, figure(o))
	}
	return values
}

func cpuMicroseconds(o outcome) float64 { return float64(o.cpu.Nanoseconds()) / 1000 }
func p99Milliseconds(o outcome) float64 { return bench.Milliseconds(o.p99) }
func perSecond(o outcome) float64       { return o.perSecond }

func (m *measuring) addCPU(group string, gateway, floor []outcome, most float64) {
	g, f := each(gateway, cpuMicroseconds), each(floor, cpuMicroseconds)
	m.report.Add(
		bench.Median(group, "CPU per delivery, floor", "µs", f),
		bench.Median(group, "CPU per delivery, gateway", "µs", g),
		bench.Median(group, "ratio", "×", bench.Ratios(g, f)).Below(most),
		bench.Median(group, "p99, floor", "ms", each(floor, p99Milliseconds)),
		bench.Median(group, "p99, gateway", "ms", each(gateway, p99Milliseconds)),
	)
}

func (m *measuring) oneTenant(ctx context.Context) error {
	for _, rate := range []float64{5, 10} {
		group := fmt.Sprintf("one tenant, %d subscribers, %g events/s", m.Subscribers, rate)
		gateway, floor, err := m.compare(ctx, group, load{subscribers: m.Subscribers, tenants: 1, rate: rate})
		if err != nil {
			return err
		}
		m.addCPU(group, gateway, floor, 1.25)
	}
	return nil
}

func (m *measuring) manyTenants(ctx context.Context) error {
	const rate = 2000
	group := fmt.Sprintf("%d tenants, %d subscribers, %d events/s", groups, m.Subscribers, rate)
	gateway, floor, err := m.compare(ctx, group, load{subscribers: m.Subscribers, tenants: groups, rate: rate, writers: writersAtATime})
	if err != nil {
		return err
	}
	m.addCPU(group, gateway, floor, 2)
	return nil
}

func (m *measuring) burst(ctx context.Context) error {
	const rate = 50
	group := fmt.Sprintf("one tenant, %d subscribers, %d events/s", m.Subscribers, rate)
	var all []outcome
	for n := range m.Rounds {
		m.progress.Step("%s: round %d of %d", group, n+1, m.Rounds)
		o, err := m.round(ctx, m.ofGateway(), load{subscribers: m.Subscribers, tenants: 1, rate: rate})
		if err != nil {
			return err
		}
		all = append(all, o)
	}
	m.report.Add(
		bench.Median(group, "deliveries", "/s", each(all, perSecond)), bench.Median(group, "CPU per delivery", "µs", each(all, cpuMicroseconds)),
		bench.Median(group, "p50", "ms", each(all, func(o outcome) float64 { return bench.Milliseconds(o.p50) })),
		bench.Median(group, "p99", "ms", each(all, p99Milliseconds)).Below(300),
	)
	return nil
}

func (m *measuring) saturated(ctx context.Context) error {
	group := fmt.Sprintf("one tenant, %d subscribers, as fast as they are delivered", m.Subscribers)
	gateway, floor, err := m.compare(ctx, group, load{subscribers: m.Subscribers, tenants: 1, window: 100, batch: 25, writers: 2, drain: 20 * time.Second})
	if err != nil {
		return err
	}
	g, f := each(gateway, perSecond), each(floor, perSecond)
	m.report.Add(
		bench.Median(group, "deliveries, floor", "/s", f), bench.Median(group, "deliveries, gateway", "/s", g),
		bench.Median(group, "ratio", "×", bench.Ratios(g, f)).AtLeast(5),
		bench.Median(group, "CPU per delivery, gateway", "µs", each(gateway, cpuMicroseconds)),
		bench.Median(group, "not delivered 20s after the last, gateway", "", each(gateway, func(o outcome) float64 { return o.late })).Below(0),
	)
	return nil
}

func (m *measuring) connecting(ctx context.Context) error {
	group := fmt.Sprintf("connecting %d subscribers, each with a session of its own", m.Subscribers)
	var seconds, floor []float64
	for n := range m.Rounds {
		m.progress.Step("%s: round %d of %d", group, n+1, m.Rounds)
		for _, t := range []target{m.ofGateway(), m.ofFloor()} {
			if !bench.Pause(ctx, 1500*time.Millisecond) { // what was looked up is forgotten
				return ctx.Err()
			}
			c, took, err := connect(ctx, t.addr, m.Subscribers, 0, func(i int) []byte { return t.request(0, i) })
			if err != nil {
				return err
			}
			if err := c.close(); err != nil {
				return err
			}
			if t.name == floorName {
				floor = append(floor, took.Seconds())
			} else {
				seconds = append(seconds, took.Seconds())
			}
		}
	}
	m.report.Add(bench.Median(group, "floor", "s", floor), bench.Median(group, "gateway", "s", seconds).Below(2))
	return nil
}

func (m *measuring) stuck(ctx context.Context) error {
	deaf := m.Subscribers / 10
	group := fmt.Sprintf("%d of %d subscribers don't read", deaf, m.Subscribers)
	long := strings.Repeat("x", 8<<10) // so that their sockets are soon full
	l := load{subscribers: m.Subscribers, tenants: 1, rate: 5, text: func(number int) string { return mark(number, time.Now()) + long }}
	var with, without []float64
	rounds := m.Rounds + 2 // a p99 varies more than a sum does
	for n := range rounds {
		order := []int{0, deaf}
		if n%2 == 1 {
			slices.Reverse(order)
		}
		for _, some := range order {
			m.progress.Step("%s: round %d of %d, %d", group, n+1, rounds, some)
			l.deaf = some
			l.subscribers = m.Subscribers - deaf + some
			o, err := m.round(ctx, m.ofGateway(), l)
			if err != nil {
				return err
			}
			if some > 0 {
				with = append(with, p99Milliseconds(o))
			} else {
				without = append(without, p99Milliseconds(o))
			}
		}
	}
	m.report.Add(
		bench.Median(group, "p99 of the others, without these", "ms", without), bench.Median(group, "p99 of the others, with them", "ms", with),
		bench.Median(group, "ratio", "×", bench.Ratios(with, without)).Below(1.1),
	)
	return nil
}
