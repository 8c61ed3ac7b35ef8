package main

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// emptyLog has the log emptied of all that it holds now, as if the retention were over.
func emptyLog(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	var newest int64
	if err := pool.QueryRow(t.Context(), `select coalesce(max(seq), 0) from pgfeed.events`).Scan(&newest); err != nil {
		t.Fatal(err)
	}
	for left := 1; left > 0; {
		// A second is the shortest: the ring turns in a sixth of it, and what was closed before that is emptied.
		exec(t, pool, `select pgfeed.maintain(interval '1 second', 1000000000)`)
		if err := pool.QueryRow(t.Context(), `select count(*) from pgfeed.events where seq <= $1`, newest).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhoMissedWhatIsNoLongerKeptIsToldSo(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, "--admin-addr", "127.0.0.1:0")
	token := session(t, pool, "acme", "ada")
	stays, leaves := g.stream(t, token), g.stream(t, token)
	leaves.Close()
	insert(t, pool, "acme", "gone")
	knows := g.stream(t, token) // begins behind it
	knows.Close()
	if got := description(t, stays.Event(t)); got != "gone" {
		t.Errorf("who stayed got %q", got)
	}
	// The gateway itself has to have read that far: the second reading from now on began after it.
	readings := metric(t, g.scrape(t), "pgfeed_reconciliation_duration_seconds")
	g.awaitMetric(t, readings+2, "pgfeed_reconciliation_duration_seconds")
	emptyLog(t, pool)

	resumed := g.stream(t, token, "?cursor="+leaves.LastID)
	if f := resumed.Until(t, "reset"); f.Data != `{"reason":"expired"}` || f.ID == "" {
		t.Errorf("reset %+v", f)
	}
	page := decode[struct {
		Reset  struct{ Reason string }
		Cursor string
	}](t, g, "/api/activity?cursor="+leaves.LastID, token)
	if page.Reset.Reason != "expired" || page.Cursor == "" {
		t.Errorf("polling: %+v", page)
	}
	again := g.stream(t, token, "?cursor="+knows.LastID) // missed nothing
	insert(t, pool, "acme", "goes on")
	if got := description(t, resumed.Event(t)); got != "goes on" {
		t.Errorf("after the reset came %q", got)
	}
	if got := description(t, again.Event(t)); got != "goes on" {
		t.Errorf("who missed nothing got %q", got)
	}
	if got := description(t, stays.Event(t)); got != "goes on" {
		t.Errorf("who stayed got %q", got)
	}
}
