package faults_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/store/pgserver"
)

// A standby is promoted that lacks the newest transactions; gateways go over to it by the same address.
func TestAPromotedStandbyThatLacksTransactionsIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{quiet: true, settings: map[string]string{"wal_level": "replica", "max_wal_senders": "4"}})
	upstream, err := w.network.Link(hostOf(w.url))
	must(w, err)
	standby := w.standby(upstream.Addr())
	for _, tenant := range tenants {
		w.insert(tenant, "on both", 5)
	}
	w.received(5)
	behind := openPool(t, standby.URL("postgres"))
	w.until("the standby has all", func() bool {
		var n int
		return behind.QueryRow(w.ctx, `select count(*) from "activityLogs"`).Scan(&n) == nil && n == 5*len(tenants)
	})
	upstream.Cut()
	for _, tenant := range tenants {
		w.insert(tenant, "on the primary alone", 5)
	}
	w.received(10)
	must(w, w.server.Crash())
	_, err = behind.Exec(w.ctx, `select pg_promote(true, 60)`)
	must(w, err)
	w.goTo(standby.URL("postgres"))
	w.allReset("epoch")
	for _, tenant := range tenants {
		w.insert(tenant, "after the promotion", 3)
	}
	w.settle()
}

// A dump is restored into another server; gateways go over to it by the same address.
func TestARestoredDumpIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{quiet: true})
	dump := w.outdatedDump()
	other := startServer(t, "", nil)
	w.restore(dump, other.URL("postgres"))
	must(w, w.server.Crash())
	w.goTo(other.URL("postgres"))
	w.allReset("epoch")
	for _, tenant := range tenants {
		w.insert(tenant, "after the restore", 3)
	}
	w.settle()
}

// Neither the server nor a gateway is started anew.
func TestADumpRestoredUnderRunningGatewaysIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{quiet: true})
	w.restore(w.outdatedDump("--clean"), w.url, "-1")
	w.allReset("epoch")
	for _, tenant := range tenants {
		w.insert(tenant, "after the restore", 30)
	}
	w.settle()
}

// outdatedDump has every tenant's first five rows, of the ten that all subscribers have received.
func (w *world) outdatedDump(flags ...string) []byte {
	w.Helper()
	for _, tenant := range tenants {
		w.insert(tenant, "in the dump", 5)
	}
	w.received(5)
	dump := w.output(exec.CommandContext(w.ctx, filepath.Join(w.server.BinDir(), "pg_dump"), append(flags, w.url)...)) //nolint:gosec // our own
	for _, tenant := range tenants {
		w.insert(tenant, "not in the dump", 5)
	}
	w.received(10)
	return dump
}

func (w *world) restore(dump []byte, url string, flags ...string) {
	w.Helper()
	psql := exec.CommandContext(w.ctx, filepath.Join(w.server.BinDir(), "psql"), append([]string{"-q", "-v", "ON_ERROR_STOP=1", url}, flags...)...) //nolint:gosec // our own
	psql.Stdin = bytes.NewReader(dump)
	w.output(psql)
}

// received waits until every subscriber has that many rows.
func (w *world) received(rows int64) {
	w.Helper()
	for _, s := range w.subscribers {
		w.await(s, func(_ faults.SubscriberStats, number int64) bool { return number >= rows })
	}
}

// allReset waits until every subscriber has been reset, and makes sure of the reason.
func (w *world) allReset(reason string) {
	w.Helper()
	for _, s := range w.subscribers {
		w.await(s, func(stats faults.SubscriberStats, _ int64) bool { return len(stats.Resets) > 0 })
		if stats, _ := s.Stats(); stats.Resets[reason] == 0 {
			w.Errorf("resets %v, want %q", stats.Resets, reason)
		}
	}
}

// goTo leads everybody to another server.
func (w *world) goTo(url string) {
	w.Helper()
	w.url, w.pool = url, openPool(w.T, url)
	for i := range w.gateways {
		must(w, w.database[i].Lead(hostOf(url)))
		must(w, w.notify[i].Lead(hostOf(url)))
	}
}

// standby streams from the server through an address.
func (w *world) standby(addr string) *pgserver.Server {
	w.Helper()
	dir, err := os.MkdirTemp("", "pgfeed-standby-")
	must(w, err)
	w.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(w, os.Chmod(dir, 0o755)) //nolint:gosec // the server's user must be able to pass
	data := filepath.Join(dir, "data")
	from := strings.TrimSuffix(at(w.url, addr), "/postgres?sslmode=disable") + "/?sslmode=disable"
	w.output(exec.CommandContext(w.ctx, filepath.Join(w.server.BinDir(), "pg_basebackup"), "-D", data, "-R", "-c", "fast", "-X", "stream", "-d", from)) //nolint:gosec // our own
	server, err := pgserver.Open(w.ctx, pgserver.Options{
		BinDir: w.server.BinDir(), DataDir: data, Settings: map[string]string{"fsync": "off", "max_connections": "200", "max_wal_senders": "4", "hot_standby": "on"},
	})
	must(w, err)
	w.Cleanup(func() { _ = server.Stop(context.WithoutCancel(w.ctx)) })
	return server
}

// output runs a command that must succeed.
func (w *world) output(cmd *exec.Cmd) []byte {
	w.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Writer(&stdout), &stderr
	if err := cmd.Run(); err != nil {
		w.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	return stdout.Bytes()
}
