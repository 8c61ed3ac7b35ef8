package pgserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/store/pgserver"
)

// envHelper makes the test binary start a server, print where it is, and wait to be killed.
const envHelper = "PGSERVER_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(envHelper) != "" {
		server, err := pgserver.Start(context.Background(), pgserver.Options{Settings: fast()})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(server.DataDir())
		select {}
	}
	os.Exit(m.Run())
}

func TestATemporaryServerAnswersAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	server := start(t, pgserver.Options{Settings: fast()})
	if got := query(t, server, "select current_setting('fsync') || ' ' || current_setting('server_encoding')"); got != "off UTF8" {
		t.Errorf("fsync and encoding are %q, want off UTF8", got)
	}
	if got := query(t, server, "select datcollate::text from pg_database where datname = 'postgres'"); got != "C" {
		t.Errorf("the locale is %q, want C", got)
	}
	stop(t, server)
	if _, err := os.Stat(filepath.Dir(server.DataDir())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory is still there (%v)", err)
	}
	stop(t, server) // a second time does nothing
	if err := server.Restart(t.Context()); err == nil {
		t.Error("a server whose data directory is gone restarted")
	}
}

func TestTheServerListensOnLoopbackAlone(t *testing.T) {
	t.Parallel()
	server := start(t, pgserver.Options{Settings: map[string]string{"fsync": "off", "listen_addresses": "*"}})
	if got := query(t, server, "select current_setting('listen_addresses') || '|' || current_setting('unix_socket_directories')"); got != "127.0.0.1|" {
		t.Errorf("the server listens on %q, want 127.0.0.1 and no socket", got)
	}
	if got := query(t, server, `select string_agg(distinct coalesce(address, type), ' ' order by coalesce(address, type))
		from pg_hba_file_rules`); got != "127.0.0.1 ::1 local" {
		t.Errorf("pg_hba.conf admits %q, want loopback alone", got)
	}
}

func TestDataSurvivesStopAndStart(t *testing.T) {
	t.Parallel()
	opts := pgserver.Options{DataDir: filepath.Join(openDir(t), "new", "data"), Settings: fast()}
	first := start(t, opts)
	execute(t, first, "create table kept as select 1 as id")
	stop(t, first)
	second := start(t, opts)
	if got := query(t, second, "select count(*)::text from kept"); got != "1" {
		t.Errorf("%s rows survived, want 1", got)
	}
}

func TestCommittedDataSurvivesACrash(t *testing.T) {
	t.Parallel()
	server := start(t, pgserver.Options{Settings: fast()})
	url := server.URL("postgres")
	execute(t, server, "create table kept as select 1 as id")
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("the crashed server answers")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if server.URL("postgres") != url {
		t.Errorf("the URL changed from %s to %s", url, server.URL("postgres"))
	}
	if got := query(t, server, "select count(*)::text from kept"); got != "1" {
		t.Errorf("%s rows survived, want 1", got)
	}
	if err := server.Restart(t.Context()); err != nil { // while it runs
		t.Fatal(err)
	}
	query(t, server, "select ''")
}

func TestAServerKilledOutrightStartsAgainAtOnce(t *testing.T) {
	t.Parallel()
	opts := pgserver.Options{DataDir: filepath.Join(openDir(t), "data"), Settings: fast()}
	first := start(t, opts)
	// A backend that is busy takes a moment longer to notice that its server has gone.
	busy, err := pgx.Connect(t.Context(), first.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close(context.Background()) }()
	if err := syscall.Kill(lockHolder(t, opts.DataDir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := start(t, opts)
	query(t, second, "select ''")
}

func TestALockFileWhoseNumberIsSomebodyElsesIsRemoved(t *testing.T) {
	t.Parallel()
	opts := pgserver.Options{DataDir: filepath.Join(openDir(t), "data"), Settings: fast()}
	stop(t, start(t, opts))
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	lock := fmt.Sprintf("%d\n%s\n1700000000\n5432\n\n127.0.0.1\n", other.Process.Pid, opts.DataDir)
	if err := os.WriteFile(filepath.Join(opts.DataDir, "postmaster.pid"), []byte(lock), 0o644); err != nil {
		t.Fatal(err)
	}
	query(t, start(t, opts), "select ''")
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	t.Parallel()
	opts := pgserver.Options{DataDir: filepath.Join(openDir(t), "data"), Settings: fast()}
	first := start(t, opts)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := pgserver.Start(ctx, opts); !errors.Is(err, pgserver.ErrInUse) {
		t.Errorf("a second start gave %v, want ErrInUse", err)
	}
	query(t, first, "select ''")
}

func TestATakenPortIsRefused(t *testing.T) {
	t.Parallel()
	first := start(t, pgserver.Options{Settings: fast()})
	_, err := pgserver.Start(t.Context(), pgserver.Options{Port: first.Port(), Settings: fast()})
	if err == nil || !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("a start on a taken port gave %v, want what the server says", err)
	}
}

func TestADirectoryOfOtherThingsIsRefused(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	file := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(file, []byte("all of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Start() = %v, want an error that names %s", err, dir)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestADirectoryThatTheServersUserCannotReachIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another user")
	}
	closed := filepath.Join(openDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: filepath.Join(closed, "data")})
	if err == nil || !strings.Contains(err.Error(), closed+" (drwx------)") {
		t.Errorf("Start() = %v, want an error that names %s", err, closed)
	}
}

func TestAWrongSettingSaysWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	_, err := pgserver.Start(t.Context(), pgserver.Options{Settings: map[string]string{"fsync": "off", "no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("Start() = %v, want the server's own message", err)
	}
}

func TestStopGivesUpWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	server := start(t, pgserver.Options{Settings: fast()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Stop() = %v, want context.Canceled or, were the server faster, nothing", err)
	}
	if _, err := pgx.Connect(t.Context(), server.URL("postgres")); err == nil {
		t.Error("the server still answers")
	}
}

func TestAServerDoesNotOutliveAKilledProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child that its parent has died")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	helper := exec.Command(self)
	helper.Env = append(os.Environ(), envHelper+"=1")
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dataDir := strings.TrimSpace(line)
	pid := lockHolder(t, dataDir)
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	eventually(t, "the server ends", func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		return err != nil || strings.Contains(string(status), "State:\tZ")
	})
	eventually(t, "its temporary directory goes", func() bool {
		_, err := os.Stat(filepath.Dir(dataDir))
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestTheServersLogIsPassedOn(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	lines := bufio.NewScanner(r)
	server := start(t, pgserver.Options{Settings: fast(), Log: w})
	execute(t, server, "do $$ begin raise log 'hello from the database'; end $$")
	stop(t, server)
	_ = w.Close()
	for lines.Scan() {
		if strings.Contains(lines.Text(), "hello from the database") {
			return
		}
	}
	t.Error("the log line didn't arrive")
}

func fast() map[string]string { return map[string]string{"fsync": "off", "shared_buffers": "16MB"} }

func start(t *testing.T, opts pgserver.Options) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port())))
	if err != nil {
		t.Fatalf("Start returned before the server listens: %v", err)
	}
	_ = conn.Close()
	return server
}

func stop(t *testing.T, server *pgserver.Server) {
	t.Helper()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func query(t *testing.T, server *pgserver.Server, sql string) (text string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func execute(t *testing.T, server *pgserver.Server, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// openDir is a temporary directory that the server's user may pass, unlike t.TempDir's.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lockHolder is the number of the server's process.
func lockHolder(t *testing.T, dataDir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eventually polls what no one can signal, since the process that could was killed.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
