package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
)

// logRows counts the rows of the log.
func logRows(t *testing.T, pool *pgxpool.Pool) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), `select count(*) from pgfeed.log`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// numbered gives the column n of each event's row.
func numbered(t *testing.T, events []gateway.Event) (all []int) {
	t.Helper()
	for _, e := range events {
		var row struct{ N int }
		if err := json.Unmarshal(e.Data, &row); err != nil {
			t.Fatal(err)
		}
		all = append(all, row.N)
	}
	return all
}

func TestRowsThatShareARowOfTheLogAreEventsOfTheirOwn(t *testing.T) {
	for state, busy := range map[string]string{"quiet": `0`, "busy": `(extract(epoch from now()) * 1000)::bigint + 60000`} {
		t.Run(state, func(t *testing.T) {
			pool, _ := migrated(t)
			log := store.NewLog(pool)
			exec(t, pool, `create collation careless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
			exec(t, pool, `create table orders (n int, org text collate careless, who text collate careless, doc text)`)
			exec(t, pool, `select pgfeed.attach('orders', 'notification', 'org', 'who')`)
			exec(t, pool, `select setval('pgfeed.busy', `+busy+`)`)
			since := position(t, log)
			// Every thousandth is too big to share a row.
			exec(t, pool, `
insert into orders select n, (array['acme', 'ACME', 'globex', null])[1 + n % 4], (array['ada', 'ADA', null])[1 + n % 3],
       case when n % 1000 = 501 then repeat('x', 5000) end
  from generate_series(0, 11999) n, pg_sleep(0.002)`)
			events, now := read(t, log, gateway.Query{Since: since.Cursor()})
			if len(events) != 9000 {
				t.Fatalf("%d events of 9000 rows", len(events))
			}
			last, seen := map[string]int{}, map[int]bool{}
			for i, n := range numbered(t, events) {
				e := events[i]
				who := "-"
				if e.Recipient != nil {
					who = *e.Recipient
				}
				if want := []string{"acme", "ACME", "globex"}[n%4]; e.Tenant != want {
					t.Fatalf("row %d went to %s, want %s", n, e.Tenant, want)
				}
				if want := []string{"ada", "ADA", "-"}[n%3]; who != want {
					t.Fatalf("row %d went to %s, want %s", n, who, want)
				}
				if i > 0 && e.Seq <= events[i-1].Seq || e.Seq > now.Written {
					t.Fatalf("number %d after %d, of %d", e.Seq, events[i-1].Seq, now.Written)
				}
				to := e.Tenant + "/" + who
				if n < last[to] {
					t.Fatalf("row %d of %s came after row %d", n, to, last[to])
				}
				last[to] = n
				seen[n] = true
			}
			if len(seen) != len(events) {
				t.Errorf("%d rows are among %d events", len(seen), len(events))
			}
			var alone int
			if err := pool.QueryRow(t.Context(), `select count(*) from pgfeed.log where cardinality(data) = 1 and length(data[1]::text) > 5000`).Scan(&alone); err != nil || alone != 12 {
				t.Errorf("%d big ones have a row of the log for themselves, want 12, %v", alone, err)
			}
			// Big ones, each with what is parted by it, and the others by tenant, recipient and thousand.
			if rows := logRows(t, pool); rows < 12 || rows > 12*(1+9)+9*12 {
				t.Errorf("they take %d rows of the log", rows)
			}
		})
	}
}

// Rows of the log come whole; pages, and clients that are cut off, end within.
func TestWhatIsReadEndsAndGoesOnWithinASharedRow(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	exec(t, pool, `create table orders (n int, org text)`)
	exec(t, pool, `select pgfeed.attach('orders', 'activity', 'org')`)
	position(t, log)
	since := position(t, log)
	open, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Rollback(t.Context()) //nolint:errcheck // it has been committed, unless the test has failed
	insert := func(from, to int) string {
		return fmt.Sprintf(`insert into orders select n, org from generate_series(%d, %d) n, unnest(array['acme', 'globex']) org`, from, to)
	}
	if _, err := open.Exec(t.Context(), insert(0, 39)); err != nil {
		t.Fatal(err)
	}
	exec(t, pool, insert(40, 40))
	exec(t, pool, insert(41, 79))
	middle := position(t, log)
	if err := open.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, pool, insert(80, 119))
	acme := gateway.Reader{Tenant: "acme", Topics: []string{"activity"}}
	all, now := read(t, log, gateway.Query{Since: since.Cursor(), Reader: &acme})
	if rows := logRows(t, pool); rows != 2*4 || len(all) != 120 {
		t.Fatalf("%d events in %d rows of the log", len(all), rows)
	}
	expect := func(what string, got []gateway.Event, want []int) {
		t.Helper()
		if n := numbered(t, got); !slices.Equal(n, want) {
			t.Fatalf("%s: %v, want %v", what, n, want)
		}
	}
	numbers := numbered(t, all)
	for i := range all {
		seq := all[i].Seq
		got, _ := read(t, log, gateway.Query{Since: since.Cursor(), Reader: &acme, After: seq, Limit: 7})
		expect(fmt.Sprint("a page after ", i), got, numbers[i+1:min(i+8, len(all))])

		var late []int // what the middle lacks
		for j, e := range all {
			if j > i && !middle.Snapshot.Sees(e.Stamp) {
				late = append(late, numbers[j])
			}
		}
		got, _ = read(t, log, gateway.Query{Since: middle.Cursor(), Reader: &acme, After: seq, Limit: 7})
		expect(fmt.Sprint("a page of what was open, after ", i), got, late[:min(7, len(late))])

		cut := since.Cursor()
		cut.Replay = &gateway.Progress{To: now.Snapshot, Through: seq}
		got, _ = read(t, log, gateway.Query{Since: cut, Reader: &acme})
		expect(fmt.Sprint("a replay cut at ", i), got, numbers[i+1:])

		cut.Replay = &gateway.Progress{To: middle.Snapshot, Through: seq} // which lacks the open one's
		got, _ = read(t, log, gateway.Query{Since: cut, Reader: &acme})
		var want []int
		for j, e := range all {
			if j > i || !middle.Snapshot.Sees(e.Stamp) {
				want = append(want, numbers[j])
			}
		}
		expect(fmt.Sprint("a replay cut earlier at ", i), got, want)

		ahead := since.Cursor()
		ahead.Ahead = []int64{seq}
		got, _ = read(t, log, gateway.Query{Since: ahead, Reader: &acme})
		expect(fmt.Sprint("one that was sent ahead, ", i), got, slices.Concat(numbers[:i], numbers[i+1:]))

		var newest []gateway.Event
		err := log.Newest(t.Context(), acme, seq, 7, func(gateway.Position) error { return nil },
			func(e gateway.Event) error { newest = append(newest, e); return nil })
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(newest)
		expect(fmt.Sprint("the newest before ", i), newest, numbers[max(i-7, 0):i])
	}
}
