package main

import (
	"context"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/drain"
)

type benchDrainCmd struct {
	benchFlags
	DatabaseURL string        `placeholder:"URL" help:"Migrated database to run on; what is written is deleted at the end. Default: a PostgreSQL of its own."`
	Gateways    int           `default:"3" help:"How many gateway processes to run, and replace."`
	Subscribers int           `default:"9000" help:"How many streams to keep open, spread over the gateways. Each takes an open file here and one in its gateway."`
	Tenants     int           `default:"30" help:"How many tenants the subscribers belong to."`
	Rate        int           `default:"20" help:"Transactions per second."`
	DrainWindow time.Duration `default:"20s" help:"Time over which each gateway closes its streams."`
	Grace       time.Duration `default:"30s" help:"Time in which each gateway must have ended."`
	Pause       time.Duration `default:"5s" help:"Time between two gateways."`
}

func (c benchDrainCmd) validate() error {
	var s settings
	s.url("database-url", c.DatabaseURL)
	atLeast(&s, "gateways", c.Gateways, 2)
	atLeast(&s, "subscribers", c.Subscribers, 1)
	atLeast(&s, "tenants", c.Tenants, 1)
	atLeast(&s, "rate", c.Rate, 1)
	atLeast(&s, "drain-window", c.DrainWindow, 0)
	atLeast(&s, "pause", c.Pause, 0)
	if c.Grace <= c.DrainWindow {
		s.addf("--grace must be longer than --drain-window, which is %v, not %v", c.DrainWindow, c.Grace)
	}
	return s.err()
}

// Run replaces the gateways and prints the report.
func (c benchDrainCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	return c.measure(ctx, io, "drain", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return drain.Run(ctx, drain.Options{
			Program: program, DatabaseURL: c.DatabaseURL, Gateways: c.Gateways, Subscribers: c.Subscribers, Tenants: c.Tenants, Rate: c.Rate,
			Window: c.DrainWindow, Grace: c.Grace, Pause: c.Pause,
		}, report, progress)
	})
}
