package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
)

const insertActivity = `insert into "activityLogs" ("tenantId", action, description) values ('acme', 'x', $1)`

// age makes what the log has, and the cursors of now, older than the retention of a day.
func age(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	exec(t, pool, `update pgfeed.slots set opened = opened - interval '2 days', closed = closed - interval '2 days'`)
}

var day = store.Retention{Age: 24 * time.Hour, Bytes: 1 << 40}

func maintain(t *testing.T, pool *pgxpool.Pool, r store.Retention) int {
	t.Helper()
	n, err := r.Maintain(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func reads(t *testing.T, log *store.Log, since gateway.Position) ([]gateway.Event, error) {
	t.Helper()
	var events []gateway.Event
	err := log.Read(t.Context(), gateway.Query{Since: since.Cursor()}, func(gateway.Position) error { return nil },
		func(e gateway.Event) error { events = append(events, e); return nil })
	return events, err
}

func TestWhatIsOlderThanTheRetentionIsGoneAndCursorsFromBeforeExpire(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	before := position(t, log)
	exec(t, pool, insertActivity, "old")
	seen := position(t, log)
	age(t, pool)
	if n := maintain(t, pool, day); n != 0 { // only turns the ring: the slot was the current one
		t.Errorf("%d slots emptied", n)
	}
	exec(t, pool, insertActivity, "new")
	if events, err := reads(t, log, before); err != nil || len(events) != 2 {
		t.Errorf("%d events, %v, want 2: both are still there", len(events), err)
	}
	exec(t, pool, `update pgfeed.slots set closed = closed - interval '2 days' where closed is not null`)
	if n := maintain(t, pool, day); n != 1 {
		t.Errorf("%d slots emptied, want 1", n)
	}
	if _, err := reads(t, log, before); !errors.Is(err, gateway.ErrExpired) {
		t.Errorf("a cursor that has missed what is gone: %v", err)
	}
	if _, reason := gateway.Resume(before.Cursor().String(), position(t, log)); reason != gateway.ResetExpired {
		t.Errorf("it is told %q", reason)
	}
	if events, err := reads(t, log, seen); err != nil || len(events) != 1 {
		t.Errorf("a cursor that had seen it: %d events, %v", len(events), err)
	}
	if n := maintain(t, pool, day); n != 0 {
		t.Errorf("%d more slots emptied", n)
	}
}

func TestATableThatIsAttachedWhileTheRingTurnsWritesToTheCurrentSlot(t *testing.T) {
	pool, _ := migrated(t)
	exec(t, pool, insertActivity, "old")
	exec(t, pool, `create table orders (id int primary key, org text not null)`)
	age(t, pool)
	attaching, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer attaching.Rollback(context.Background()) //nolint:errcheck // where the test has failed
	if _, err := attaching.Exec(t.Context(), `select pgfeed.attach('orders', 'activity', 'org')`); err != nil {
		t.Fatal(err)
	}
	var turned sync.WaitGroup
	turned.Go(func() { maintain(t, pool, day) })
	eventually(t, "the ring to wait for the table", func() bool {
		var waiting bool
		err := pool.QueryRow(t.Context(), `select exists (select from pg_stat_activity
			where wait_event_type = 'Lock' and query like '%pgfeed.maintain%' and datname = current_database())`).Scan(&waiting)
		return err == nil && waiting
	})
	if err := attaching.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	turned.Wait()
	exec(t, pool, `insert into orders values (1, 'acme')`)
	exec(t, pool, insertActivity, "new")
	var slots string
	err = pool.QueryRow(t.Context(), `select string_agg(right(tableoid::regclass::text, 1), ' ' order by seq) from pgfeed.log`).Scan(&slots)
	if err != nil || slots != "0 1 1" {
		t.Errorf("rows went to slots %s, %v", slots, err)
	}
}

func TestASlotWaitsForTheTransactionsThatWroteToIt(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	bystander, err := pool.Begin(t.Context()) // open all the time, and writes only in the end
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bystander.Exec(t.Context(), `create table mine ()`); err != nil {
		t.Fatal(err)
	}
	writer, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Exec(t.Context(), insertActivity, "open"); err != nil {
		t.Fatal(err)
	}
	exec(t, pool, insertActivity, "done")
	both := position(t, log) // can't see either of the two
	age(t, pool)
	maintain(t, pool, day)
	exec(t, pool, insertActivity, "later") // nobody waits
	exec(t, pool, `update pgfeed.slots set closed = closed - interval '2 days' where closed is not null`)
	if n := maintain(t, pool, day); n != 0 {
		t.Errorf("%d slots emptied under a transaction that had written there", n)
	}
	if events, err := reads(t, log, both); err != nil || len(events) != 1 {
		t.Errorf("%d events, %v", len(events), err)
	}
	if err := writer.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := position(t, log) // still can't see the bystander
	if n := maintain(t, pool, day); n != 1 {
		t.Errorf("%d slots emptied, want 1", n)
	}
	if _, err := reads(t, log, both); !errors.Is(err, gateway.ErrExpired) {
		t.Errorf("a cursor to which the writer was open: %v", err)
	}
	if _, err := bystander.Exec(t.Context(), insertActivity, "at last"); err != nil {
		t.Fatal(err)
	}
	if err := bystander.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if events, err := reads(t, log, one); err != nil || len(events) != 1 {
		t.Errorf("a cursor to which only the bystander was open: %d events, %v", len(events), err)
	}
}

func TestALogThatIsTooBigLosesItsOldest(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	before := position(t, log)
	small := store.Retention{Age: 24 * time.Hour, Bytes: 7 << 20}
	emptied := 0
	for range 40 {
		exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) select 'acme', 'x', (select string_agg(md5(random()::text || i || n), '') from generate_series(1, 30) i) from generate_series(1, 500) n`)
		emptied += maintain(t, pool, small)
	}
	var bytes int64
	if err := pool.QueryRow(t.Context(), `select sum(bytes) from pgfeed.kept`).Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	if emptied == 0 || bytes > 9<<20 {
		t.Errorf("%d slots emptied, %d bytes are kept", emptied, bytes)
	}
	if _, err := reads(t, log, before); !errors.Is(err, gateway.ErrExpired) {
		t.Errorf("a cursor from before: %v", err)
	}
}

func TestNobodyMissesWhatIsEmptiedWhileHeReads(t *testing.T) {
	pool, url := migrated(t)
	log := store.NewLog(pool)
	const readers, writers, rows = 3, 3, 300
	start := position(t, log)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var maintained sync.WaitGroup
	emptied := 0
	var turns atomic.Int64 // readings that have ended
	maintained.Go(func() { // far more often than anybody would, and yet not so often that nobody can read in between
		for ctx.Err() == nil {
			for before := turns.Load(); turns.Load() < before+readers && ctx.Err() == nil; {
				time.Sleep(time.Millisecond)
			}
			if _, err := pool.Exec(ctx, `update pgfeed.slots set closed = closed - interval '2 days' where closed is not null`); err != nil {
				continue
			}
			if n, err := day.Maintain(ctx, pool); err == nil {
				emptied += n
			}
			_, _ = pool.Exec(ctx, `update pgfeed.slots set opened = opened - interval '2 days' where closed is null`)
		}
	})
	var reading, writing sync.WaitGroup
	done := make(chan struct{})
	for n := range readers {
		reading.Go(func() {
			at, expired := start, 0
			got := map[int64]bool{}
			for last := false; ; {
				select {
				case <-done:
					last = true
				default:
				}
				var now gateway.Position
				q := gateway.Query{Since: at.Cursor()}
				if n > 0 { // as a client that resumes would
					q.Reader = &gateway.Reader{Tenant: "acme", Topics: []string{gateway.TopicActivity}}
				}
				err := log.Read(t.Context(), q, func(p gateway.Position) error { now = p; return nil },
					func(e gateway.Event) error {
						if got[e.Seq] {
							t.Errorf("reader %d got %d twice", n, e.Seq)
						}
						got[e.Seq] = true
						return nil
					})
				turns.Add(1)
				switch {
				case errors.Is(err, gateway.ErrExpired): // told so
					expired++
					at = position(t, log)
				case err != nil:
					t.Error(err)
					return
				default:
					at = now
				}
				if last {
					break
				}
			}
			if expired == 0 && len(got) != writers*rows {
				t.Errorf("reader %d got %d of %d events, and wasn't told", n, len(got), writers*rows)
			}
		})
	}
	for n := range writers {
		writing.Go(func() {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close(context.Background()) //nolint:errcheck // the test's own
			for i := range rows {
				if _, err := conn.Exec(t.Context(), insertActivity, fmt.Sprint(n, i)); err != nil {
					t.Errorf("an INSERT failed: %v", err)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	stop()
	maintained.Wait()
	if emptied == 0 {
		t.Error("nothing was emptied meanwhile")
	}
}
