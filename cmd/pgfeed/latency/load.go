package latency

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const insert = `insert into public."activityLogs" ("tenantId", action, description) values ($1, 'x', $2)`

// load writes rows in transactions of their own at a rate, spread over tenants. The names of those for the first tenant, which has
// a subscriber, are given back.
type load struct {
	conns   []*pgx.Conn
	tenants []string

	mu    sync.Mutex
	names []string
	done  int
}

const loaders = 16

func newLoad(ctx context.Context, url string, tenants []string) (*load, error) {
	l := &load{tenants: tenants}
	for range loaders {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("connect a writer: %w", err)
		}
		l.conns = append(l.conns, conn)
	}
	return l, nil
}

func (l *load) close() {
	for _, conn := range l.conns {
		_ = conn.Close(context.Background())
	}
}

// run writes at the rate until ctx ends, and gives how many a second it came to.
func (l *load) run(ctx context.Context, perSecond int, phase string) (float64, error) {
	if perSecond == 0 {
		<-ctx.Done()
		return 0, nil
	}
	begun := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, len(l.conns))
	l.done = 0
	each := time.Second * loaders / time.Duration(perSecond)
	for i, conn := range l.conns {
		wg.Go(func() {
			next := begun.Add(each * time.Duration(i) / loaders)
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-time.After(time.Until(next)):
				}
				if next = next.Add(each); time.Since(next) > time.Second {
					next = time.Now() // it can't be kept up: not made up for
				}
				name := fmt.Sprintf("%s-%d-%d", phase, i, n)
				tenant := l.tenants[(n*loaders+i)%len(l.tenants)]
				if _, err := conn.Exec(context.WithoutCancel(ctx), insert, tenant, name); err != nil {
					errs[i] = err
					return
				}
				l.mu.Lock()
				l.done++
				if tenant == l.tenants[0] {
					l.names = append(l.names, name)
				}
				l.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return float64(l.done) / time.Since(begun).Seconds(), errors.Join(errs...)
}
