package main

import (
	"context"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/writes"
)

type benchWriteCmd struct {
	benchFlags
	DatabaseURL string        `placeholder:"URL" help:"Migrated database to run on, in a schema of its own that is dropped at the end. Default: a PostgreSQL of its own."`
	Writers     []int         `default:"16,64" help:"How many connections write at once."`
	Modes       []string      `placeholder:"NAME,…" help:"How they write: ${write_modes}. Default: all."`
	Rounds      int           `default:"5" help:"How often each table is measured, in turns."`
	Duration    time.Duration `default:"5s" help:"How long each round takes, after 2s that don't count."`
	Gateways    int           `default:"1" help:"How many gateways listen meanwhile."`
	Tenants     int           `default:"100" help:"How many tenants the rows belong to; one of them has a subscriber at every gateway."`
}

func (c benchWriteCmd) validate() error {
	var s settings
	s.url("database-url", c.DatabaseURL)
	for _, n := range c.Writers {
		atLeast(&s, "writers", n, 1)
	}
	atLeast(&s, "rounds", c.Rounds, 1)
	atLeast(&s, "gateways", c.Gateways, 1)
	atLeast(&s, "tenants", c.Tenants, 1)
	atLeast(&s, "duration", c.Duration, 100*time.Millisecond)
	s.names("modes", c.Modes, writes.Modes())
	return s.err()
}

// Run measures and prints the report.
func (c benchWriteCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	if len(c.Modes) == 0 {
		c.Modes = writes.Modes()
	}
	return c.measure(ctx, io, "write", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return writes.Run(ctx, writes.Options{
			Program: program, DatabaseURL: c.DatabaseURL, Writers: c.Writers, Modes: c.Modes, Rounds: c.Rounds, Duration: c.Duration,
			Gateways: c.Gateways, Tenants: c.Tenants,
		}, report, progress)
	})
}
