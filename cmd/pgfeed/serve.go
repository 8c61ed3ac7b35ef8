package main

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/web"
)

type serveCmd struct {
	databaseFlags
	NotifyDatabaseURL string        `placeholder:"URL" help:"Direct connection for LISTEN, where --database-url goes through a pooler. Default: --database-url."`
	HTTPAddr          string        `default:":8080" help:"Address of the API and the page."`
	AdminAddr         string        `default:"127.0.0.1:9090" help:"Address of /metrics and /debug/pprof; empty: none. Keep it private."`
	ProbeTimeout      time.Duration `default:"3s" help:"Time in which a notification that the gateway sends itself, every 2s, must come back. Else its listener counts as deaf, and is connected anew."`
	Migrate           bool          `help:"Apply missing migrations first, over --notify-database-url where that is given."`
	Heartbeat         time.Duration `default:"30s" help:"Time between pings on a stream."`
	KeepAlive         time.Duration `default:"15s" help:"Silence on a stream after which a comment is sent, so that proxies don't cut it."`
	MaxReplay         int           `default:"10000" help:"Most events that a returning client is sent; one that missed more is told to reload (reset: overflow)."`
	MaxChannels       int           `default:"10000" help:"Tenants whose notifications are listened to; with subscribers of more, the log is read four times a second for the others. 0: all."`
	BusyRate          int           `default:"200" help:"Writing transactions per second from which on the log is read every 20ms instead of writers sending hints, which makes them wait for each other; 0: never."`
	DrainWindow       time.Duration `default:"20s" help:"On SIGTERM, time over which streams are closed one by one."`

	retentionFlags

	Auth   authFlags  `embed:""`
	Limits limitFlags `embed:""`
}

// validate gives all that is wrong with the settings, at once.
func (c serveCmd) validate() error {
	var s settings
	s.add(checkURL("database-url", c.DatabaseURL))
	s.url("notify-database-url", c.NotifyDatabaseURL)
	s.address("http-addr", c.HTTPAddr)
	if c.AdminAddr != "" {
		s.address("admin-addr", c.AdminAddr)
	}
	atLeast(&s, "heartbeat", c.Heartbeat, time.Second)
	atLeast(&s, "keep-alive", c.KeepAlive, time.Second)
	atLeast(&s, "probe-timeout", c.ProbeTimeout, 100*time.Millisecond)
	atLeast(&s, "max-replay", c.MaxReplay, 1)
	atLeast(&s, "drain-window", c.DrainWindow, 0)
	atLeast(&s, "max-channels", c.MaxChannels, 0)
	atLeast(&s, "busy-rate", c.BusyRate, 0)
	s.add(c.retentionFlags.validate())
	s.add(c.Auth.validate())
	s.add(c.Limits.validate())
	return s.err()
}

// Run serves until it is told to stop.
func (c serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	if err := c.validate(); err != nil {
		return err
	}
	if c.Migrate {
		flag, url := "database-url", c.DatabaseURL
		if c.NotifyDatabaseURL != "" { // a pooler in transaction mode loses the lock under which migrations run
			flag, url = "notify-database-url", c.NotifyDatabaseURL
		}
		if err := migrateWaiting(ctx, flag, url, log); err != nil {
			return err
		}
	}
	return runGateway(ctx, gatewayConfig{
		DatabaseURL: c.DatabaseURL, NotifyURL: c.NotifyDatabaseURL, ProbeTimeout: c.ProbeTimeout, HTTPAddr: c.HTTPAddr, AdminAddr: c.AdminAddr,
		Auth: c.Auth, Limits: c.Limits, Stream: sse.Options{Heartbeat: c.Heartbeat, KeepAlive: c.KeepAlive}, MaxReplay: c.MaxReplay,
		BusyRate: cmp.Or(c.BusyRate, -1), MaxChannels: c.MaxChannels, Retention: c.retention(), DrainWindow: c.DrainWindow,
		Page: web.Dist(),
	}, log)
}

// migrateWaiting migrates the database of a flag, waiting with backoff for one that is away.
func migrateWaiting(ctx context.Context, flag, url string, log *slog.Logger) error {
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		pool, err := reach(ctx, flag, url)
		if err == nil {
			pool.Close()
			break
		}
		log.Warn("waiting for the database", "again in", wait.String(), "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
	applied, err := migrateUp(ctx, url)
	if err != nil {
		return err
	}
	log.Info("database is up to date", "applied", applied)
	return nil
}
