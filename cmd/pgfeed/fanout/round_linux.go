package fanout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
)

// load is what a round does.
type load struct {
	subscribers int
	tenants     int     // that they are spread over
	rate        float64 // events a second; 0: as fast as they are delivered
	window      int     // events under way at most, without a rate
	batch       int     // events in one INSERT; 0: 1
	deaf        int     // subscribers that don't read
	writers     int
	drain       time.Duration // how long it may take to deliver the last; 0: a minute, and it has to
	text        func(number int) string
}

const (
	floorName = "floor"
	// floorWaiting is how many deliveries the floor may be behind where there is no rate: about a second's.
	floorWaiting = 100_000
)

// outcome is what a round came to.
type outcome struct {
	cpu       time.Duration // of the server, for each delivery
	perSecond float64       // deliveries
	p50, p99  time.Duration
	late      float64 // deliveries that were not made in time
}

// round connects a crowd, publishes, waits until all is delivered, and checks it.
func (m *measuring) round(ctx context.Context, t target, l load) (o outcome, err error) {
	if t.name == floorName && l.window > 0 { // it gains nothing from events that wait, and has to get through with them
		l.batch, l.window = 1, max(floorWaiting/l.subscribers, 1)
	}
	group := func(i int) int { return i % l.tenants }
	c, _, err := connect(ctx, t.addr, t.hello, l.subscribers, l.deaf, func(i int) []byte { return t.request(group(i), i/l.tenants) })
	if err != nil {
		return o, err
	}
	if !bench.Pause(ctx, 500*time.Millisecond) { // what connecting leaves to be done is done
		return o, errors.Join(ctx.Err(), c.close())
	}
	before, err := t.cpu()
	if err != nil {
		return o, errors.Join(err, c.close())
	}
	begun := time.Now()
	sent, err := m.publish(ctx, t, l, c)
	var deliveries int64
	for g, s := range sent {
		hearing := 0
		for i := l.deaf; i < l.subscribers; i++ {
			if group(i) == g {
				hearing++
			}
		}
		deliveries += int64(s.count) * int64(hearing)
	}
	if err == nil {
		err = c.await(ctx, deliveries, cmp.Or(l.drain, time.Minute))
	}
	elapsed := time.Since(begun)
	after, failed := t.cpu()
	late := l.drain > 0 && errors.Is(err, errLate)
	if late {
		o.late, err = float64(deliveries-c.deliveries.Load()), nil
		deliveries -= int64(o.late)
	}
	if err = errors.Join(err, failed, c.close()); err != nil {
		return o, err
	}
	o.cpu = (after - before) / time.Duration(max(deliveries, 1))
	o.perSecond = float64(deliveries) / elapsed.Seconds()
	o.p50 = time.Duration(c.latency.ValueAtQuantile(50)) * time.Microsecond
	o.p99 = time.Duration(c.latency.ValueAtQuantile(99)) * time.Microsecond
	if late {
		return o, nil
	}
	return o, c.check(group, sent)
}

// publish publishes for the time of a round and gives what each tenant was sent.
func (m *measuring) publish(ctx context.Context, t target, l load, c *crowd) ([]tally, error) {
	text := l.text
	if text == nil {
		text = m.text
	}
	sent := make([]tally, l.tenants)
	var mu sync.Mutex
	var number atomic.Int64
	begun := time.Now()
	one := func() error {
		texts := make([]string, max(l.batch, 1))
		first := int(number.Add(int64(len(texts)))) - len(texts)
		if l.rate > 0 {
			due := begun.Add(time.Duration(float64(first) / l.rate * float64(time.Second)))
			if !bench.Pause(ctx, time.Until(due)) {
				return ctx.Err()
			}
		} else {
			for c.deliveries.Load() < (int64(first)-int64(l.window))*int64((l.subscribers-l.deaf)/l.tenants) {
				if !bench.Pause(ctx, 200*time.Microsecond) {
					return ctx.Err()
				}
				if c.ended.Load() > 0 {
					return fmt.Errorf("%d streams were ended", c.ended.Load())
				}
			}
		}
		for i := range texts {
			texts[i] = text(first + i)
		}
		tenant := first % l.tenants
		if err := t.publish(ctx, tenant, texts); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range texts {
			sent[tenant].add(first + i)
		}
		return nil
	}
	var wg sync.WaitGroup
	errs := make([]error, max(l.writers, 1))
	for w := range errs {
		wg.Go(func() {
			for errs[w] == nil && time.Since(begun) < m.Duration {
				errs[w] = one()
			}
		})
	}
	wg.Wait()
	return sent, errors.Join(errs...)
}
