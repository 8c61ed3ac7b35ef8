package drain

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
)

// What has to be reached.
const wantPeak = 2.0 // times the rate of a perfectly flat curve, which closes as many streams in each second of the window

// streams is how many a gateway has, by its metrics; 0 where it doesn't tell.
func (r *rollout) streams(ctx context.Context, g *faults.Gateway) int {
	text, err := g.Metrics(ctx)
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "pgfeed_connections "); found {
			n, _ := strconv.ParseFloat(value, 64)
			return int(n)
		}
	}
	return 0
}

// judge compares, and adds all figures to the report.
func (r *rollout) judge(ctx context.Context, report *bench.Report, committed, failed int64) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	truth, err := faults.ReadTruth(ctx, r.fleet.URL, r.tenants)
	if err != nil {
		return err
	}
	all, wrong := faults.Compare(ctx, truth, r.subscribers)
	figure := func(group, name string, value float64, unit string) bench.Figure {
		return bench.Figure{Group: group, Name: name, Value: value, Unit: unit}
	}
	resets, attempts, losses := 0, 0, 0
	for _, sub := range r.subscribers {
		stats, _ := sub.Stats()
		attempts += stats.Failed
		losses += stats.Losses
		for _, n := range stats.Resets {
			resets += n
		}
	}
	const events, clients = "events", "subscribers"
	report.Add(
		figure(events, "committed rows", float64(truth.Rows()), ""),
		figure(events, "expected by all subscribers", float64(all.Expected), ""),
		figure(events, "missing", float64(all.Missing), "").Below(0),
		figure(events, "doubled", float64(all.Doubled), "").Below(0),
		figure(events, "sent again and dropped by id", float64(all.Again), ""),
		figure(clients, "streams lost", float64(losses), ""),
		figure(clients, "attempts that failed", float64(attempts), ""),
		figure(clients, "resets", float64(resets), "").Below(0),
	)
	for i, d := range r.gone {
		group := fmt.Sprintf("gateway %d, %d streams", i+1, d.streams)
		report.Add(
			figure(group, "from SIGTERM to its end", d.took.Seconds(), "s").Below(r.Grace.Seconds()),
			figure(group, "unready before the first close", boolean(d.readiness == http.StatusServiceUnavailable), "").AtLeast(1),
			figure(group, "reconnections", float64(d.back.total()), ""),
		)
		peak := figure(group, "reconnections in a second, peak", float64(d.back.peak()), "/s")
		if even := float64(d.streams) / r.Window.Seconds(); r.Window >= 5*time.Second && even > 10 {
			peak = peak.Below(wantPeak * even) // else there is no curve to speak of
		}
		report.Add(peak)
	}
	report.Add(r.latency.Figures("INSERT to subscriber, replays after a loss included")...)
	report.Note("%d transactions committed, %d failed. Some stay open or roll back; an event's latency includes how long its transaction stayed open.", committed, failed)
	if wrong != nil {
		report.Note("%v", wrong)
	}
	return nil
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
