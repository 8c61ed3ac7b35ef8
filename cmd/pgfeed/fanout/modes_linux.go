package fanout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
)

// compare runs rounds of both in turns and gives what each round came to.
func (m *measuring) compare(ctx context.Context, what string, l load) (gateway, floor []outcome, err error) {
	one := func(t target, into *[]outcome) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			m.progress.Step("%s: %s, round %d of %d", what, t.name, len(*into)+1, m.Rounds)
			o, err := m.round(ctx, t, l)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", t.name, err)
			}
			*into = append(*into, o)
			return 0, nil
		}
	}
	_, _, err = bench.Alternate(ctx, m.Rounds, one(m.ofGateway(), &gateway), one(m.ofFloor(), &floor))
	return gateway, floor, err
}

func each(outcomes []outcome, figure func(outcome) float64) []float64 {
	values := make([]float64, 0, len(outcomes))
	for _, o := range outcomes {
		values = append(values, figure(o))
	}
	return values
}

func cpuMicroseconds(o outcome) float64 { return float64(o.cpu.Nanoseconds()) / 1000 }
func p99Milliseconds(o outcome) float64 { return bench.Milliseconds(o.p99) }
func perSecond(o outcome) float64       { return o.perSecond }

func (m *measuring) addCPU(group string, gateway, floor []outcome, most float64) {
	g, f := each(gateway, cpuMicroseconds), each(floor, cpuMicroseconds)
	m.report.Add(
		bench.Median(group, "CPU per delivery, floor", "µs", f),
		bench.Median(group, "CPU per delivery, gateway", "µs", g),
		bench.Median(group, "ratio", "×", bench.Ratios(g, f)).Below(most),
		bench.Median(group, "p99, floor", "ms", each(floor, p99Milliseconds)),
		bench.Median(group, "p99, gateway", "ms", each(gateway, p99Milliseconds)),
	)
}

func (m *measuring) oneTenant(ctx context.Context) error {
	for _, rate := range []float64{5, 10} {
		group := fmt.Sprintf("one tenant, %d subscribers, %g events/s", m.Subscribers, rate)
		gateway, floor, err := m.compare(ctx, group, load{subscribers: m.Subscribers, tenants: 1, rate: rate})
		if err != nil {
			return err
		}
		m.addCPU(group, gateway, floor, 1.25)
	}
	return nil
}

func (m *measuring) manyTenants(ctx context.Context) error {
	const rate = 2000
	group := fmt.Sprintf("%d tenants, %d subscribers, %d events/s", groups, m.Subscribers, rate)
	gateway, floor, err := m.compare(ctx, group, load{subscribers: m.Subscribers, tenants: groups, rate: rate, writers: writersAtATime})
	if err != nil {
		return err
	}
	m.addCPU(group, gateway, floor, 2)
	return nil
}

func (m *measuring) burst(ctx context.Context) error {
	const rate = 50
	group := fmt.Sprintf("one tenant, %d subscribers, %d events/s", m.Subscribers, rate)
	var all []outcome
	for n := range m.Rounds {
		m.progress.Step("%s: round %d of %d", group, n+1, m.Rounds)
		o, err := m.round(ctx, m.ofGateway(), load{subscribers: m.Subscribers, tenants: 1, rate: rate})
		if err != nil {
			return err
		}
		all = append(all, o)
	}
	m.report.Add(
		bench.Median(group, "deliveries", "/s", each(all, perSecond)), bench.Median(group, "CPU per delivery", "µs", each(all, cpuMicroseconds)),
		bench.Median(group, "p50", "ms", each(all, func(o outcome) float64 { return bench.Milliseconds(o.p50) })),
		bench.Median(group, "p99", "ms", each(all, p99Milliseconds)).Below(300),
	)
	return nil
}

func (m *measuring) saturated(ctx context.Context) error {
	group := fmt.Sprintf("one tenant, %d subscribers, as fast as they are delivered", m.Subscribers)
	gateway, floor, err := m.compare(ctx, group, load{subscribers: m.Subscribers, tenants: 1, window: 100, batch: 25, writers: 2, drain: 20 * time.Second})
	if err != nil {
		return err
	}
	g, f := each(gateway, perSecond), each(floor, perSecond)
	m.report.Add(
		bench.Median(group, "deliveries, floor", "/s", f), bench.Median(group, "deliveries, gateway", "/s", g),
		bench.Median(group, "ratio", "×", bench.Ratios(g, f)).AtLeast(5),
		bench.Median(group, "CPU per delivery, gateway", "µs", each(gateway, cpuMicroseconds)),
		bench.Median(group, "not delivered 20s after the last, gateway", "", each(gateway, func(o outcome) float64 { return o.late })).Below(0),
	)
	return nil
}

func (m *measuring) connecting(ctx context.Context) error {
	group := fmt.Sprintf("connecting %d subscribers, each with a session of its own", m.Subscribers)
	var seconds, floor []float64
	for n := range m.Rounds {
		m.progress.Step("%s: round %d of %d", group, n+1, m.Rounds)
		for _, t := range []target{m.ofGateway(), m.ofFloor()} {
			if !bench.Pause(ctx, 1500*time.Millisecond) { // what was looked up is forgotten
				return ctx.Err()
			}
			c, took, err := connect(ctx, t.addr, t.hello, m.Subscribers, 0, func(i int) []byte { return t.request(0, i) })
			if err != nil {
				return err
			}
			if err := c.close(); err != nil {
				return err
			}
			if t.name == floorName {
				floor = append(floor, took.Seconds())
			} else {
				seconds = append(seconds, took.Seconds())
			}
		}
	}
	m.report.Add(bench.Median(group, "floor", "s", floor), bench.Median(group, "gateway", "s", seconds).Below(2))
	return nil
}

func (m *measuring) stuck(ctx context.Context) error {
	deaf := m.Subscribers / 10
	group := fmt.Sprintf("%d of %d subscribers don't read", deaf, m.Subscribers)
	long := strings.Repeat("x", 8<<10) // so that their sockets are soon full
	l := load{subscribers: m.Subscribers, tenants: 1, rate: 5, text: func(number int) string { return mark(number, time.Now()) + long }}
	var with, without []float64
	rounds := m.Rounds + 2 // a p99 varies more than a sum does
	for n := range rounds {
		order := []int{0, deaf}
		if n%2 == 1 {
			slices.Reverse(order)
		}
		for _, some := range order {
			m.progress.Step("%s: round %d of %d, %d", group, n+1, rounds, some)
			l.deaf = some
			l.subscribers = m.Subscribers - deaf + some
			o, err := m.round(ctx, m.ofGateway(), l)
			if err != nil {
				return err
			}
			if some > 0 {
				with = append(with, p99Milliseconds(o))
			} else {
				without = append(without, p99Milliseconds(o))
			}
		}
	}
	m.report.Add(
		bench.Median(group, "p99 of the others, without these", "ms", without), bench.Median(group, "p99 of the others, with them", "ms", with),
		bench.Median(group, "ratio", "×", bench.Ratios(with, without)).Below(1.1),
	)
	return nil
}
