package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Gateway is `pgfeed serve` as a process that can be killed, stopped and started again on the same addresses.
type Gateway struct {
	program string
	args    []string

	mu     sync.Mutex
	http   string // addresses, fixed by the first start
	admin  string
	run    *gatewayRun
	log    tail
	starts int
	died   error // it ended though nobody had asked it to
}

// gatewayRun is one life of the process. Its goroutine ends with it.
type gatewayRun struct {
	pid  int
	done chan struct{}
	err  error // read it after done
}

// StartGateway starts program, a pgfeed binary, on free ports and returns when it listens. Its database may be away.
func StartGateway(ctx context.Context, program, databaseURL string, flags ...string) (*Gateway, error) {
	g := &Gateway{
		program: program, http: "127.0.0.1:0", admin: "127.0.0.1:0",
		args: append([]string{"serve", "--database-url", databaseURL}, flags...),
	}
	return g, g.Start(ctx)
}

// Start starts a gateway that has ended. While it was down the system may have given one of its ports to somebody: until ctx ends, it
// may come free again.
func (g *Gateway) Start(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run != nil {
		return errors.New("the gateway runs")
	}
	for attempt := 0; ; attempt++ {
		err := g.start(ctx)
		if !errors.Is(err, errPortTaken) || attempt == 100 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond): // between two attempts
		}
	}
}

// errPortTaken says that somebody else has a gateway's port.
var errPortTaken = errors.New("since its port is taken")

// start needs the lock.
func (g *Gateway) start(ctx context.Context) error {
	logs, w := io.Pipe()
	cmd := exec.Command(g.program, append(g.args, "--http-addr", g.http, "--admin-addr", g.admin)...) //nolint:gosec,noctx // ended by signals
	cmd.Stderr = w
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1") // a race ends the process, which Stop and Kill report
	cmd.SysProcAttr = attributes()
	run := &gatewayRun{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel sends the parent-death signal when the thread that forked ends: keep it for as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			run.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			run.err = cmd.Wait()
			close(run.done)
		}
		_ = w.Close()
	}()
	type addresses struct{ Msg, HTTP, Admin string }
	serving := make(chan addresses, 1)
	taken, read := false, make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewReader(logs)
		for {
			line, err := lines.ReadBytes('\n')
			g.log.add(line)
			taken = taken || bytes.Contains(line, []byte("address already in use"))
			var a addresses
			if json.Unmarshal(line, &a) == nil && a.Msg == "serving" {
				serving <- a
			}
			if err != nil {
				return
			}
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start a gateway: %w", err)
	}
	select {
	case a := <-serving:
		g.http, g.admin, g.run = a.HTTP, a.Admin, run
		g.starts++
		return nil
	case <-run.done:
		<-read // the end, too
		if taken {
			return fmt.Errorf("the gateway ended at once, %w\n%s", errPortTaken, g.log.String())
		}
		return fmt.Errorf("the gateway ended at once: %w\n%s", run.err, g.log.String())
	case <-ctx.Done():
		_ = syscall.Kill(run.pid, syscall.SIGKILL)
		<-run.done
		return fmt.Errorf("start a gateway: %w", ctx.Err())
	}
}

// Addr is the host and port of its public address.
func (g *Gateway) Addr() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.http
}

// PID is the process's id, and how often it was started; 0 while it doesn't run.
func (g *Gateway) PID() (pid, starts int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run == nil {
		return 0, g.starts
	}
	return g.run.pid, g.starts
}

func (g *Gateway) signal(sig syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run != nil {
		_ = syscall.Kill(g.run.pid, sig) // it may have ended
	}
}

// Pause stops the process with SIGSTOP: its sockets stay open and nobody serves them.
func (g *Gateway) Pause() { g.signal(syscall.SIGSTOP) }

// Continue lets a paused process go on.
func (g *Gateway) Continue() { g.signal(syscall.SIGCONT) }

// Kill ends the process at once, as kill -9 does.
func (g *Gateway) Kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.run != nil {
		g.checkAlive()
		_ = syscall.Kill(g.run.pid, syscall.SIGKILL)
		<-g.run.done
		g.run = nil
	}
}

// checkAlive needs the lock.
func (g *Gateway) checkAlive() {
	select {
	case <-g.run.done:
		g.died = errors.Join(g.died, fmt.Errorf("the gateway ended by itself: %w\n%s", g.run.err, g.log.String()))
	default:
	}
}

// Stop ends the process with SIGTERM, which drains it; meanwhile it can be asked for its readiness, but not started. One that
// doesn't end with status 0 in time is an error, as is one that had ended by itself before Stop or Kill.
func (g *Gateway) Stop(ctx context.Context) error {
	g.mu.Lock()
	run := g.run
	if run != nil {
		g.checkAlive()
		g.run = nil
	}
	died := g.died
	g.mu.Unlock()
	if run == nil {
		return died
	}
	_ = syscall.Kill(run.pid, syscall.SIGTERM)
	select {
	case <-run.done:
		if run.err != nil && died == nil {
			return fmt.Errorf("the gateway ended badly: %w\n%s", run.err, g.log.String())
		}
		return died
	case <-ctx.Done():
		_ = syscall.Kill(run.pid, syscall.SIGKILL)
		<-run.done
		return fmt.Errorf("the gateway doesn't drain: %w\n%s", ctx.Err(), g.log.String())
	}
}

// Log is the end of what it has logged.
func (g *Gateway) Log() string { return g.log.String() }

// Ready asks for its readiness. The body says what is degraded.
func (g *Gateway) Ready(ctx context.Context) (status int, body string, err error) {
	return get(ctx, "http://"+g.Addr()+"/readyz", "")
}

// Metrics gives its metrics as text.
func (g *Gateway) Metrics(ctx context.Context) (string, error) {
	g.mu.Lock()
	admin := g.admin
	g.mu.Unlock()
	_, body, err := get(ctx, "http://"+admin+"/metrics", "")
	return body, err
}

// oneShot keeps no connections: those to a killed process would only be found broken.
var oneShot = &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}

func get(ctx context.Context, url, token string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := oneShot.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// tail keeps the end of a log.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 64 << 10

func (t *tail) add(line []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, line...)
	if over := len(t.kept) - tailBytes; over > tailBytes {
		t.kept = bytes.Clone(t.kept[over:])
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
