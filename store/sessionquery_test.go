package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

// reports are what a statement, run by a role, reports of sessions.
func reports(t *testing.T, pool *pgxpool.Pool, role, sql string) (changes []auth.Change) {
	t.Helper()
	listener, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close(context.Background()) //nolint:errcheck // the test's own
	if _, err := listener.Exec(t.Context(), `listen `+auth.ChangesChannel+`; listen fence`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `set local role `+role+`; `+sql+`; notify fence`, pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for {
		n, err := listener.WaitForNotification(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n.Channel == "fence" {
			return changes
		}
		changes = append(changes, auth.ParseChange(n.Payload))
	}
}

func TestEveryUserOfABulkChangeIsReported(t *testing.T) {
	pool, _ := migrated(t)
	exec(t, pool, `create table member (person int, org int)`)
	exec(t, pool, `select pgfeed.watch_sessions('member', 'user', 'person')`)
	for _, c := range []struct{ users, each int }{{1, 1}, {900, 2}, {2000, 3}, {3000, 1}} {
		exec(t, pool, `insert into member select person, org from generate_series(1, $1::int) person, generate_series(1, $2::int) org order by 1`, c.users, c.each)
		all, named := false, map[string]bool{}
		for _, change := range reports(t, pool, "none", `delete from member`) {
			all = all || change.All
			for _, name := range change.Users {
				named[name] = true
			}
		}
		for person := 1; person <= c.users && !all; person++ {
			if !named[auth.UserName(fmt.Sprint(person))] {
				t.Errorf("of %d users with %d rows each, %d isn't reported", c.users, c.each, person)
				break
			}
		}
		if few := c.users*c.each <= 2000; all == few {
			t.Errorf("%d users with %d rows each: all are looked up: %t", c.users, c.each, all)
		}
	}
}

func TestWhoChangesSessionsNeedsNoRightsForTheReports(t *testing.T) {
	pool, _ := migrated(t)
	exec(t, pool, `do $$ begin create role pgfeed_test_poor; exception when duplicate_object or unique_violation then null; end $$`)
	exec(t, pool, `grant select, insert, update, delete on sessions to pgfeed_test_poor`)
	t.Cleanup(func() {
		if _, err := pool.Exec(context.Background(), `drop owned by pgfeed_test_poor`); err != nil {
			t.Error(err)
		}
	})
	exec(t, pool, `insert into sessions select sha256('token'), 'ada', 'acme', now() + interval '1 hour', now()`)
	for _, sql := range []string{`update sessions set "expiresAt" = now()`, `delete from sessions`} {
		changes := reports(t, pool, "pgfeed_test_poor", sql)
		if len(changes) != 1 || len(changes[0].Sessions) != 1 || changes[0].Sessions[0] != auth.Name("token") {
			t.Errorf("%s: %+v", sql, changes)
		}
	}
}

func TestATokenThatIsntUTF8FailsNoStatement(t *testing.T) {
	pool := migratedAt(t, storetest.DatabaseIn(t, "SQL_ASCII"))
	exec(t, pool, `create table logins (token text)`)
	exec(t, pool, `select pgfeed.watch_sessions('logins', 'session', 'token')`)
	exec(t, pool, `insert into logins values (E'\351')`)
	if changes := reports(t, pool, "none", `delete from logins`); len(changes) != 1 || !changes[0].All {
		t.Errorf("%+v", changes)
	}
}

// Whoever may use the schema, as gateways do, may have the trigger on a table of his own, with casts of his own.
func TestReportsRunNothingWithTheirOwnersRights(t *testing.T) {
	pool, _ := migrated(t)
	exec(t, pool, `select pgfeed.create_roles()`)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // the test's own
	for _, sql := range []string{
		`set local role pgfeed_gateway`,
		`create temp table ran (by name)`,
		`create type pg_temp.token as (n int)`,
		`create function pg_temp.called(pg_temp.token) returns text language plpgsql as 'begin insert into pg_temp.ran values (current_user); return 1; end'`,
		`create cast (pg_temp.token as text) with function pg_temp.called(pg_temp.token)`,
		`create temp table mine (token pg_temp.token)`,
		`insert into mine values (row(1))`,
		`create trigger t after delete on mine referencing old table as old_rows for each statement execute function pgfeed.on_session_change('session', 'token')`,
		`delete from mine`,
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var by string
	if err := tx.QueryRow(t.Context(), `select string_agg(distinct by::text, ' ') from ran`).Scan(&by); err != nil || by != "pgfeed_gateway" {
		t.Errorf("the cast ran as %q, %v", by, err)
	}
}

func TestTablesThatAreInUseAreNotWaitedForInFrontOfTheApplication(t *testing.T) {
	pool, _ := migrated(t)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // the test's own
	if _, err := tx.Exec(t.Context(), `select from sessions`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // far more than it takes to give up
	defer cancel()
	for what, err := range map[string]error{
		"watch":   func() error { _, err := store.PgfeedSessions(pool).Watch(ctx); return err }(),
		"unwatch": func() error { _, err := pool.Exec(ctx, `select pgfeed.unwatch_sessions('sessions')`); return err }(),
	} {
		if err == nil || ctx.Err() != nil {
			t.Errorf("%s: %v", what, err)
		}
		if what == "watch" && !errors.Is(err, store.ErrTableInUse) {
			t.Errorf("%v", err)
		}
	}
}
