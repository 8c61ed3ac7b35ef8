package main

import (
	"context"
	"slices"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/latency"
)

type benchLatencyCmd struct {
	benchFlags
	DatabaseURL string        `placeholder:"URL" help:"Migrated database to run on; what is written is deleted at the end. Default: a PostgreSQL of its own."`
	Rates       []int         `default:"0,1000,5000,0" help:"INSERTs per second beside the measured ones, one phase each; 0: none."`
	Duration    time.Duration `default:"15s" help:"How long each phase is measured, after 3s that don't count."`
	Probes      int           `default:"20" help:"Measured transactions per second."`
	Tenants     int           `default:"10" help:"How many tenants the others write for; one of them is the subscriber's."`
}

func (c benchLatencyCmd) validate() error {
	var s settings
	s.url("database-url", c.DatabaseURL)
	if len(c.Rates) == 0 || slices.Min(c.Rates) < 0 {
		s.addf("--rates must be numbers of 0 and more, not %v", c.Rates)
	}
	atLeast(&s, "duration", c.Duration, 100*time.Millisecond)
	atLeast(&s, "probes", c.Probes, 1)
	atLeast(&s, "tenants", c.Tenants, 1)
	return s.err()
}

// Run measures and prints the report.
func (c benchLatencyCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	return c.measure(ctx, io, "latency", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return latency.Run(ctx, latency.Options{
			Program: program, DatabaseURL: c.DatabaseURL, Rates: c.Rates, Duration: c.Duration, Probes: c.Probes, Tenants: c.Tenants,
		}, report, progress)
	})
}
