package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// transactions is how many the database has seen, those of statements by themselves included.
func transactions(t *testing.T, pool *pgxpool.Pool) (n int64) {
	t.Helper()
	if err := pool.QueryRow(t.Context(),
		`select xact_commit + xact_rollback from pg_stat_database where datname = current_database()`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAnIdleGatewayAsksLittleWhateverTheNumberOfTenants(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	// The tests' server allows prepared transactions, so that triggers don't hint, and gateways read four times a second.
	exec(t, pool, `do $$ begin execute format('alter database %I set pgfeed.hints = on', current_database()); end $$`)
	g := startReady(t, url)
	for n := range 30 {
		g.stream(t, session(t, pool, fmt.Sprintf("tenant-%d", n), "ada"))
	}
	const seconds, perSecond, others = 10, 2, 5 // others: this test, and the server's own upkeep
	// A server process that falls idle reports what it has done up to ten seconds later, so what the streams asked for when they began is
	// in the first of these times, or the second.
	for try := 1; ; try++ {
		before := transactions(t, pool)
		time.Sleep(seconds * time.Second) // what is looked at is a time in which nothing happens
		asked := transactions(t, pool) - before
		if asked >= 2 && asked <= seconds*perSecond+others {
			return
		}
		if try == 4 {
			t.Fatalf("%d statements in %d s", asked, seconds)
		}
	}
}
