package faults_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
	"github.com/pgfeed/pgfeed/store/storetest"
)

// Each fault is brought about while writers write and subscribers hop between gateways; after it, every subscriber must have
// exactly what was committed for it, and nobody may have been reset. Those that take long, or that another is much like, are
// brought about only where PGFEED_FAULTS is "all".
func TestNothingIsLostOrDoubledThrough(t *testing.T) {
	for _, fault := range []struct {
		name  string
		setup setup
		bring func(w *world)
	}{
		{"a gateway that is killed", setup{}, func(w *world) {
			for _, g := range w.gateways {
				g.Kill()
				w.commits(20)
				must(w, g.Start(w.ctx))
				w.awaitReady(g, func(status int, _ string) bool { return status == 200 })
			}
		}},
		{"a gateway that is stopped and goes on", setup{}, func(w *world) {
			w.gateways[0].Pause()
			w.commits(100)
			w.gateways[0].Continue()
		}},
		{"a gateway that is stopped and killed", setup{long: true}, func(w *world) {
			w.gateways[0].Pause()
			w.commits(50)
			w.gateways[0].Kill()
			must(w, w.gateways[0].Start(w.ctx))
		}},
		{"a listener whose backend is terminated", setup{}, func(w *world) {
			for range 5 {
				w.exec(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'pgfeed listener'`)
				w.commits(20)
			}
		}},
		{"all connections terminated", setup{long: true}, func(w *world) {
			for range 5 {
				w.exec(`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`)
				w.commits(20)
			}
		}},
		{"crashes of the server under load", setup{}, func(w *world) {
			for range 3 {
				w.crash()
				w.commits(20)
			}
		}},
		{"a transaction that is open through it all", setup{}, func(w *world) {
			conn := w.connect()
			tx, err := conn.Begin(w.ctx)
			must(w, err)
			for _, tenant := range tenants {
				_, err = tx.Exec(w.ctx, `insert into "activityLogs" ("tenantId", action, description) values ($1, 'test', 'open all along')`, tenant)
				must(w, err)
			}
			w.flow(30) // by now no cursor is left from before
			w.gateways[0].Kill()
			must(w, w.gateways[0].Start(w.ctx))
			w.exec(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pgfeed%' and pid <> pg_backend_pid()`)
			w.flow(30)
			must(w, tx.Commit(w.ctx))
		}},
		{"prepared transactions across a crash", setup{
			settings: map[string]string{"max_prepared_transactions": "10"},
		}, func(w *world) {
			for _, name := range []string{"kept", "dropped"} {
				w.batch(`begin`,
					`insert into "activityLogs" ("tenantId", action, description) select t, 'test', '`+name+`' from unnest('{acme,globex,initech}'::text[]) t`,
					`prepare transaction '`+name+`'`)
			}
			w.flow(20)
			w.crash()
			w.flow(20)
			w.exec(`commit prepared 'kept'`)
			w.exec(`rollback prepared 'dropped'`)
		}},
		{"thousands of open transactions, and a crash", setup{
			long: true,
			// What a resuming subscriber gets again must be less than what it takes before it hops: such a cursor knows no better.
			settings: map[string]string{"max_prepared_transactions": "3000"}, hopAfter: 2000,
		}, func(w *world) {
			// More than a cursor can name. Each is prepared, so that one connection can have them all and a crash leaves them.
			const open = 2400
			var prepare strings.Builder
			var commit []string
			for i := range open {
				fmt.Fprintf(&prepare, "begin; %s; prepare transaction 'open %d'; begin; select pg_current_xact_id(); rollback;",
					row(tenants[i%len(tenants)], "one of thousands"), i)
				commit = append(commit, fmt.Sprintf("commit prepared 'open %d'", i))
			}
			w.batch(prepare.String())
			w.flow(20)
			w.hopAll() // with such a cursor
			for _, s := range w.subscribers {
				if stats, _ := s.Stats(); stats.MaxID > 2048 {
					w.Errorf("ids of up to %d bytes", stats.MaxID)
				}
			}
			w.crash()
			w.flow(20)
			w.hopAll()
			w.batch(commit...)
		}},
		{"savepoints that are rolled back", setup{}, func(w *world) {
			for range 20 {
				w.batch(`begin`, row("acme", "outer"), `savepoint a`, row("acme", "taken back"), `savepoint b`, row("globex", "likewise"),
					`rollback to a`, row("initech", "inner"), `release a`, `commit`)
			}
		}},
		{"one INSERT of 10,000 rows", setup{long: true, flags: []string{"--max-replay", "50000"}, hopAfter: 1000}, func(w *world) {
			w.insert("acme", "one of many", 10_000)
		}},
		{"payloads of 1 MB", setup{}, func(w *world) {
			for range 5 {
				for _, tenant := range tenants {
					w.insert(tenant, strings.Repeat("large ", 1<<20/6), 1)
				}
			}
		}},
		{"gateways cut off from the server", setup{}, func(w *world) {
			for _, link := range w.database {
				link.Cut()
				w.commits(50)
				must(w, link.Heal())
			}
		}},
		{"half-open connections to the server", setup{long: true}, func(w *world) {
			must(w, w.database[0].Mute())
			// The gateway finds out although nothing tells it.
			w.awaitReady(w.gateways[0], func(status int, _ string) bool { return status == 503 })
			must(w, w.database[0].Heal())
			w.awaitReady(w.gateways[0], func(status int, _ string) bool { return status == 200 })
		}},
		{"a slow network before the server", setup{long: true}, func(w *world) {
			for _, link := range w.database {
				must(w, link.Delay(100*time.Millisecond))
			}
			w.flow(20)
			for _, link := range w.database {
				must(w, link.Heal())
			}
		}},
		{"clients cut off from gateways", setup{}, func(w *world) {
			for range 5 {
				for _, link := range w.front {
					link.Cut()
					w.commits(10)
					must(w, link.Heal())
				}
			}
		}},
		{"half-open connections to clients", setup{long: true}, func(w *world) {
			must(w, w.front[0].Mute())
			w.commits(100)
			must(w, w.front[0].Heal())
		}},
		{"a slow network before the clients", setup{hopAfter: 200}, func(w *world) {
			for _, link := range w.front {
				must(w, link.Delay(100*time.Millisecond))
			}
			w.flow(20)
			for _, link := range w.front {
				must(w, link.Heal())
			}
		}},
		{"connections that are silent for good", setup{long: true}, func(w *world) {
			var pids []int
			rows, err := w.pool.Query(w.ctx, `select pid from pg_stat_activity where application_name like 'pgfeed%' and pid <> pg_backend_pid()`)
			must(w, err)
			pids, err = pgx.CollectRows(rows, pgx.RowTo[int])
			must(w, err)
			for _, pid := range pids {
				must(w, syscall.Kill(pid, syscall.SIGSTOP))
				w.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) }) // before the server is stopped
			}
		}},
		{"a pooler that swallows notifications", setup{
			through: func(t *testing.T, url string) string { return storetest.PgBouncer(t, url, storetest.PoolTransaction) },
		}, func(w *world) {
			for _, g := range w.gateways {
				w.awaitReady(g, func(status int, body string) bool {
					return status == 200 && strings.Contains(body, `"status":"degraded"`)
				})
				w.until("the log says that the listener is deaf", func() bool { return strings.Contains(g.Log(), "the listener hears nothing") })
			}
			out, err := exec.CommandContext(w.ctx, program, "doctor", "--database-url", w.through).CombinedOutput() //nolint:gosec // our own
			if err == nil || !strings.Contains(string(out), "pooler") {
				w.Errorf("doctor: %v\n%s", err, out)
			}
		}},
		{"listeners that hear nothing", setup{apart: true, flags: []string{"--probe-timeout", "500ms", "--busy-rate", "0"}}, func(w *world) {
			for i := range w.gateways {
				must(w, w.notify[i].Mute())
			}
			for _, g := range w.gateways {
				w.awaitReady(g, func(status int, body string) bool {
					return status == 200 && strings.Contains(body, `"status":"degraded"`)
				})
				if failed, hears := w.metric(g, `pgfeed_listener_probe_failures_total`), w.metric(g, `pgfeed_listener_hears`); failed == 0 || hears != 0 {
					w.Errorf("by the metrics, %v probes failed, and the listener hears: %v", failed, hears)
				}
			}
			byHint, byLog := w.metrics(`pgfeed_events_total{source="hint"}`), w.metrics(`pgfeed_events_total{source="log"}`)
			w.flow(40) // by reading the log, which is read four times a second meanwhile
			if now := w.metrics(`pgfeed_events_total{source="hint"}`); now != byHint {
				w.Errorf("%v events came by hints", now-byHint)
			}
			if now := w.metrics(`pgfeed_events_total{source="log"}`); now < byLog+40 {
				w.Errorf("only %v events came by reading the log", now-byLog)
			}
			for i, g := range w.gateways {
				must(w, w.notify[i].Heal())
				w.awaitReady(g, func(status int, body string) bool { return status == 200 && strings.Contains(body, `"ready"`) })
			}
			w.until("hints bring events again", func() bool { return w.metrics(`pgfeed_events_total{source="hint"}`) > byHint })
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			if fault.setup.long && os.Getenv("PGFEED_FAULTS") != "all" {
				t.Skip("takes long: PGFEED_FAULTS=all brings it about")
			}
			t.Parallel()
			w := newWorld(t, fault.setup)
			w.flow(20)
			fault.bring(w)
			w.flow(20)
			w.settle()
			if resets := w.resets(); len(resets) > 0 {
				t.Errorf("resets: %v", resets)
			}
		})
	}
}

