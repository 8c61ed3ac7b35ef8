package writes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// workload is one way of writing.
type workload struct {
	mode   string // its name among the settings
	name   string
	target float64 // share of the unattached table's rate that is to be reached
	once   func(ctx context.Context, conn *pgx.Conn, table string, tenant func() string) error
}

const (
	perTransaction = 10
	perStatement   = 1000
)

func insert(table string) string {
	return `insert into ` + table + ` ("tenantId", action, description, metadata) values ($1, 'commented', 'Anna commented on invoice 4711', '{"invoice": 4711}')`
}

// insertMany takes the rows as arrays, as drivers recommend.
func insertMany(table string) string {
	return `insert into ` + table + ` ("tenantId", action, description, metadata)
		select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[])`
}

var workloads = []workload{
	{"autocommit", "autocommit", 0.85, func(ctx context.Context, conn *pgx.Conn, table string, tenant func() string) error {
		_, err := conn.Exec(ctx, insert(table), tenant())
		return err
	}},
	{"transactions", fmt.Sprintf("transactions of %d", perTransaction), 0.85, func(ctx context.Context, conn *pgx.Conn, table string, tenant func() string) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for range perTransaction {
				if _, err := tx.Exec(ctx, insert(table), tenant()); err != nil {
					return err
				}
			}
			return nil
		})
	}},
	{"rows", fmt.Sprintf("%d rows a statement", perStatement), 0.5, func(ctx context.Context, conn *pgx.Conn, table string, tenant func() string) error {
		var columns [4][]string
		for range perStatement {
			for i, v := range [4]string{tenant(), "commented", "Anna commented on invoice 4711", `{"invoice": 4711}`} {
				columns[i] = append(columns[i], v)
			}
		}
		_, err := conn.Exec(ctx, insertMany(table), columns[0], columns[1], columns[2], columns[3])
		return err
	}},
}

// writers are connections that write as fast as they can.
type writers []*pgx.Conn

func connect(ctx context.Context, url string, n int) (writers, error) {
	var all writers
	for range n {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			all.close()
			return nil, fmt.Errorf("connect a writer: %w", err)
		}
		all = append(all, conn)
	}
	return all, nil
}

func (all writers) close() {
	for _, conn := range all {
		_ = conn.Close(context.Background())
	}
}

// rate gives how many times a second all writers together did it, after a time to warm up.
func (all writers) rate(ctx context.Context, w workload, table string, tenants []string, warm, measured time.Duration) (float64, error) {
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	running, stop := context.WithCancel(ctx)
	defer stop()
	for i, conn := range all {
		rng := rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // which tenant writes
		wg.Go(func() {
			for running.Err() == nil {
				// The statement isn't cut off: its connection would be lost.
				if err := w.once(context.WithoutCancel(ctx), conn, table, func() string { return tenants[rng.IntN(len(tenants))] }); err != nil {
					errs[i] = err
					stop()
					return
				}
				done.Add(1)
			}
		})
	}
	wait := func(d time.Duration) {
		select {
		case <-running.Done():
		case <-time.After(d):
		}
	}
	wait(warm)
	before, begun := done.Load(), time.Now()
	wait(measured)
	n, took := done.Load()-before, time.Since(begun)
	stop()
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return 0, fmt.Errorf("write to %s: %w", table, err)
	}
	return float64(n) / took.Seconds(), nil
}
