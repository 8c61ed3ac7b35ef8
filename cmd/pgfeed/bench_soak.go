package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/soak"
)

type benchSoakCmd struct {
	benchFlags
	DatabaseURL string        `placeholder:"URL" help:"Migrated database to run on; what is written is deleted at the end, and the server isn't crashed. Default: a PostgreSQL of its own."`
	Duration    time.Duration `default:"5m" help:"How long to go on. Memory needs half an hour or more to be told from noise."`
	Gateways    int           `default:"3" help:"How many gateway processes to run."`
	Subscribers int           `default:"500" help:"How many streams to keep open, spread over the gateways."`
	Tenants     int           `default:"20" help:"How many tenants the subscribers belong to."`
	Rate        int           `default:"40" help:"Transactions per second, about."`
	FaultEvery  time.Duration `default:"8s" help:"Time between two faults, about; 0s: no faults."`
	Faults      []string      `placeholder:"NAME,…" help:"Faults to bring about: ${soak_faults}. Default: all that are possible."`
	HopEvery    time.Duration `default:"3m" help:"Time after which a subscriber changes to another gateway, about, as people do who change pages."`
	Gateway     []string      `placeholder:"FLAG,…" help:"More flags for the gateways, such as --gateway=--max-replay=50000."`
}

func (c benchSoakCmd) validate() error {
	var wrong error
	add := func(err error) { wrong = errors.Join(wrong, err) }
	if c.DatabaseURL != "" {
		add(checkURL("database-url", c.DatabaseURL))
	}
	for _, n := range []struct {
		flag  string
		value int
	}{{"gateways", c.Gateways}, {"subscribers", c.Subscribers}, {"tenants", c.Tenants}, {"rate", c.Rate}} {
		if n.value < 1 {
			add(fmt.Errorf("--%s must be at least 1, not %d", n.flag, n.value))
		}
	}
	if c.Duration < time.Second {
		add(fmt.Errorf("--duration must be at least 1s, not %v", c.Duration))
	}
	for flag, d := range map[string]time.Duration{"fault-every": c.FaultEvery, "hop-every": c.HopEvery} {
		if d < 0 {
			add(fmt.Errorf("--%s can't be negative: %v", flag, d))
		}
	}
	for _, name := range c.Faults {
		if !slices.Contains(soak.Kinds(), name) {
			add(fmt.Errorf("--faults: there is no %q; there are %s", name, strings.Join(soak.Kinds(), ", ")))
		}
	}
	if wrong != nil {
		return usageError{wrong}
	}
	return nil
}

// Run soaks and prints the report.
func (c benchSoakCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	return c.measure(ctx, io, "soak", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return soak.Run(ctx, soak.Options{
			Program: program, DatabaseURL: c.DatabaseURL, GatewayFlags: c.Gateway, Duration: c.Duration, Gateways: c.Gateways,
			Subscribers: c.Subscribers, Tenants: c.Tenants, Rate: c.Rate, FaultEvery: c.FaultEvery, Faults: c.Faults, HopEvery: c.HopEvery,
		}, report, progress)
	})
}
