package main

import (
	"context"
	"slices"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/replicas"
)

type benchReplicasCmd struct {
	benchFlags
	Gateways []int         `default:"1,2,5,10" placeholder:"N,…" help:"Numbers of gateways to measure, in ascending order."`
	Tenants  int           `default:"20" help:"How many tenants there are; each gateway has a subscriber of each."`
	Quiet    int           `default:"50" help:"Inserts per second in quiet mode."`
	Busy     int           `default:"1000" help:"Inserts per second in busy mode; 0: it isn't measured."`
	Duration time.Duration `default:"6s" help:"Time for each measurement."`
	Settle   time.Duration `default:"12s" help:"Time to wait before the idle system is measured; PostgreSQL counts transactions up to 10s late."`
}

func (c benchReplicasCmd) validate() error {
	var s settings
	if len(c.Gateways) == 0 || !slices.IsSorted(c.Gateways) || c.Gateways[0] < 1 {
		s.addf("--gateways must be numbers from 1 on in ascending order, not %v", c.Gateways)
	}
	atLeast(&s, "tenants", c.Tenants, 1)
	atLeast(&s, "quiet", c.Quiet, 1)
	atLeast(&s, "busy", c.Busy, 0)
	atLeast(&s, "duration", c.Duration, time.Second)
	atLeast(&s, "settle", c.Settle, 0)
	return s.err()
}

// Run measures and prints the report.
func (c benchReplicasCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	return c.measure(ctx, io, "replicas", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return replicas.Run(ctx, replicas.Options{
			Program: program, Counts: c.Gateways, Tenants: c.Tenants, Quiet: c.Quiet, Busy: c.Busy, Duration: c.Duration, Settle: c.Settle,
		}, report, progress)
	})
}
