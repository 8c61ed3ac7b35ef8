package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
	"github.com/pgfeed/pgfeed/store/storetest"
)

// revocation is when streams of a revoked session have to have ended at the latest, by the gateway's own clock. It is much more than the two seconds
// that are promised, since the machine may be overloaded, and much less than it takes to find out without being told.
const revocation = 10 * time.Second

// told are the flags of a gateway that finds out about sessions by being told alone, and pings often enough for endsForItsSession.
var told = []string{"--heartbeat", "1s", "--session-recheck", "1h"}

// endsForItsSession waits for the bye. No ping may come that is younger than the revocation by more than it may take.
func endsForItsSession(t *testing.T, s *ssetest.Stream) {
	t.Helper()
	revoked := time.Now()
	for {
		f, err := s.Next(t)
		if err != nil {
			t.Fatal("the stream ended without a bye")
		}
		var ping struct{ Timestamp time.Time }
		if f.Event == "ping" {
			if err := json.Unmarshal([]byte(f.Data), &ping); err != nil || ping.Timestamp.Sub(revoked) > revocation {
				t.Errorf("a ping of %v after the revocation, %v", ping.Timestamp.Sub(revoked), err)
			}
		}
		if f.Event != "bye" {
			continue
		}
		if f.Data != `{"reason":"session"}` {
			t.Errorf("bye %s", f.Data)
		}
		if _, err := s.Next(t); !errors.Is(err, io.EOF) {
			t.Errorf("after bye: %v", err)
		}
		return
	}
}

// goesOn is a stream that must not have ended.
func goesOn(t *testing.T, pool *pgxpool.Pool, s *ssetest.Stream) {
	t.Helper()
	insert(t, pool, "acme", "goes on")
	if got := description(t, s.Event(t)); got != "goes on" {
		t.Errorf("got %q", got)
	}
}

func TestARevokedSessionLosesItsStreamsOnEveryGatewayAndNobodyElseDoes(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	gateways := []*testGateway{startReady(t, url, told...), startReady(t, url, told...)}
	for how, end := range map[string]func(token string){
		"deleted by command": func(token string) {
			if code, _, err := command(t, "session", "revoke", "--database-url", url, token); code != 0 {
				t.Errorf("revoke: %d %s", code, err)
			}
		},
		"deleted": func(string) { exec(t, pool, `delete from sessions where "userId" = 'eve'`) },
		"expired at once": func(string) {
			exec(t, pool, `update sessions set "expiresAt" = now() where "userId" = 'eve'`)
		},
		"moved to another tenant": func(string) {
			exec(t, pool, `update sessions set "tenantId" = 'globex' where "userId" = 'eve'`)
		},
		"deleted with many": func(string) {
			exec(t, pool, `insert into sessions select sha256(n::text::bytea), 'x', 'x', now() + '1 hour', now() from generate_series(1, 3000) n`)
			exec(t, pool, `delete from sessions where "userId" in ('x', 'eve')`)
		},
	} {
		t.Run(how, func(t *testing.T) {
			token, other := session(t, pool, "acme", "eve"), session(t, pool, "acme", "ada")
			var ending, going []*ssetest.Stream
			for _, g := range gateways {
				ending = append(ending, g.stream(t, token), g.stream(t, token))
				going = append(going, g.stream(t, other))
			}
			end(token)
			for _, s := range ending {
				endsForItsSession(t, s)
			}
			for _, s := range going {
				goesOn(t, pool, s)
				s.Close()
			}
			// A session that has moved is good for the other tenant, and for it only.
			status, body := gateways[0].get(t, "/api/activity", token)
			if moved := strings.Contains(body, `"tenant":"globex"`); status != http.StatusUnauthorized && !moved {
				t.Errorf("its token gets %d %s", status, body)
			}
			exec(t, pool, `delete from sessions`)
		})
	}
}

func TestATruncatedTableRevokesAll(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, told...)
	s := g.stream(t, session(t, pool, "acme", "ada"))
	exec(t, pool, `truncate sessions`)
	endsForItsSession(t, s)
}

