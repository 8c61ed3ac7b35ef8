package store_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

// A cursor that takes ranges for open gets what lies in them again, and nothing else; one with progress through a replay
// as well.
func TestReadingSinceACursorOfRanges(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	start := position(t, log)
	for n := range 9 {
		exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) values ('acme', 'test', $1)`, fmt.Sprint(n))
	}
	all, now := read(t, log, gateway.Query{Since: start.Cursor()})
	if len(all) != 9 {
		t.Fatalf("%d events, want 9", len(all))
	}
	xid := func(n int) uint64 { return all[n].Stamp.XID }
	coarse := now.Snapshot
	coarse.Gaps = []gateway.Gap{{First: xid(1), Last: xid(1)}, {First: xid(4), Last: xid(6)}}
	for name, c := range map[string]struct {
		since gateway.Cursor
		want  []int
	}{
		"the position":      {gateway.Cursor{Epoch: now.Epoch, Snapshot: coarse}, []int{1, 4, 5, 6}},
		"one sent ahead":    {gateway.Cursor{Epoch: now.Epoch, Snapshot: coarse, Ahead: []int64{all[5].Seq}}, []int{1, 4, 6}},
		"the replay's end":  {gateway.Cursor{Epoch: now.Epoch, Snapshot: start.Snapshot, Replay: &gateway.Progress{To: coarse, Through: all[5].Seq}}, []int{1, 4, 5, 6, 7, 8}},
		"an earlier start":  {gateway.Cursor{Epoch: now.Epoch, Snapshot: gateway.Snapshot{Boot: coarse.Boot - 1, Xmax: xid(3), Gaps: coarse.Gaps, Floor: all[8].Seq}}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		"a start afterward": {gateway.Cursor{Epoch: now.Epoch, Snapshot: gateway.Snapshot{Boot: coarse.Boot + 1, Xmax: xid(3), Gaps: coarse.Gaps}}, []int{1, 4, 5, 6}},
	} {
		events, _ := read(t, log, gateway.Query{Since: c.since, Reader: &gateway.Reader{Tenant: "acme", Topics: []string{"activity"}}})
		var got []int
		for _, e := range events {
			for n := range all {
				if all[n].Seq == e.Seq {
					got = append(got, n)
				}
			}
			if c.since.Has(e.Stamp, e.Seq) {
				t.Errorf("%s: event %d, which the cursor has", name, e.Seq)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("since %s: %v, want %v", name, got, c.want)
		}
	}
}

func TestATenantThatTheDatabaseCantNameKeepsNoOtherFromBeingRead(t *testing.T) {
	for encoding, tenant := range map[string]string{"UTF8": "a\x00b", "LATIN1": "тест"} {
		pool := migratedAt(t, storetest.DatabaseIn(t, encoding))
		log := store.NewLog(pool)
		since := position(t, log)
		exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`)
		if events, _ := read(t, log, gateway.Query{Since: since.Cursor(), Tenants: []string{"acme", tenant}}); len(events) != 1 || events[0].Tenant != "acme" {
			t.Errorf("%s: %+v", encoding, events)
		}
	}
}

