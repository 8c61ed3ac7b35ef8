package fanout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
)

// warmUp is how many streams come and go before anything is measured: a crowd, so that the gateway without subscribers has given back
// what it left behind, as those with subscribers have.
const warmUp = 2000

// settling is the time in which a gateway gives back what connecting took.
const settling = 8 * time.Second

// RunIdle connects more and more subscribers to a gateway, which get nothing but pings, and watches it.
func RunIdle(ctx context.Context, o IdleOptions, report *bench.Report, progress *bench.Progress) (err error) {
	var cleanup bench.Cleanup
	defer func() { err = errors.Join(err, cleanup.Run(ctx)) }()
	report.Settings["tenants"], report.Settings["duration"] = fmt.Sprint(o.Tenants), o.Duration.String()
	progress.Step("starting a gateway")
	f, err := openFleet(ctx, o.Program, o.DatabaseURL, o.Gateway, &cleanup)
	if err != nil {
		return err
	}
	g := f.Gateways[0]
	pid, _ := g.PID()
	tenants := f.Tenants(o.Tenants)
	most := 0
	for _, n := range o.Subscribers {
		most = max(most, n)
	}
	if err := makeSessions(ctx, f.Pool, tenants[:1], most); err != nil {
		return err
	}
	if len(tenants) > 1 {
		if err := makeSessions(ctx, f.Pool, tenants[1:], most/len(tenants)+1); err != nil {
			return err
		}
	}
	// A crowd that comes and goes first: what the first of all cost isn't the others' doing.
	c, _, err := connect(ctx, g.Addr(), hello, min(warmUp, most), 0, func(i int) []byte {
		return streamRequest(g.Addr(), token(tenants[i%len(tenants)], i/len(tenants)))
	})
	if err != nil {
		return err
	}
	if err := c.close(); err != nil {
		return err
	}
	var points []point
	for _, n := range append([]int{0}, o.Subscribers...) {
		progress.Step("%d idle subscribers", n)
		p, err := watchIdle(ctx, g, pid, tenants, n, o.Duration)
		if err != nil {
			return fmt.Errorf("%d subscribers: %w", n, err)
		}
		points = append(points, p)
		if n == 0 {
			continue
		}
		group := fmt.Sprintf("%d idle subscribers", n)
		each := bench.Figure{Group: group, Name: "user-space memory, each", Unit: "bytes", Value: (p.memory - points[0].memory) / float64(n)}
		load := bench.Figure{Group: group, Name: "CPU, pings included", Unit: "% of a core", Value: p.cpu}
		if n >= 10_000 {
			each, load = each.Below(1000), load.Below(2)
		}
		report.Add(each, load,
			bench.Figure{Group: group, Name: "user-space memory, in all", Unit: "MB", Value: p.memory / 1e6},
			bench.Figure{Group: group, Name: "goroutines more than without", Value: p.goroutines - points[0].goroutines}.Below(50))
	}
	report.Add(bench.Figure{Group: "no subscribers", Name: "user-space memory, in all", Unit: "MB", Value: points[0].memory / 1e6},
		bench.Figure{Group: "no subscribers", Name: "CPU", Unit: "% of a core", Value: points[0].cpu})
	if o.Plot != "" {
		return os.WriteFile(o.Plot, drawing(points), 0o644) //nolint:gosec // a picture
	}
	return nil
}

func watchIdle(ctx context.Context, g *faults.Gateway, pid int, tenants []string, n int, d time.Duration) (p point, err error) {
	p.subscribers = float64(n)
	if n > 0 {
		c, _, err := connect(ctx, g.Addr(), hello, n, 0, func(i int) []byte {
			return streamRequest(g.Addr(), token(tenants[i%len(tenants)], i/len(tenants)))
		})
		if err != nil {
			return p, err
		}
		defer func() {
			if ended := c.ended.Load(); ended > 0 && err == nil {
				err = fmt.Errorf("%d streams were ended", ended)
			}
			err = errors.Join(err, c.close())
		}()
	}
	if !bench.Pause(ctx, settling) {
		return p, ctx.Err()
	}
	before, err := cpu(pid)
	if err != nil {
		return p, err
	}
	begun := time.Now()
	if !bench.Pause(ctx, d) {
		return p, ctx.Err()
	}
	after, err := cpu(pid)
	if err != nil {
		return p, err
	}
	p.cpu = 100 * (after - before).Seconds() / time.Since(begun).Seconds()
	if p.memory, err = memory(pid); err != nil {
		return p, err
	}
	p.goroutines, err = goroutines(ctx, g)
	return p, err
}

var goroutinesLine = regexp.MustCompile(`(?m)^go_goroutines (\S+)$`)

func goroutines(ctx context.Context, g *faults.Gateway) (float64, error) {
	text, err := g.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	found := goroutinesLine.FindStringSubmatch(text)
	if found == nil {
		return 0, errors.New("the gateway's metrics don't say how many goroutines it has")
	}
	return strconv.ParseFloat(found[1], 64)
}
