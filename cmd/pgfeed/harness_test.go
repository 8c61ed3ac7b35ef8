package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// noLeaks fails the test when a goroutine that it started is left at its end. Call it first.
func noLeaks(t *testing.T) {
	t.Helper()
	storetest.Database(t) // starts the server that all tests share, which outlives this one
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		// goleak itself waits less than half a second for goroutines that are about to end.
		err := goleak.Find(before)
		for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); {
			err = goleak.Find(before)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// database is a migrated database of the test's own.
func database(t *testing.T) (url string, pool *pgxpool.Pool) {
	t.Helper()
	url = storetest.Database(t)
	return url, migrated(t, url)
}

func migrated(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	if _, err := migrateUp(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	pool, err := store.NewPool(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	exec(t, pool, `select pgfeed.create_roles()`)
	letGatewaysIn(t, pool)
	exec(t, pool, `grant pgfeed_gateway to `+gatewayLogin)
	return pool
}

// unmigrated is a database of the test's own that gateways can log in to, and nothing more.
func unmigrated(t *testing.T) (url string) {
	t.Helper()
	url = storetest.Database(t)
	pool, err := openPool(t, url)
	if err != nil {
		t.Fatal(err)
	}
	letGatewaysIn(t, pool)
	return url
}

// letGatewaysIn creates the role that gateways log in as. Roles are the server's, which tests share.
func letGatewaysIn(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	exec(t, pool, `
do $$
begin
    create role `+gatewayLogin+` login password '`+gatewayLogin+`';
exception when duplicate_object or unique_violation then
    null;
end
$$`)
}

// gatewayLogin is the role that gateways of tests log in as: it has the rights of pgfeed_gateway and no others.
const gatewayLogin = "pgfeed_test_gateway"

// asGateway is a database's URL with the gateway's role.
func asGateway(t *testing.T, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(gatewayLogin, gatewayLogin)
	return u.String()
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// insert adds an activity as an application would.
func insert(t *testing.T, pool *pgxpool.Pool, tenant, description string) {
	t.Helper()
	exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) values ($1, 'test', $2)`, tenant, description)
}

func session(t *testing.T, pool *pgxpool.Pool, tenant, user string) (token string) {
	t.Helper()
	token, err := store.NewSessions(pool).Create(t.Context(), tenant, user, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// testGateway is `pgfeed serve`, run in this process.
type testGateway struct {
	URL   string
	Admin string // empty without --admin-addr
	stop  func() int
	// logs is all that it has logged.
	logs func() string
}

// startGateway runs `pgfeed serve`, with the least rights, and waits until it listens; its database may be away.
func startGateway(t *testing.T, databaseURL string, flags ...string) *testGateway {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	logs, w := io.Pipe()
	exited := make(chan int, 1)
	databaseURL = asGateway(t, databaseURL)
	go func() {
		args := append([]string{"serve", "--database-url", databaseURL, "--http-addr", "127.0.0.1:0", "--admin-addr", "", "--drain-window", "100ms"}, flags...)
		exited <- run(ctx, args, streams{io.Discard, w})
		_ = w.Close()
	}()
	type addresses struct{ Msg, HTTP, Admin string }
	addr := make(chan addresses, 1)
	var said transcript
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			said.add(lines.Text())
			var line addresses
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				addr <- line
			}
		}
	}()
	stop := sync.OnceValue(func() int {
		cancel()
		code := <-exited
		<-drained
		return code
	})
	t.Cleanup(func() { stop() })
	select {
	case a := <-addr:
		return &testGateway{URL: "http://" + a.HTTP, Admin: "http://" + a.Admin, stop: stop, logs: said.String}
	case code := <-exited:
		exited <- code
		t.Fatalf("pgfeed serve ended with status %d", code)
		return nil
	}
}

// transcript keeps lines.
type transcript struct {
	mu    sync.Mutex
	lines []string
}

func (t *transcript) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// startReady is startGateway with a gateway that is ready, and whose listener hears.
func startReady(t *testing.T, databaseURL string, flags ...string) *testGateway {
	t.Helper()
	g := startGateway(t, databaseURL, flags...)
	g.await(t, func(status int, body string) bool {
		return status == http.StatusOK && strings.Contains(body, `"ready"`)
	})
	return g
}

// await asks for readiness until it is as wanted.
func (g *testGateway) await(t *testing.T, wanted func(status int, body string) bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		status, body := g.get(t, "/readyz", "")
		if wanted(status, body) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("readiness stays at %d %s", status, body)
		}
		time.Sleep(10 * time.Millisecond) // between two questions
	}
}

func (g *testGateway) stream(t *testing.T, token string, query ...string) *ssetest.Stream {
	t.Helper()
	s := ssetest.Open(t, g.URL+"/api/activity/stream"+strings.Join(query, ""), token)
	s.Until(t, "hello")
	return s
}

func (g *testGateway) get(t *testing.T, path, token string) (status int, body string) {
	t.Helper()
	return g.do(t, http.MethodGet, path, token)
}

func (g *testGateway) do(t *testing.T, method, path, token string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(content)
}

// decode is get of JSON that must succeed.
func decode[T any](t *testing.T, g *testGateway, path, token string) T {
	t.Helper()
	status, body := g.get(t, path, token)
	var v T
	if err := json.Unmarshal([]byte(body), &v); status != http.StatusOK || err != nil {
		t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return v
}

// command runs pgfeed with arguments and gives what it printed.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, streams{&out, &err})
	return code, out.String(), err.String()
}

func description(t *testing.T, e ssetest.Envelope) string {
	t.Helper()
	var row struct{ Description string }
	if err := json.Unmarshal(e.Data, &row); err != nil {
		t.Fatal(err)
	}
	return row.Description
}

func openPool(t *testing.T, url string) (*pgxpool.Pool, error) {
	t.Helper()
	pool, err := store.NewPool(url)
	if err == nil {
		t.Cleanup(pool.Close)
	}
	return pool, err
}
