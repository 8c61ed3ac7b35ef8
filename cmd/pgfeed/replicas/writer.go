package replicas

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const writers = 8

// pen is what inserts. Its connections stay open between its uses, or the server's processes that serve them would end before their
// CPU time is read.
type pen struct {
	conns   []*pgx.Conn
	tenants []string
}

func newPen(ctx context.Context, url string, tenants []string) (*pen, error) {
	p := &pen{tenants: tenants}
	for range writers {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return nil, errors.Join(err, p.close(ctx))
		}
		p.conns = append(p.conns, conn)
	}
	return p, nil
}

func (p *pen) close(ctx context.Context) (err error) {
	for _, conn := range p.conns {
		err = errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return err
}

// write inserts single rows, each in a transaction of its own, of the tenants in turn, at a rate that doesn't depend on how long
// they take, and gives how many it has inserted.
func (p *pen) write(ctx context.Context, perSecond int, d time.Duration) (int, error) {
	n := int(float64(perSecond) * d.Seconds())
	begun := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for w, conn := range p.conns {
		group.Go(func() error {
			for i := w; i < n; i += len(p.conns) {
				if err := pause(ctx, time.Until(begun.Add(time.Duration(i)*time.Second/time.Duration(perSecond)))); err != nil {
					return err
				}
				_, err := conn.Exec(ctx, `insert into "activityLogs" ("tenantId", action, description, metadata) values ($1, 'update', $2, '{"from":"a","to":"b"}')`,
					p.tenants[i%len(p.tenants)], fmt.Sprint("changed the state of task ", i))
				if err != nil {
					return fmt.Errorf("insert: %w", err)
				}
			}
			return nil
		})
	}
	return n, group.Wait()
}
