package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/httpapi"
	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/store"
)

// gatewayConfig is what a gateway is wired from.
type gatewayConfig struct {
	DatabaseURL string
	NotifyURL   string // "": DatabaseURL
	// ProbeTimeout is after what time a listener that doesn't hear itself counts as deaf; 0: the usual one.
	ProbeTimeout time.Duration
	HTTPAddr     string
	AdminAddr    string // "": no admin address
	Auth         authFlags
	Limits       limitFlags
	Stream       sse.Options
	MaxReplay    int             // 0: the hub's default
	BusyRate     int             // 0: the hub's default
	MaxChannels  int             // 0: all
	Retention    store.Retention // zero: nothing is emptied
	DrainWindow  time.Duration
	Page         fs.FS
	Demo         func(*pgxpool.Pool) httpapi.Demo // nil: none
	Started      func(addr net.Addr)
}

// runGateway serves until ctx ends, then drains. An error means that it could not start, or that serving failed.
func runGateway(ctx context.Context, cfg gatewayConfig, log *slog.Logger) error {
	pool, err := newPool("database-url", cfg.DatabaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	live, err := newEngine(pool, cmp.Or(cfg.NotifyURL, cfg.DatabaseURL), cfg.ProbeTimeout, gateway.Config{
		MaxReplay: cfg.MaxReplay, MaxReplays: cfg.Limits.MaxReplays, MaxPending: cfg.Limits.MaxPendingBytes, MaxBuffered: cfg.Limits.MaxBufferedBytes,
		BusyRate: cfg.BusyRate, Logger: log,
	})
	if err != nil {
		return err
	}
	hub, listener := live.hub, live.listener
	listener.Most = cfg.MaxChannels
	// The hub, the listener and the watch over sessions go on while streams drain.
	background, stopped := context.WithCancel(context.WithoutCancel(ctx))
	defer stopped()
	verifier, err := cfg.Auth.newVerifier(background, pool, live, log)
	if err != nil {
		return err
	}
	cfg.Stream.Counters, cfg.Stream.Logger = &sse.Counters{}, log
	streams, err := sse.New(cfg.Stream)
	if err != nil {
		return err
	}
	defer streams.Close()
	limits := cfg.Limits.limits()
	figures := newMetrics(metricParts{hub, cfg.Stream.Counters, listener, pool, store.NewGauge(pool), verifier.sessions, limits})
	state := &readiness{pool: pool, hub: hub, listener: listener}
	options := httpapi.Options{
		Hub: hub, Log: live.log, Notifications: store.NewNotifications(live.log),
		Verifier: countedVerifier{verifier, figures}, Limits: limits, Origins: cfg.Limits.CORSOrigin,
		Ready: state.check, Stream: streams, Logger: log, Page: cfg.Page, Observe: figures.observe,
	}
	if cfg.Demo != nil {
		options.Demo = cfg.Demo(pool)
	}

	handler, err := httpapi.New(options)
	if err != nil {
		return usageError{fmt.Errorf("--cors-origin: %w", err)}
	}
	public, err := net.Listen("tcp", cfg.HTTPAddr)
	if err != nil {
		return fmt.Errorf("--http-addr: %w", err)
	}
	server := newServer(handler, cfg.Limits, log)
	// Not on the admin address: a profile takes as long as it is asked to. Streams set limits of their own.
	server.ReadTimeout = cfg.Limits.HeaderTimeout + cfg.Limits.RequestTimeout
	server.WriteTimeout = cfg.Limits.RequestTimeout
	server.ConnState = limits.Connections.State
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return limits.Connections.Context(sse.ConnContext(ctx, c), c)
	}
	failed := make(chan error, 2)
	var admin *http.Server
	adminAddr := ""
	if cfg.AdminAddr != "" {
		adminListener, err := net.Listen("tcp", cfg.AdminAddr)
		if err != nil {
			return errors.Join(fmt.Errorf("--admin-addr: %w", err), public.Close())
		}
		adminAddr = adminListener.Addr().String()
		admin = newServer(adminHandler(figures), cfg.Limits, log)
		go func() { failed <- admin.Serve(adminListener) }()
	}

	defer live.start(background, verifier.run, func(ctx context.Context) {
		if cfg.Retention != (store.Retention{}) {
			cfg.Retention.Run(ctx, pool, log)
		}
	})()
	go func() { failed <- server.Serve(public) }()
	log.Info("serving", "http", public.Addr().String(), "admin", adminAddr)
	if cfg.Started != nil {
		cfg.Started(public.Addr())
	}

	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		log.Info("draining", "subscribers", hub.Subscribers(), "window", cfg.DrainWindow.String())
	}
	state.leave()
	drain, cancel := context.WithTimeout(background, cfg.DrainWindow+5*time.Second)
	defer cancel()
	hub.Drain(drain, cfg.DrainWindow)
	streams.Close()
	if shutdown := server.Shutdown(drain); shutdown != nil {
		err = errors.Join(err, fmt.Errorf("drain: %w", shutdown), server.Close())
	}
	if admin != nil {
		err = errors.Join(err, admin.Close())
	}
	return err
}

func newServer(h http.Handler, limits limitFlags, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: limits.HeaderTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: limits.MaxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// readiness answers /readyz.
type readiness struct {
	pool     *pgxpool.Pool
	hub      *gateway.Hub
	listener *store.Listener

	mu      sync.Mutex
	leaving bool
}

func (r *readiness) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaving = true
}

func (r *readiness) check(ctx context.Context) (degraded []string, err error) {
	r.mu.Lock()
	leaving := r.leaving
	r.mu.Unlock()
	if leaving {
		return nil, gateway.ErrDraining
	}
	if err := store.CheckMigrated(ctx, r.pool); err != nil {
		if errors.Is(err, store.ErrNotMigrated) {
			return nil, err
		}
		return nil, errors.New("the database can't be reached") // the log has the details
	}
	if !r.hub.Readable() {
		return nil, gateway.ErrUnavailable
	}
	if !r.listener.Hears() {
		degraded = append(degraded, "the listener doesn't hear notifications: events come by reading the log")
	}
	return degraded, nil
}

func adminHandler(m *metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
