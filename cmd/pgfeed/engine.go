package main

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
)

// engine is a hub with the log that it reads and the listener that sends it hints.
type engine struct {
	log      *store.Log
	listener *store.Listener
	hub      *gateway.Hub
}

// newEngine wires the three. notifyURL is a direct connection, probe the time in which its probes must come back (0: the usual one); cfg's Interest is set here.
func newEngine(pool *pgxpool.Pool, notifyURL string, probe time.Duration, cfg gateway.Config) (engine, error) {
	listener, err := store.NewListener(notifyURL, pool, cmp.Or(probe, store.ProbeTimeout), cfg.Logger)
	if err != nil {
		return engine{}, err
	}
	cfg.Interest = listener.Want
	log := store.NewLog(pool)
	cfg.ExtendBusy = log.ExtendBusy
	hub := gateway.NewHub(log, cfg)
	look := func() { hub.Wake(0) }
	listener.Hear(store.BusyChannel, store.Channel{Heard: func(string) { look() }, Missed: look})
	return engine{log, listener, hub}, nil
}

// start runs hub, listener and what else is given until stop is called, which waits for all.
func (e engine) start(ctx context.Context, others ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { e.hub.Run(ctx) })
	wg.Go(func() { e.listener.Run(ctx, e.hub) })
	for _, run := range others {
		wg.Go(func() { run(ctx) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}