// A listener's connection that has just gone silent, and isn't known to have: the probe would fail an hour from now.
func TestARevocationIsFoundWhileTheListenersProbeIsLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{gateways: 1, apart: true, quiet: true, flags: []string{"--probe-timeout", "1h", "--session-recheck", "1h"}})
	g := w.gateways[0]
	s := ssetest.Open(t, "http://"+g.Addr()+"/api/activity/stream", w.session("acme", "eve"))
	s.Until(t, "hello")
	w.awaitReady(g, func(_ int, body string) bool { return strings.Contains(body, `"ready"`) })
	// Until that is known, all sessions are looked up every second.
	w.until("changes of sessions are reported", func() bool { return w.metric(g, `pgfeed_session_changes_reported`) == 1 })
	must(w, w.notify[0].Mute())
	w.exec(`delete from sessions where "userId" = 'eve'`)
	defer time.AfterFunc(patience, s.Close).Stop()
	s.Until(t, "bye")
	if _, body, err := g.Ready(w.ctx); err != nil || !strings.Contains(body, `"ready"`) {
		t.Errorf("for a late probe readiness is %s, %v", body, err)
	}
	if hears := w.metric(g, `pgfeed_listener_hears`); hears != 1 {
		t.Errorf("by the metrics, the listener hears: %v", hears)
	}
	must(w, w.notify[0].Heal()) // which closes the connection: the probe comes back over the next one
	again := ssetest.Open(t, "http://"+g.Addr()+"/api/activity/stream", w.session("acme", "eve"))
	again.Until(t, "hello")
	w.until("hints bring events again", func() bool {
		w.insert("acme", "hinted", 1)
		return w.metric(g, `pgfeed_listener_connects_total`) > 1 && w.metric(g, `pgfeed_events_total{source="hint"}`) > 0
	})
}

func row(tenant, description string) string {
	return `insert into "activityLogs" ("tenantId", action, description) values ('` + tenant + `', 'test', '` + description + `')`
}

// connect is a connection of the test's own.
func (w *world) connect() *pgx.Conn {
	w.Helper()
	conn, err := pgx.Connect(w.ctx, w.url)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// batch runs statements on one connection, as an application would.
func (w *world) batch(statements ...string) {
	w.Helper()
	conn := w.connect()
	for _, sql := range statements {
		if _, err := conn.Exec(w.ctx, sql); err != nil {
			w.Fatalf("%s: %v", sql, err)
		}
	}
}
