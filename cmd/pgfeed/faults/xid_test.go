package faults_test

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
)

// After a crash Postgres gives out again the ids of transactions that left no durable trace. Cursors from before have seen
// those as done, and must not hide what is written under them now.
func TestAnXidThatComesBackAfterACrashHidesNothing(t *testing.T) {
	for _, crash := range []struct {
		name string
		do   func(w *world)
		// A server that restarts its processes under the same postmaster can't be told by its start time: there, clients
		// are told to reload.
		reset bool
	}{
		{"of the whole server", (*world).crash, false},
		{"of one process", (*world).killBackend, true},
	} {
		t.Run(crash.name, func(t *testing.T) {
			t.Parallel()
			// What nobody waits for stays in memory, and is lost.
			w := newWorld(t, setup{quiet: true, settings: map[string]string{"wal_writer_delay": "10s"}})
			w.insert("acme", "before", 1)
			for range 10 { // whole pages of WAL are written all the same: the ids have to lie in the last one
				w.hopAll() // so that gateways have written down the last start
				var gone []uint64
				for range 8 { // the first one or two may come back to a gateway, which writes down the new epoch
					gone = append(gone, w.abort())
				}
				w.hopAll() // their cursors have seen them end
				crash.do(w)
				w.pool.Reset()
				back, xid := false, uint64(0)
				for last := gone[len(gone)-1]; xid < last; { // ids of probes and of what came before may come back first
					must(w, w.pool.QueryRow(w.ctx, `insert into "activityLogs" ("tenantId", action) select t, 'test' from unnest($1::text[]) t
						returning pg_current_xact_id()`, tenants).Scan(&xid))
					back = back || slices.Contains(gone, xid)
				}
				if !back {
					continue
				}
				t.Logf("of xids %v some came back until %d", gone, xid)
				w.settle()
				if resets := w.resets(); crash.reset != (resets["epoch"] > 0) || len(resets) > 1 {
					t.Errorf("resets: %v", resets)
				}
				return
			}
			t.Fatal("no xid came back, in ten crashes")
		})
	}
}

// abort gives the xid of a transaction that has inserted and rolled back.
func (w *world) abort() (xid uint64) {
	w.Helper()
	tx, err := w.pool.Begin(w.ctx)
	must(w, err)
	must(w, tx.QueryRow(w.ctx, `insert into "activityLogs" ("tenantId", action) values ('acme', 'never') returning pg_current_xact_id()`).Scan(&xid))
	must(w, tx.Rollback(w.ctx))
	return xid
}

// hopAll has every subscriber connect anew.
func (w *world) hopAll() {
	w.Helper()
	for _, s := range w.subscribers {
		before, _ := s.Stats()
		s.Hop()
		w.await(s, func(now faults.SubscriberStats, _ int64) bool { return now.Opened > before.Opened })
	}
}

// killBackend kills one of the server's processes, upon which it ends all others and recovers.
func (w *world) killBackend() {
	w.Helper()
	// The checkpointer is one of those that are started anew.
	checkpointer := func() (since time.Time, err error) {
		conn, err := pgx.Connect(w.ctx, w.url)
		if err != nil {
			return since, err
		}
		defer func() { _ = conn.Close(w.ctx) }()
		err = conn.QueryRow(w.ctx, `select backend_start from pg_stat_activity where backend_type = 'checkpointer'`).Scan(&since)
		return since, err
	}
	before, err := checkpointer()
	must(w, err)
	must(w, syscall.Kill(int(w.connect().PgConn().PID()), syscall.SIGKILL))
	w.until("the server has recovered", func() bool {
		now, err := checkpointer()
		return err == nil && now.After(before)
	})
}
