package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
)

// kind is a way to break something, and to mend it again before it returns.
type kind struct {
	name      string
	ownServer bool // it is not done to somebody else's server
	gateways  int  // that it needs
	bring     func(ctx context.Context, s *soak) error
}

// The first gateway is never killed: its memory is watched.
var kinds = []kind{
	{"kill", false, 2, func(ctx context.Context, s *soak) error {
		g := s.another()
		g.Kill()
		pause(ctx, time.Second+rand.N(2*time.Second)) //nolint:gosec // as long as a supervisor takes
		return g.Start(context.WithoutCancel(ctx))
	}},
	{"drain", false, 2, func(ctx context.Context, s *soak) error {
		g := s.another()
		// It ends even where the time is up: a drain that is cut short is another fault.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := g.Stop(drain); err != nil {
			return err
		}
		return g.Start(drain)
	}},
	{"stop", false, 1, func(ctx context.Context, s *soak) error {
		g := s.any()
		g.Pause()
		pause(ctx, 2*time.Second+rand.N(6*time.Second)) //nolint:gosec // any will do
		g.Continue()
		return nil
	}},
	{"listeners", false, 1, func(ctx context.Context, s *soak) error { return s.terminate(ctx, `pgfeed listener`) }},
	{"connections", false, 1, func(ctx context.Context, s *soak) error { return s.terminate(ctx, `pgfeed%`) }},
	{"crash", true, 1, func(ctx context.Context, s *soak) error {
		if err := s.server.Crash(); err != nil {
			return err
		}
		return s.server.Restart(context.WithoutCancel(ctx))
	}},
	{"cut", false, 1, func(ctx context.Context, s *soak) error {
		l := s.link()
		l.Cut()
		pause(ctx, time.Second+rand.N(4*time.Second)) //nolint:gosec // any will do
		return l.Heal()
	}},
	{"mute", false, 1, func(ctx context.Context, s *soak) error {
		l := s.link()
		if err := l.Mute(); err != nil {
			return err
		}
		pause(ctx, 2*time.Second+rand.N(8*time.Second)) //nolint:gosec // any will do
		return l.Heal()
	}},
	{"slow", false, 1, func(ctx context.Context, s *soak) error {
		l := s.link()
		if err := l.Delay(50 * time.Millisecond); err != nil {
			return err
		}
		pause(ctx, 5*time.Second+rand.N(5*time.Second)) //nolint:gosec // any will do
		return l.Heal()
	}},
	{"clients", false, 2, func(ctx context.Context, s *soak) error {
		l := s.fronts[rand.N(len(s.fronts))] //nolint:gosec // any will do
		l.Cut()
		pause(ctx, time.Second+rand.N(4*time.Second)) //nolint:gosec // any will do
		return l.Heal()
	}},
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (s *soak) any() *faults.Gateway { return s.gateways[rand.N(len(s.gateways))] } //nolint:gosec // any will do

func (s *soak) another() *faults.Gateway {
	return s.gateways[1+rand.N(len(s.gateways)-1)] //nolint:gosec // any will do
}

func (s *soak) link() *faults.Link { return s.links[rand.N(len(s.links))] } //nolint:gosec // any will do

func (s *soak) terminate(ctx context.Context, application string) error {
	_, err := s.pool.Exec(ctx, `
select pg_terminate_backend(pid) from pg_stat_activity
 where application_name like $1 and pid <> pg_backend_pid() and datname = current_database() and usename = current_user`, application)
	return err
}

// breakThings brings about one fault after another until ctx ends. What it has begun it ends.
func (s *soak) breakThings(ctx context.Context, list []kind) error {
	for len(list) > 0 && s.FaultEvery > 0 {
		pause(ctx, s.FaultEvery/2+rand.N(s.FaultEvery)) //nolint:gosec // so that faults meet everything
		if ctx.Err() != nil {
			return nil
		}
		k := list[rand.N(len(list))] //nolint:gosec // any will do
		s.note(k.name)
		if err := k.bring(ctx, s); err != nil && ctx.Err() == nil {
			return fmt.Errorf("fault %q: %w", k.name, err)
		}
		s.note("")
	}
	<-ctx.Done()
	return nil
}