func TestTheNewestEventsOfATenantWithManyAreFewPages(t *testing.T) {
	pool, _ := migrated(t)
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) select 'acme', 'x' from generate_series(1, 20000)`)
	if n, plan := pages(t, pool, 20, `select * from pgfeed.newest('acme', 1000000, '{activity}', 'ada', 20)`); n > 100 {
		t.Errorf("it takes %d pages\n%s", n, plan)
	}
}

// However much its tenant has written before, and others since, and however much is left.
func TestAPageOfAReplayReadsNoMoreThanItGives(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	const many = `insert into "activityLogs" ("tenantId", action, "userId") select tenant, 'x', 'ada' from generate_series(1, 10000), unnest(array['acme', 'globex']) tenant`
	exec(t, pool, many)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context()) //nolint:errcheck // it has been committed, unless the test has failed
	if _, err := tx.Exec(t.Context(), `insert into "activityLogs" ("tenantId", action) values ('acme', 'open')`); err != nil {
		t.Fatal(err)
	}
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ('acme', 'seen')`) // so that the open one is in progress, as snapshots have it
	position(t, log)
	since := position(t, log)
	if len(since.Snapshot.Xip) != 1 {
		t.Fatalf("in progress: %v", since.Snapshot.Xip)
	}
	if _, err := tx.Exec(t.Context(), `insert into "activityLogs" ("tenantId", action) values ('acme', 'open still')`); err != nil {
		t.Fatal(err)
	}
	exec(t, pool, many)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	acme := &gateway.Reader{Tenant: "acme", Topics: []string{"activity"}}
	if missed, _ := read(t, log, gateway.Query{Since: since.Cursor(), Reader: acme}); len(missed) != 10002 {
		t.Errorf("%d events, want 10002", len(missed))
	}
	s := since.Snapshot
	if n, plan := pages(t, pool, 500, fmt.Sprintf(`select * from pgfeed.replay('{%d}', '{}', '{}', '%d', pg_postmaster_start_time(), %d, '{}',
		null, null, null, null, null, 'acme', '{activity}', 'ada', false, 0, 500) order by seq limit 500`, s.Xip[0], s.Xmax, s.Floor)); n > 300 {
		t.Errorf("it takes %d pages\n%s", n, plan)
	}
}

// A snapshot's xmax is one past the newest transaction that has ended: one above it may have drawn its sequence numbers long ago.
func TestAReplayHasWhatWasInsertedBeforeItsCursorAndCommittedLater(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	acme := &gateway.Reader{Tenant: "acme", Topics: []string{"activity"}}
	const insert = `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`
	position(t, log)
	for round := range 5 {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback(t.Context()) //nolint:errcheck // it has been committed, unless the test has failed
		if _, err := tx.Exec(t.Context(), insert); err != nil {
			t.Fatal(err)
		}
		position(t, log)
		since := position(t, log)
		if round > 2 && since.Snapshot.Floor == 0 {
			t.Error("the floor is not known")
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if missed, _ := read(t, log, gateway.Query{Since: since.Cursor(), Reader: acme}); len(missed) != 1 {
			t.Errorf("%d events since %+v, want 1", len(missed), since.Snapshot)
		}
	}
}

// As when a dump is restored, or another database takes the name of this one, without a start of the server.
func TestAnotherDatabaseOrTableIsAnotherEpochAtOnce(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	for _, of := range []string{"database_oid", "table_oid"} {
		before := position(t, log)
		exec(t, pool, `update pgfeed.state set `+of+` = 1`)
		if after := position(t, log); after.Epoch == before.Epoch {
			t.Errorf("another %s: the epoch stays", of)
		} else if again := position(t, log); again.Epoch != after.Epoch {
			t.Errorf("another %s: the epoch doesn't stay", of)
		}
	}
}

// pages gives how many a query that gives so many rows reads, once it is planned, and how.
func pages(t *testing.T, pool *pgxpool.Pool, rows int, query string) (n int, plan string) {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), query); err != nil { // which plans it, and looks into the catalog for that
		t.Fatal(err)
	}
	found, err := conn.Query(t.Context(), `explain (analyze, buffers, costs off) `+query)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	plan = strings.Join(lines, "\n")
	buffers := regexp.MustCompile(`Buffers: shared hit=(\d+)(?: read=(\d+))?`).FindStringSubmatch(plan)
	if buffers == nil || !regexp.MustCompile(fmt.Sprintf(`rows=%d(\.00)? `, rows)).MatchString(plan) {
		t.Fatalf("not %d rows:\n%s", rows, plan)
	}
	for _, pages := range buffers[1:] {
		if pages == "" {
			continue
		}
		some, err := strconv.Atoi(pages)
		if err != nil {
			t.Fatal(err)
		}
		n += some
	}
	return n, plan
}
