package soak

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
)

// What has to be reached.
const (
	wantUptime   = 99.5 // per cent of the subscribers' time
	wantFirstTry = 95.0 // per cent of the losses
	wantGrowth   = 5.0  // per cent of the memory, per hour
	// catchUp is how long subscribers may take for what is still under way at the end.
	catchUp = 2 * time.Minute
	// warmUp is the share of the time, at the start, in which a gateway may still grow: one in so many.
	warmUp = 5
)

// totals are of all subscribers.
type totals struct {
	faults.SubscriberStats
	live   int
	trying int // that don't know yet whether their first attempt succeeds
	rows   int64
}

func (t totals) uptime() float64 {
	if t.Up+t.Down == 0 {
		return 0
	}
	return float64(t.Up) / float64(t.Up+t.Down)
}

func (s *soak) totals() totals {
	t := totals{}
	t.Resets = map[string]int{}
	for _, sub := range s.subscribers {
		stats, rows := sub.Stats()
		t.rows += rows
		if stats.Live {
			t.live++
		}
		if stats.Trying {
			t.trying++
		}
		t.Up += stats.Up
		t.Down += stats.Down
		t.Losses += stats.Losses
		t.FirstTry += stats.FirstTry
		t.Hops += stats.Hops
		t.Failed += stats.Failed
		t.MaxID = max(t.MaxID, stats.MaxID)
		t.MaxSilent = max(t.MaxSilent, stats.MaxSilent)
		for reason, n := range stats.Resets {
			t.Resets[reason] += n
		}
		if stats.LastError != "" {
			t.LastError = stats.LastError
		}
	}
	return t
}

// judge compares, and adds all figures to the report.
func (s *soak) judge(ctx context.Context, report *bench.Report, took time.Duration, committed, failed int64) error {
	t := s.totals() // what happens while catching up is no part of it
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	truth, err := faults.ReadTruth(ctx, s.url, s.tenants)
	if err != nil {
		return err
	}
	all, wrong := faults.Compare(ctx, truth, s.subscribers)

	const events, connections, memory = "events", "connections", "memory of the first gateway, which is never killed"
	report.Add(
		figure(events, "committed rows", float64(truth.Rows()), ""),
		figure(events, "received rows", float64(t.rows), ""),
		figure(events, "missing", float64(all.Missing), "").Below(0),
		figure(events, "doubled", float64(all.Doubled), "").Below(0),
		figure(events, "sent again and dropped by id", float64(all.Again), ""),
	)
	report.Add(s.latency.Figures("INSERT to subscriber, open transactions and faults included")...)
	report.Add(figure(connections, "uptime", 100*t.uptime(), "%").AtLeast(wantUptime))
	report.Add(figure(connections, "losses", float64(t.Losses), ""))
	if tried := t.Losses - t.trying; tried > 0 {
		report.Add(figure(connections, "reconnected at first try", 100*float64(t.FirstTry)/float64(tried), "%").AtLeast(wantFirstTry))
	}
	report.Add(
		figure(connections, "changes of gateway", float64(t.Hops), ""),
		figure(connections, "failed attempts", float64(t.Failed), ""),
		figure(connections, "longest silence", t.MaxSilent.Seconds(), "s"),
		figure(connections, "longest id", float64(t.MaxID), "bytes"),
	)
	samples := s.memory[0]
	samples = samples[len(samples)/warmUp:]
	if line, ok := lineThrough(samples); ok {
		const mega = 1e6
		report.Add(
			figure(memory, "mean", line.mean/mega, "MB"),
			figure(memory, "slope", line.slope/mega, "MB/h"),
			figure(memory, "standard error of the slope", line.err/mega, "MB/h"),
			figure(memory, "growth that is certain", max(0, 100*(line.slope-2*line.err)/line.mean), "%/h").Below(wantGrowth),
		)
		if 200*line.err > wantGrowth*line.mean {
			report.Note("The run was too short to tell a growth of %g %% per hour from noise.", wantGrowth)
		}
	} else {
		report.Note("The run was too short to say anything of memory.")
	}
	report.Add(figure("memory", "largest gateway at any time", s.largest/1e6, "MB"))
	s.notes(report, t, took, committed, failed)
	if wrong != nil {
		report.Note("%v", wrong)
	}
	return nil
}

func (s *soak) notes(report *bench.Report, t totals, took time.Duration, committed, failed int64) {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(s.brought)) {
		list = append(list, fmt.Sprintf("%s %d", name, s.brought[name]))
	}
	report.Note("%v with %d gateways and %d subscribers of %d tenants; %d transactions committed, %d failed with the database. Faults: %s.",
		took.Round(time.Second), len(s.gateways), len(s.subscribers), len(s.tenants), committed, failed, strings.Join(list, ", "))
	report.Note("Uptime is the share of the subscribers' time between a hello and the end of that stream; a stream that is silent for more than 20 s counts as down.")
	if len(t.Resets) > 0 {
		report.Note("Resets: %v.", t.Resets)
	}
	if t.LastError != "" {
		report.Note("The last attempt to connect that failed: %s", t.LastError)
	}
}

func figure(group, name string, value float64, unit string) bench.Figure {
	return bench.Figure{Group: group, Name: name, Value: value, Unit: unit}
}
