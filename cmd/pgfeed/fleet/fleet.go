package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/pgserver"
)

// Fleet is a database with gateways in front.
type Fleet struct {
	URL      string
	Pool     *pgxpool.Pool
	Server   *pgserver.Server // nil: somebody else's
	Gateways []*faults.Gateway

	program string
	flags   []string
	run     string
	cleanup bench.Cleanup
}

// unlimited is for many subscribers that all come from one address, of few users.
var unlimited = []string{
	"--max-streams-per-user=0", "--max-streams-per-address=0", "--max-streams-per-tenant=0", "--max-connects=0", "--max-connects-per-address=0",
}

// Open opens a migrated database, or starts a PostgreSQL and migrates it where url is empty. No gateway runs yet: they will run
// program, a pgfeed binary, with the flags.
func Open(ctx context.Context, program, url string, flags ...string) (f *Fleet, err error) {
	f = &Fleet{URL: url, program: program, flags: append(slices.Clone(unlimited), flags...), run: strings.ToLower(rand.Text()[:8])}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Stop(ctx))
		}
	}()
	if url == "" {
		if err := f.startServer(ctx); err != nil {
			return f, err
		}
	}
	if f.Pool, err = store.NewPool(f.URL); err != nil {
		return f, err
	}
	f.cleanup.Add("close the pool", func(context.Context) error { f.Pool.Close(); return nil })
	return f, store.CheckMigrated(ctx, f.Pool)
}

func (f *Fleet) startServer(ctx context.Context) error {
	server, err := pgserver.Open(ctx, pgserver.Options{Settings: map[string]string{"max_connections": "300"}})
	if err != nil {
		return err
	}
	f.Server, f.URL = server, server.URL("postgres")
	f.cleanup.Add("stop PostgreSQL", server.Stop)
	m, err := store.NewMigrator(f.URL)
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return errors.Join(err, m.Close())
}

// Stop ends the gateways and the server, and deletes what was written for Tenants in a database that was given. It does so
// though ctx has ended.
func (f *Fleet) Stop(ctx context.Context) error { return f.cleanup.Run(ctx) }

// Tenants gives names of tenants that nobody else has. Call it once.
func (f *Fleet) Tenants(n int) []string {
	var tenants []string
	for i := range n {
		tenants = append(tenants, fmt.Sprintf("bench-%s-%d", f.run, i))
	}
	if f.Server == nil {
		f.cleanup.Add("delete what was written", func(ctx context.Context) error {
			var failed error
			for _, table := range []string{`"activityLogs"`, `"sessions"`} {
				_, err := f.Pool.Exec(ctx, `delete from public.`+table+` where "tenantId" = any ($1)`, tenants)
				failed = errors.Join(failed, err)
			}
			return failed
		})
	}
	return tenants
}

// StartGateways starts gateways until there are n, and waits until all are ready and hear notifications.
func (f *Fleet) StartGateways(ctx context.Context, n int) error {
	for len(f.Gateways) < n {
		g, err := faults.StartGateway(ctx, f.program, f.URL, f.flags...)
		if err != nil {
			return err
		}
		f.Gateways = append(f.Gateways, g)
		f.cleanup.Add("stop a gateway", g.Stop)
	}
	for _, g := range f.Gateways {
		if err := Ready(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// Ready waits until a gateway is ready and not degraded.
func Ready(ctx context.Context, g *faults.Gateway) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		status, body, err := g.Ready(ctx)
		if err == nil && status == 200 && strings.Contains(body, `"ready"`) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a gateway doesn't get ready: %d %s: %w", status, body, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Addrs are the gateways' public addresses.
func (f *Fleet) Addrs() []string {
	var addrs []string
	for _, g := range f.Gateways {
		addrs = append(addrs, g.Addr())
	}
	return addrs
}
