package store_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
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
		"an earlier start":  {gateway.Cursor{Epoch: now.Epoch, Snapshot: gateway.Snapshot{Boot: coarse.Boot - 1, Xmax: xid(3), Gaps: coarse.Gaps}}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}},
		"a start afterward": {gateway.Cursor{Epoch: now.Epoch, Snapshot: gateway.Snapshot{Boot: coarse.Boot + 1, Xmax: xid(3), Gaps: coarse.Gaps}}, []int{1, 4, 5, 6}},
	} {
		events, _ := read(t, log, gateway.Query{Since: c.since})
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

func TestTheNewestEventsOfATenantWithManyAreFewPages(t *testing.T) {
	pool, _ := migrated(t)
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) select 'acme', 'x' from generate_series(1, 20000)`)
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	const newest = `select * from pgfeed.newest('acme', 1000000, '{activity}', 'ada', 20)`
	if _, err := conn.Exec(t.Context(), newest); err != nil { // which plans it, and looks into the catalog for that
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), `explain (analyze, buffers, costs off) `+newest)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	plan := strings.Join(lines, "\n")
	hit := regexp.MustCompile(`Buffers: shared hit=(\d+)`).FindStringSubmatch(plan)
	if hit == nil {
		t.Fatal(plan)
	}
	if pages, err := strconv.Atoi(hit[1]); err != nil || pages > 100 || !regexp.MustCompile(`rows=20(\.00)? `).MatchString(plan) {
		t.Errorf("it takes %d pages\n%s", pages, plan)
	}
}
