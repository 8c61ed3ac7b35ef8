package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PoolMode is when PgBouncer gives a server connection to another client.
type PoolMode string

// The modes.
const (
	PoolSession     PoolMode = "session"
	PoolTransaction PoolMode = "transaction"
)

const poolerWait = 30 * time.Second

// PgBouncer starts a PgBouncer in front of the database, and returns the connection string through it. It ends with the
// test. Where the program isn't installed the test fails: .ci/setup pgbouncer installs it.
func PgBouncer(t testing.TB, databaseURL string, mode PoolMode) (url string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !isFile(program) { // where Debian puts it, and few have in PATH
			t.Fatal("pgbouncer is not installed: run .ci/setup pgbouncer")
		}
	}
	target, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	password := ""
	if target.Password != "" { // PgBouncer takes no empty one
		password = " password='" + target.Password + "'"
	}
	settings := fmt.Sprintf(`[databases]
* = host='%s' port=%d user='%s'%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = %s
ignore_startup_parameters = extra_float_digits
`, target.Host, target.Port, target.User, password, port, mode)
	if os.Getuid() == 0 {
		settings += "user = nobody\n" // it refuses to run as root
	}
	file := filepath.Join(t.TempDir(), "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	var output lockedBuffer
	supervise(t, program, file, &output)
	url = "postgres://postgres@" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + "/" + target.Database + "?sslmode=disable"
	deadline := time.Now().Add(poolerWait)
	for {
		err := execute(url+"&default_query_exec_mode=simple_protocol", "select 1")
		if err == nil {
			return url
		}
		if time.Now().After(deadline) {
			t.Fatalf("PgBouncer doesn't answer: %v\n%s", err, output.String())
		}
		select {
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		case <-time.After(20 * time.Millisecond): // between two attempts
		}
	}
}

// supervise runs a program until the test ends, and starts it again when it ends before, as a service manager does: PgBouncer
// 1.18 has ended by itself on a busy machine.
func supervise(t testing.TB, program, file string, output io.Writer) {
	t.Helper()
	start := func(ctx context.Context) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, program, file) //nolint:gosec // the caller's
		cmd.Stdout, cmd.Stderr = output, output
		return cmd, cmd.Start()
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd, err := start(ctx)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			err := cmd.Wait()
			if ctx.Err() != nil {
				return
			}
			fmt.Fprintf(os.Stderr, "%s ended (%v) and is started again; its last words:\n%v", program, err, output) //nolint:errcheck // for who reads it
			if cmd, err = start(ctx); err != nil {
				return // the test will find nobody there
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// lockedBuffer is written by a process and read by the test.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