func TestWithoutTriggersRevocationIsFoundByAsking(t *testing.T) {
	url, pool := database(t)
	exec(t, pool, `select pgfeed.unwatch_sessions('sessions')`)
	g := startReady(t, url, "--heartbeat", "1s")
	token := session(t, pool, "acme", "eve")
	s, other := g.stream(t, token), g.stream(t, session(t, pool, "acme", "ada"))
	exec(t, pool, `delete from sessions where "userId" = 'eve'`)
	endsForItsSession(t, s)
	goesOn(t, pool, other)
}

// Where a server allows prepared transactions the triggers don't report, unless pgfeed.hints is on, as it is in tests.
func TestAPreparedTransactionRevokesSessions(t *testing.T) {
	url, pool := database(t)
	exec(t, pool, `do $$ begin execute format('alter database %I set pgfeed.hints = %L', current_database(), ''); end $$`)
	pool.Reset()
	g := startReady(t, url, "--admin-addr", "127.0.0.1:0", "--heartbeat", "1s", "--session-recheck", "1h")
	token := session(t, pool, "acme", "eve")
	s, other := g.stream(t, token), g.stream(t, session(t, pool, "acme", "ada"))
	g.awaitMetric(t, 3, "pgfeed_session_lookups_total") // it has asked whether changes are reported
	conn, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	name := "'" + pool.Config().ConnConfig.Database + "'" // which the server's databases share
	for _, sql := range []string{`begin`, `delete from sessions where "userId" = 'eve'`, `prepare transaction ` + name, `commit prepared ` + name} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	endsForItsSession(t, s)
	goesOn(t, pool, other)
}

// What no trigger reports, such as a change by a replication's worker, is found when the sessions' turn comes, a part at a time.
func TestEverySessionIsLookedUpAgainAfterAWhile(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, "--admin-addr", "127.0.0.1:0", "--session-recheck", "4s")
	other := g.stream(t, session(t, pool, "acme", "ada"))
	g.awaitMetric(t, 1, "pgfeed_session_changes_reported") // until that is known, all are looked up every second
	g.awaitMetric(t, 2, "pgfeed_session_lookups_total")
	var ending []*ssetest.Stream
	for n := range 7 {
		ending = append(ending, g.stream(t, session(t, pool, "acme", fmt.Sprint("eve-", n))))
	}
	exec(t, pool, `alter table sessions disable trigger all; delete from sessions where "userId" like 'eve-%'; alter table sessions enable trigger all`)
	for _, s := range ending {
		s.Until(t, "bye")
	}
	goesOn(t, pool, other)
}

func TestASessionThatIsExtendedKeepsItsStreams(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	s := g.stream(t, session(t, pool, "acme", "ada"))
	exec(t, pool, `update sessions set "expiresAt" = now() + interval '10 seconds'`)
	short := g.stream(t, session(t, pool, "acme", "bob"))
	exec(t, pool, `update sessions set "expiresAt" = now() + interval '10 seconds' where "userId" = 'bob'`)
	exec(t, pool, `update sessions set "expiresAt" = now() + interval '1 hour' where "userId" = 'ada'`)
	endsForItsSession(t, short) // after what would have been the end of both
	goesOn(t, pool, s)
}

func TestWithTheDatabaseAwayStreamsEndWhenTheirSessionsExpire(t *testing.T) {
	noLeaks(t)
	server := storetest.Server(t)
	url := server.URL("postgres")
	pool := migrated(t, url)
	g := startReady(t, url)
	token := session(t, pool, "acme", "eve")
	exec(t, pool, `update sessions set "expiresAt" = now() + interval '10 seconds'`)
	s, other := g.stream(t, token), g.stream(t, session(t, pool, "acme", "ada"))
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	if status, _ := g.get(t, "/api/activity/stream", token+"x"); status != http.StatusServiceUnavailable {
		t.Errorf("a token that can't be looked up gets %d", status)
	}
	endsForItsSession(t, s)
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool.Reset()
	goesOn(t, pool, other)
}

func TestChangesWhileTheListenerWasAwayAreFound(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, told...)
	s := g.stream(t, session(t, pool, "acme", "eve"))
	// The notification is lost: the one connection that hears it goes in the same transaction.
	exec(t, pool, `
do $$
begin
    perform set_config('pgfeed.hints', 'off', true);
    delete from public.sessions;
    perform pg_terminate_backend(pid) from pg_stat_activity
      where application_name like '%listener%' and datname = current_database();
end
$$`)
	endsForItsSession(t, s)
}
