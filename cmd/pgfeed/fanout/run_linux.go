package fanout

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
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
	var cleanup bench.Cleanup
	defer func() { err = errors.Join(err, cleanup.Run(ctx)) }()
	m, err := open(ctx, o, report, progress, &cleanup)
	if err != nil {
		return err
	}
	report.Settings["modes"] = strings.Join(o.Modes, ",")
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

// open starts what is measured.
func open(ctx context.Context, o Options, report *bench.Report, progress *bench.Progress, cleanup *bench.Cleanup) (*measuring, error) {
	m := &measuring{Options: o, report: report, progress: progress}
	for name, value := range map[string]string{
		"subscribers": fmt.Sprint(o.Subscribers), "rounds": fmt.Sprint(o.Rounds), "duration": o.Duration.String(), "size": fmt.Sprint(o.Size),
	} {
		report.Settings[name] = value
	}
	progress.Step("starting a gateway and the floor")
	var err error
	if m.fleet, err = openFleet(ctx, o.Program, o.DatabaseURL, o.Gateway, cleanup); err != nil {
		return nil, err
	}
	m.gateway = m.fleet.Gateways[0]
	m.tenants = m.fleet.Tenants(groups)
	if m.writers, err = writersPool(ctx, m.fleet.URL); err != nil {
		return nil, err
	}
	cleanup.Add("close the writers' pool", func(context.Context) error { m.writers.Close(); return nil })
	if m.floor, err = startFloor(o.Program); err != nil {
		return nil, err
	}
	cleanup.Add("stop the floor", m.floor.stop)
	if err := makeSessions(ctx, m.fleet.Pool, m.tenants, o.Subscribers); err != nil {
		return nil, err
	}
	return m, m.probe(ctx)
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
	hello   string // what it greets with
	pids    func() ([]int, error)
	request func(tenant, i int) []byte
	publish func(ctx context.Context, tenant int, texts []string) error
}

func streamRequest(addr, token string) []byte {
	return fmt.Appendf(nil, "GET /api/activity/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", addr, token)
}

func (m *measuring) ofGateway() target {
	pid, _ := m.gateway.PID()
	return target{
		name: "gateway", addr: m.gateway.Addr(), hello: hello, pids: process(pid),
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
		name: floorName, addr: m.floor.addr, hello: hello, pids: process(m.floor.cmd.Process.Pid),
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
	c, _, err := connect(ctx, t.addr, t.hello, 1, 0, func(i int) []byte { return t.request(0, i) })
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
