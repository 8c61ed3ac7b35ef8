package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/demodata"
	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/httpapi"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/pgserver"
	"github.com/pgfeed/pgfeed/web"
)

type demoCmd struct {
	HTTPAddr    string        `default:"127.0.0.1:8080" help:"Address of the page. Anyone who reaches it can log in: keep it on this machine."`
	AdminAddr   string        `help:"Address of /metrics and /debug/pprof, such as 127.0.0.1:9090. Default: none."`
	DatabaseURL string        `placeholder:"URL" help:"Use this Postgres, which several demos may share; missing tables are created. Default: start one of the demo's own."`
	DataDir     string        `placeholder:"DIR" help:"Where the demo's own database is kept. Default: a temporary directory, removed at the end."`
	Pace        time.Duration `default:"3s" help:"Average time between two activities."`
	Replay      bool          `default:"true" negatable:"" help:"Insert activities made from real webhooks, one after another; of demos that share a database one does."`
	DrainWindow time.Duration `default:"0s" help:"On SIGTERM, time over which streams are closed one by one."`
}

// validate gives all that is wrong with the settings, at once.
func (c demoCmd) validate() error {
	var s settings
	if c.Pace <= 0 {
		s.addf("--pace must be more than zero, not %v", c.Pace)
	}
	atLeast(&s, "drain-window", c.DrainWindow, 0)
	s.address("http-addr", c.HTTPAddr)
	if c.AdminAddr != "" {
		s.address("admin-addr", c.AdminAddr)
	}
	s.url("database-url", c.DatabaseURL)
	if c.DatabaseURL != "" && c.DataDir != "" {
		s.addf("--data-dir: only for a database of the demo's own, without --database-url")
	}
	return s.err()
}

// database gives the URL of a migrated database, and what stops it again.
func (c demoCmd) database(ctx context.Context, io streams, log *slog.Logger) (url string, stop func() error, err error) {
	if c.DatabaseURL != "" {
		return c.DatabaseURL, func() error { return nil }, migrateWaiting(ctx, "database-url", c.DatabaseURL, log)
	}
	_, _ = fmt.Fprintln(io.err, "Starting a Postgres of the demo's own …")
	server, err := pgserver.Open(ctx, pgserver.Options{DataDir: c.DataDir, Logger: log, Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		return "", nil, fmt.Errorf("demo: %w", err)
	}
	stop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return server.Stop(ctx)
	}
	url = server.URL("postgres")
	if _, err := migrateUp(ctx, url); err != nil {
		return "", nil, errors.Join(err, stop())
	}
	return url, stop, nil
}

// Run starts everything and stops it again.
func (c demoCmd) Run(ctx context.Context, io streams, log *slog.Logger) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	// Before a database is made for nothing.
	for flag, addr := range map[string]string{"http-addr": c.HTTPAddr, "admin-addr": c.AdminAddr} {
		if err := free(addr); err != nil {
			return fmt.Errorf("--%[1]s: %[2]w; name another address with --%[1]s or $PGFEED_%[3]s", flag, err, strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
		}
	}
	url, stop, err := c.database(ctx, io, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	pool, err := store.NewPool(url)
	if err != nil {
		return err
	}
	defer pool.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also when it can't serve
	if c.Replay {
		player := demodata.Player{DB: pool, Pace: c.Pace, Tenants: demodata.Tenants(), Logger: log}
		wg.Go(func() {
			if err := demodata.Alone(ctx, pool, player.Run); err != nil && ctx.Err() == nil {
				log.Error("replay of activities ended", "error", err)
			}
		})
	}
	return runGateway(ctx, gatewayConfig{
		DatabaseURL: url, HTTPAddr: c.HTTPAddr, AdminAddr: c.AdminAddr, Auth: demoAuth(), Limits: demoLimits(), Page: web.Dist(), DrainWindow: c.DrainWindow,
		Retention: store.Retention{Age: 7 * 24 * time.Hour, Bytes: 1 << 30},
		Demo:      func(pool *pgxpool.Pool) httpapi.Demo { return demo{pool} },
		Started: func(addr net.Addr) {
			if c.DatabaseURL == "" { // another's may hold a password
				_, _ = fmt.Fprintln(io.out, "database:", url)
			}
			_, _ = fmt.Fprintf(io.out, "http://%s\n", addr)
			_, _ = fmt.Fprintln(io.err, "Open the address in a browser. Ctrl-C stops everything.")
		},
	}, log)
}

// free gives the error of listening on an address.
func free(addr string) error {
	if addr == "" {
		return nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// demo implements httpapi.Demo.
type demo struct{ pool *pgxpool.Pool }

func (d demo) Tenants() any { return demodata.Tenants() }

func (d demo) user(tenant, user string) (demodata.User, error) {
	for _, t := range demodata.Tenants() {
		for _, u := range t.Users {
			if t.ID == tenant && u.ID == user {
				return u, nil
			}
		}
	}
	return demodata.User{}, gateway.ErrNotFound
}

func (d demo) Login(ctx context.Context, tenant, user string) (token, userName string, err error) {
	u, err := d.user(tenant, user)
	if err != nil {
		return "", "", err
	}
	token, err = store.NewSessions(d.pool).Create(ctx, tenant, user, 12*time.Hour)
	return token, u.Name, err
}

func (d demo) Insert(ctx context.Context, id gateway.Identity, description string) (string, error) {
	name := id.User // of a token that wasn't made by the demo
	if u, err := d.user(id.Tenant, id.User); err == nil {
		name = u.Name
	}
	return demodata.InsertActivity(ctx, d.pool, id.Tenant, demodata.Activity{
		UserID: id.User, UserName: name, Action: "posted", EntityType: "note", Description: description,
		Metadata: json.RawMessage(`{}`),
	})
}

// demoAuth and demoLimits are the defaults of serve: the demo has no flags for them.
func demoAuth() authFlags {
	return authFlags{sessionSourceFlags: sessionSourceFlags{SessionPreset: presetPgfeed}, SessionRecheck: time.Minute}
}

func demoLimits() limitFlags {
	return limitFlags{MaxHeaderBytes: 32 << 10, HeaderTimeout: 10 * time.Second, RequestTimeout: time.Minute}
}

func (d demo) Notify(ctx context.Context, id gateway.Identity, n httpapi.DemoNotification) error {
	return demodata.InsertNotification(ctx, d.pool, id.Tenant, id.User, demodata.Notification{
		Type: n.Type, Category: n.Category, Title: n.Title, Body: n.Body,
	})
}
