package faults_test

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/pgfeed/pgfeed/store/pgserver"
)

// A session that LISTENs and sits in a transaction keeps the queue of notifications, until a NOTIFY of anybody's fails at
// its commit. The application's never does, since the trigger stops hinting at half; events arrive by reading the log.
func TestAFullNotifyQueueFailsNoInsertAndLosesNothing(t *testing.T) {
	t.Parallel()
	binDir, err := pgserver.Find(t.Context())
	must(t, err)
	if version := majorVersion(t, binDir); version < 17 {
		t.Skipf("PostgreSQL %d has a queue of 8 GB; from 17 on max_notify_queue_pages makes one that a test can fill: .ci/postgres-versions 18", version)
	}
	w := newWorld(t, setup{postgres: binDir, flags: []string{"--busy-rate", "0"}, settings: map[string]string{"max_notify_queue_pages": "64"}})
	w.flow(10)
	sitting := w.connect()
	_, err = sitting.Exec(w.ctx, `listen anything`)
	must(w, err)
	_, err = sitting.Exec(w.ctx, `begin`)
	must(w, err)
	w.until("it is more than half full", func() bool { return w.queueUsage() > 0.5 || w.fill(20) != nil })
	// Whoever hinted before that and stays open until it is full would fail: docs/guarantees.md.
	var half time.Time
	must(w, w.pool.QueryRow(w.ctx, `select clock_timestamp()`).Scan(&half))
	w.until("those that hinted before are over", func() bool {
		var n int
		must(w, w.pool.QueryRow(w.ctx, `select count(*) from pg_stat_activity where backend_xid is not null and xact_start < $1`, half).Scan(&n))
		return n == 0
	})
	w.until("somebody's NOTIFY fails", func() bool {
		var full *pgconn.PgError
		return errors.As(w.fill(20), &full) && strings.Contains(full.Message, "NOTIFY queue")
	})
	w.flow(20)
	doctor := func() (string, error) {
		out, err := exec.CommandContext(w.ctx, program, "doctor", "--database-url", w.url).CombinedOutput() //nolint:gosec // our own
		return string(out), err
	}
	if said, err := doctor(); err == nil || !strings.Contains(said, "queue of notifications") || !strings.Contains(said, "FAIL") {
		t.Errorf("doctor: %v\n%s", err, said)
	}
	if used := w.queueUsage(); used < 0.9 {
		t.Errorf("the queue is %.0f %% full only", 100*used)
	}
	must(w, sitting.Close(w.ctx))
	w.until("the queue is emptied", func() bool { return w.queueUsage() < 0.1 })
	for _, g := range w.gateways {
		w.awaitReady(g, func(status int, body string) bool { return status == 200 && strings.Contains(body, `"ready"`) })
	}
	w.flow(20)
	if _, failed := w.writers.Stop(); failed > 0 {
		t.Errorf("%d transactions of the application failed: %s", failed, w.writers.LastError())
	}
	w.settle()
	if resets := w.resets(); len(resets) > 0 {
		t.Errorf("resets: %v", resets)
	}
}

func (w *world) queueUsage() (used float64) {
	w.Helper()
	must(w, w.pool.QueryRow(w.ctx, `select pg_notification_queue_usage()`).Scan(&used))
	return used
}

// fill sends that many long notifications, which nobody waits for.
func (w *world) fill(n int) error {
	_, err := w.pool.Exec(w.ctx, `select pg_notify('filler', i || repeat('x', 1000)) from generate_series(1, $1) i`, n)
	return err
}

func majorVersion(t *testing.T, binDir string) (version int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(binDir, "postgres"), "--version").Output() //nolint:gosec // the server's own
	must(t, err)
	if _, err := fmt.Sscanf(string(out), "postgres (PostgreSQL) %d", &version); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return version
}
