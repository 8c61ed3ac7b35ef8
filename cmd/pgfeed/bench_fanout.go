package main

import (
	"context"
	"os"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/fanout"
)

type benchFanoutCmd struct {
	benchFlags
	DatabaseURL string        `placeholder:"URL" help:"Migrated database to run on; what is written is deleted at the end. Default: a PostgreSQL of its own."`
	Modes       []string      `placeholder:"NAME,…" help:"What to measure: ${fanout_modes}. Default: all."`
	Subscribers int           `default:"10000" help:"How many streams. Each takes an open file here and one in the gateway."`
	Rounds      int           `default:"3" help:"How often each thing is measured, in turns with the floor."`
	Duration    time.Duration `default:"4s" help:"How long events are published in each round."`
	Size        int           `default:"200" help:"Bytes of an event's text."`
	Gateway     []string      `placeholder:"FLAG,…" help:"More flags for the gateway."`
}

func (c benchFanoutCmd) validate() error {
	var s settings
	s.url("database-url", c.DatabaseURL)
	atLeast(&s, "subscribers", c.Subscribers, 1)
	atLeast(&s, "rounds", c.Rounds, 1)
	atLeast(&s, "size", c.Size, 64)
	atLeast(&s, "duration", c.Duration, time.Second)
	s.names("modes", c.Modes, fanout.Modes())
	return s.err()
}

// Run measures and prints the report.
func (c benchFanoutCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	if len(c.Modes) == 0 {
		c.Modes = fanout.Modes()
	}
	return c.measure(ctx, io, "fanout", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return fanout.Run(ctx, fanout.Options{
			Program: program, DatabaseURL: c.DatabaseURL, Gateway: c.Gateway, Modes: c.Modes, Subscribers: c.Subscribers, Rounds: c.Rounds,
			Duration: c.Duration, Size: c.Size,
		}, report, progress)
	})
}

type benchOthersCmd struct {
	benchFlags
	Servers     []string      `placeholder:"NAME,…" help:"Which, of those on the PATH: ${fanout_servers}. Default: all."`
	Subscribers int           `default:"10000" help:"How many streams of one channel. Each takes an open file here and one in the server."`
	Rounds      int           `default:"3" help:"How often each thing is measured, in turns."`
	Duration    time.Duration `default:"4s" help:"How long events are published in each round."`
	Size        int           `default:"200" help:"Bytes of an event's text; the others' events are padded to the length of the gateway's."`
	Settle      time.Duration `default:"40s" help:"How long nothing happens before memory is measured."`
}

func (c benchOthersCmd) validate() error {
	var s settings
	atLeast(&s, "subscribers", c.Subscribers, 1)
	atLeast(&s, "rounds", c.Rounds, 1)
	atLeast(&s, "size", c.Size, 64)
	atLeast(&s, "duration", c.Duration, time.Second)
	atLeast(&s, "settle", c.Settle, time.Second)
	s.names("servers", c.Servers, fanout.Servers())
	return s.err()
}

// Run measures and prints the report.
func (c benchOthersCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	if len(c.Servers) == 0 {
		c.Servers = fanout.Servers()
	}
	return c.measure(ctx, io, "others", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return fanout.RunOthers(ctx, fanout.OthersOptions{
			Options: fanout.Options{Program: program, Subscribers: c.Subscribers, Rounds: c.Rounds, Duration: c.Duration, Size: c.Size},
			Servers: c.Servers, Settle: c.Settle,
		}, report, progress)
	})
}

type benchIdleCmd struct {
	benchFlags
	DatabaseURL string        `placeholder:"URL" help:"Migrated database to run on; what is written is deleted at the end. Default: a PostgreSQL of its own."`
	Subscribers []int         `default:"2500,5000,10000,18000" help:"How many streams, one number after another."`
	Tenants     int           `default:"1" help:"How many tenants the subscribers belong to."`
	Duration    time.Duration `default:"35s" help:"How long the CPU is watched for each number of streams. Pings come every 30s."`
	Plot        string        `placeholder:"FILE" help:"Draw memory and CPU over streams into this SVG file."`
	Gateway     []string      `placeholder:"FLAG,…" help:"More flags for the gateway."`
}

func (c benchIdleCmd) validate() error {
	var s settings
	s.url("database-url", c.DatabaseURL)
	for _, n := range c.Subscribers {
		atLeast(&s, "subscribers", n, 1)
	}
	atLeast(&s, "tenants", c.Tenants, 1)
	atLeast(&s, "duration", c.Duration, time.Second)
	return s.err()
}

// Run measures and prints the report.
func (c benchIdleCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	return c.measure(ctx, io, "idle", func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error {
		return fanout.RunIdle(ctx, fanout.IdleOptions{
			Program: program, DatabaseURL: c.DatabaseURL, Gateway: c.Gateway, Subscribers: c.Subscribers, Tenants: c.Tenants,
			Duration: c.Duration, Plot: c.Plot,
		}, report, progress)
	})
}

type benchFloorCmd struct{}

// Run serves until stdin ends.
func (benchFloorCmd) Run(io streams) error { return fanout.Floor(os.Stdin, io.out) }
