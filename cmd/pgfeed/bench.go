package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
)

// benchCmd measures pgfeed on the system at hand. Each benchmark is a file bench_NAME.go.
type benchCmd struct {
	Drain    benchDrainCmd    `cmd:"" help:"Replace gateways one after another under their subscribers, and say whether these noticed."`
	Fanout   benchFanoutCmd   `cmd:"" help:"Measure deliveries: CPU for each against a minimal writer's, how many a second, how late, and connecting."`
	Idle     benchIdleCmd     `cmd:"" help:"Measure what streams take on which nothing happens: memory, CPU, goroutines."`
	Others   benchOthersCmd   `cmd:"" help:"Measure other servers beside the gateway: CPU for each delivery, how many a second, how late, and memory."`
	Floor    benchFloorCmd    `cmd:"" hidden:"" help:"The minimal writer that fanout compares with."`
	Soak     benchSoakCmd     `cmd:"" help:"Run gateways for hours while things break, and say whether anybody noticed."`
	Replicas benchReplicasCmd `cmd:"" help:"Measure what more gateways cost the database that they share."`
	Latency  benchLatencyCmd  `cmd:"" help:"Measure how long after its commit an event reaches a subscriber, beside a bare LISTEN client."`
	Write    benchWriteCmd    `cmd:"" help:"Measure what an attached table costs its writers."`
}

// benchFlags are shared by all benchmarks.
type benchFlags struct {
	JSON bool `name:"json" help:"Print the report as JSON."`
}

// errMissed says that the report shows something that is not as it should be.
var errMissed = errors.New("something is not as it should be: see MISSED above")

// measure runs a benchmark, which gets the path of this program to run gateways with, and prints its report. What was measured until then is
// printed also when it was cut off.
func (f benchFlags) measure(
	ctx context.Context, io streams, name string, run func(ctx context.Context, program string, report *bench.Report, progress *bench.Progress) error,
) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, to run gateways: %w", err)
	}
	report := bench.NewReport(name)
	progress := bench.NewProgress(io.err)
	err = run(ctx, program, report, progress)
	if err == nil && len(report.Missed()) > 0 {
		err = errMissed
	}
	progress.Done()
	if len(report.Figures) > 0 {
		if failed := report.Write(io.out, f.JSON); err == nil {
			err = failed
		}
	}
	return err
}
