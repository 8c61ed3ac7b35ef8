package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	Migrate           bool          `help:"Apply missing migrations first."`
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
	var wrong error
	add := func(err error) { wrong = errors.Join(wrong, err) }
	add(checkURL("database-url", c.DatabaseURL))
	if c.NotifyDatabaseURL != "" {
		add(checkURL("notify-database-url", c.NotifyDatabaseURL))
	}
	for flag, addr := range map[string]string{"http-addr": c.HTTPAddr, "admin-addr": c.AdminAddr} {
		if addr == "" && flag == "admin-addr" {
			continue
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			add(fmt.Errorf("--%s: %w; write host:port, or :port for all addresses", flag, err))
		}
	}
	if c.Heartbeat < time.Second {
		add(fmt.Errorf("--heartbeat must be at least 1s, not %v", c.Heartbeat))
	}
	if c.KeepAlive < time.Second {
		add(fmt.Errorf("--keep-alive must be at least 1s, not %v", c.KeepAlive))
	}
	if c.ProbeTimeout < 100*time.Millisecond {
		add(fmt.Errorf("--probe-timeout must be at least 100ms, not %v", c.ProbeTimeout))
	}
	if c.MaxReplay < 1 {
		add(fmt.Errorf("--max-replay must be at least 1, not %d", c.MaxReplay))
	}
	if c.DrainWindow < 0 {
		add(fmt.Errorf("--drain-window can't be negative: %v", c.DrainWindow))
	}
	if c.MaxChannels < 0 {
		add(fmt.Errorf("--max-channels can't be negative: %d", c.MaxChannels))
	}
	if c.BusyRate < 0 {
		add(fmt.Errorf("--busy-rate can't be negative: %d", c.BusyRate))
	}
	add(c.retentionFlags.validate())
	add(c.Auth.validate())
	add(c.Limits.validate())
	if wrong != nil {
		return usageError{wrong}
	}
	return nil
}

// Run serves until it is told to stop.
func (c serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	if err := c.validate(); err != nil {
		return err
	}
	if c.Migrate {
		if err := migrateWaiting(ctx, c.DatabaseURL, log); err != nil {
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

// migrateWaiting migrates, waiting with backoff for a database that is away.
func migrateWaiting(ctx context.Context, url string, log *slog.Logger) error {
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		pool, err := databaseFlags{url}.open(ctx)
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
