package deploytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/store"
)

// database is a migrated one that may go away and come back, perhaps at another address.
type database struct {
	url func(context.Context) (string, error)
}

func (d database) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url, err := d.url(ctx)
	if err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, url)
}

// session makes a token.
func (d database) session(t *testing.T, tenant, user string) string {
	t.Helper()
	url, err := d.url(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	token, err := store.NewSessions(pool).Create(t.Context(), tenant, user, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// committed are the descriptions of a tenant's rows.
func (d database) committed(t *testing.T, tenant string) (rows []string) {
	t.Helper()
	await(t, "the list of what is committed", func() error {
		conn, err := d.connect(t.Context())
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		list, err := conn.Query(t.Context(), `select description from "activityLogs" where "tenantId" = $1`, tenant)
		if err != nil {
			return err
		}
		rows, err = pgx.CollectRows(list, pgx.RowTo[string])
		return err
	})
	return rows
}

// write inserts rows, of the tenants in turn, until the test ends or stop is called. Inserts that fail, or of which nobody
// knows, are not tried again: what is in the table counts.
func (d database) write(t *testing.T, tenants ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		for ctx.Err() == nil {
			_ = d.insertUntilError(ctx, tenants, &n) // the next connection goes on
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

func (d database) insertUntilError(ctx context.Context, tenants []string, n *int) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		*n++
		// Not ctx: the last insert is either done or not, and then stop returns.
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		_, err := conn.Exec(once, `insert into "activityLogs" ("tenantId", action, description) values ($1, 'wrote', $2)`,
			tenants[*n%len(tenants)], fmt.Sprint("row ", *n))
		cancel()
		if err != nil {
			return err
		}
	}
}

// settle waits until every follower has all that is committed by now.
func settle(t *testing.T, d database, followers []*follower) {
	t.Helper()
	rows := map[string][]string{}
	for _, f := range followers {
		if rows[f.tenant] == nil {
			await(t, "a first row", func() error {
				if rows[f.tenant] = d.committed(t, f.tenant); len(rows[f.tenant]) == 0 {
					return errNotYet
				}
				return nil
			})
		}
		await(t, "what is committed for "+f.tenant, func() error { return f.lacks(rows[f.tenant]) })
	}
}

// settleExactly is settle after the writer has stopped: nothing is missing, and nothing was made up.
func settleExactly(t *testing.T, d database, followers []*follower) {
	t.Helper()
	settle(t, d, followers)
	for _, f := range followers {
		want := len(d.committed(t, f.tenant))
		f.mu.Lock()
		if len(f.rows) != want {
			t.Errorf("a follower of %s has %d rows, %d are committed", f.tenant, len(f.rows), want)
		}
		f.mu.Unlock()
	}
}

var errNotYet = errors.New("not yet")
