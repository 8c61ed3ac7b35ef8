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
	g := startReady(t, url)
	for n := range 30 {
		g.stream(t, session(t, pool, fmt.Sprintf("tenant-%d", n), "ada"))
	}
	const seconds, perSecond, others = 10, 2, 5 // others: this test, and the server's own upkeep
	before := int64(-1)
	for { // once what the streams asked for has been counted
		now := transactions(t, pool)
		if before >= 0 && now-before <= perSecond+others {
			before = now
			break
		}
		before = now
		time.Sleep(time.Second)
	}
	time.Sleep(seconds * time.Second) // what is looked at is a time in which nothing happens
	asked := transactions(t, pool) - before
	if asked > seconds*perSecond+others {
		t.Errorf("%d statements in %d s", asked, seconds)
	}
	if asked < 2 {
		t.Errorf("%d statements in %d s: it doesn't even read the log", asked, seconds)
	}
}
