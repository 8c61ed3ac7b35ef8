package main

import (
	"context"
	"net/url"
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
	var s settings
	s.url("database-url", c.DatabaseURL)
	if u, err := url.Parse(c.DatabaseURL); c.DatabaseURL != "" && (err != nil || u.Host == "") {
		s.addf("--database-url: the faults need a URL with a host, such as postgres://user@host:5432/name")
	}
	atLeast(&s, "gateways", c.Gateways, 1)
	atLeast(&s, "subscribers", c.Subscribers, 1)
	atLeast(&s, "tenants", c.Tenants, 1)
	atLeast(&s, "rate", c.Rate, 1)
	atLeast(&s, "duration", c.Duration, time.Second)
	atLeast(&s, "fault-every", c.FaultEvery, 0)
	atLeast(&s, "hop-every", c.HopEvery, 0)
	s.names("faults", c.Faults, soak.Kinds())
	return s.err()
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
