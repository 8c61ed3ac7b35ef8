package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestWrongUsageIsStatusTwoAndNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"serve", "--nonsense"}, []string{"--nonsense", "--help"}},
		{[]string{"serve"}, []string{"--database-url"}},
		{[]string{"frobnicate"}, []string{"frobnicate"}},
		{
			[]string{"serve", "--database-url", "mysql://x", "--http-addr", "8080", "--heartbeat", "0s", "--drain-window=-1s"},
			[]string{"--database-url", "--http-addr", "--heartbeat", "--drain-window"},
		},
		{
			[]string{"demo", "--database-url", "mysql://x", "--data-dir", "x", "--pace", "0s", "--drain-window=-1s", "--http-addr", "8080", "--admin-addr", "9090"},
			[]string{"--database-url", "--data-dir", "--pace", "--drain-window", "--http-addr", "--admin-addr"},
		},
		{[]string{"health", "--url", "nonsense", "--timeout", "0s"}, []string{"--url", "--timeout"}},
		{[]string{"session", "create", "--database-url", "postgres://h/d", "--tenant", "", "--user", "", "--ttl", "0s"}, []string{"--tenant", "--user", "--ttl"}},
		{[]string{"tail", "--database-url", "postgres://h/d", "--tenant", "", "--cursor", "nonsense"}, []string{"--tenant", "--cursor"}},
		{[]string{"tail", "--database-url", "postgres://h/d", "--tenant", "acme", "--topics", "activity,gossip"}, []string{"--topics", "gossip"}},
		{
			[]string{"attach", "t", "--database-url", "postgres://h/d", "--topic", "activity", "--tenant-column", "org", "--key-column", "nr"},
			[]string{"--key-column", "--read-column"},
		},
		{[]string{"tail", "--database-url", "postgres://h/d", "--tenant", "acme", "--cursor", ""}, []string{"--cursor"}},
		{[]string{"tail", "--database-url", "postgres://h/d", "--tenant", "acme", "--count=-1"}, []string{"--count"}},
		{[]string{"maintain", "--database-url", "postgres://h/d", "--retention", "1s", "--retention-size", "1"}, []string{"--retention ", "--retention-size"}},
		{[]string{"bench", "write", "--writers", "16,0", "--modes", "rows,columns"}, []string{"--writers", "--modes", "columns", "autocommit"}},
		{[]string{"bench", "latency", "--rates=-1", "--probes", "0"}, []string{"--rates", "--probes"}},
		{[]string{"bench", "fanout", "--size", "10", "--duration", "1ms"}, []string{"--size", "--duration"}},
		{[]string{"bench", "idle", "--subscribers", "0", "--tenants", "0"}, []string{"--subscribers", "--tenants"}},
		{[]string{"bench", "drain", "--gateways", "1", "--grace", "1s"}, []string{"--gateways", "--grace"}},
		{[]string{"bench", "replicas", "--gateways", "2,1", "--busy=-1"}, []string{"--gateways", "--busy"}},
		{[]string{"bench", "soak", "--faults", "earthquake", "--hop-every=-1s"}, []string{"--faults", "earthquake", "--hop-every"}},
		{[]string{"bench", "soak", "--database-url", "host=127.0.0.1 dbname=d"}, []string{"--database-url", "with a host"}},
		{[]string{"migrate", "up", "--database-url", "postgres://[x"}, []string{"--database-url"}},
		{[]string{"attach", "t", "--database-url", "postgres://h/d", "--topic", "gossip", "--tenant-column", "x"}, []string{"--topic", "activity"}},
	} {
		code, out, err := command(t, c.args...)
		if code != exitUsage || out != "" {
			t.Errorf("%q: status %d, stdout %q", c.args, code, out)
		}
		for _, says := range c.says {
			if !strings.Contains(err, says) {
				t.Errorf("%q: %q does not name %s", c.args, err, says)
			}
		}
	}
}

func TestAnUnreachableOrUnmigratedDatabaseIsStatusOneAndSaysWhatToDo(t *testing.T) {
	for url, says := range map[string]string{
		"postgres://127.0.0.1:1/none": "can't be reached",
		storetest.Database(t):         "pgfeed migrate up",
	} {
		code, _, err := command(t, "session", "list", "--database-url", url)
		if code != exitFailed || !strings.Contains(err, says) {
			t.Errorf("%s: status %d, %q", url, code, err)
		}
	}
}

func TestHelpTeaches(t *testing.T) {
	for _, c := range []string{"", "demo", "serve", "migrate", "attach", "detach", "session", "doctor", "tail", "health"} {
		args := append(strings.Fields(c), "--help")
		code, out, _ := command(t, args...)
		if code != 0 || len(out) < 200 {
			t.Errorf("%q: status %d, %q", args, code, out)
		}
	}
	_, out, _ := command(t, "serve", "--help")
	for _, says := range []string{"--http-addr", "PGFEED_HTTP_ADDR", ":8080"} {
		if !strings.Contains(out, says) {
			t.Errorf("serve --help doesn't say %s", says)
		}
	}
}

// A role called pgfeed has the schema pgfeed first in its search_path, from the moment that it exists.
func TestARoleNamedLikeTheSchemaMigratesOnce(t *testing.T) {
	for _, path := range []string{"pgfeed,public", "pgfeed"} {
		db := "--database-url=" + storetest.Database(t)
		db += map[bool]string{true: "&", false: "?"}[strings.Contains(db, "?")] + "search_path=" + path
		for _, says := range []string{"applied 00001_log.sql", "nothing to do"} {
			if code, out, err := command(t, "migrate", "up", db); code != 0 || !strings.Contains(out, says) {
				t.Errorf("%s: status %d, %q, %q", path, code, out, err)
			}
		}
		if code, _, err := command(t, "session", "list", db); code != 0 {
			t.Errorf("%s: status %d, %q", path, code, err)
		}
	}
}

// A pooler may be between --database-url and the database.
func TestAGatewayMigratesOverItsDirectConnection(t *testing.T) {
	url := unmigrated(t)
	startGateway(t, url, "--migrate", "--notify-database-url", url) // whose own role may not migrate
	if code, out, _ := command(t, "migrate", "status", "--database-url", url); code != 0 || strings.Contains(out, "missing") {
		t.Errorf("status %d, %s", code, out)
	}
}

func TestMigrateUpStatusAndDown(t *testing.T) {
	url := storetest.Database(t)
	db := "--database-url=" + url
	for _, step := range []struct{ command, says string }{
		{"status", "missing"},
		{"up", "applied 00001_log.sql"},
		{"up", "nothing to do"},
		{"status", "00005_sessions_and_roles.sql"},
		{"down", "took back 00005_sessions_and_roles.sql"},
		{"down", "took back 00004_reference_tables.sql"},
		{"down", "took back 00003_retention.sql"},
		{"down", "took back 00002_attach.sql"},
		{"down", "took back 00001_log.sql"},
		{"down", "nothing to do"},
		{"up", "applied 00005_sessions_and_roles.sql"},
	} {
		code, out, err := command(t, "migrate", step.command, db)
		if code != 0 || !strings.Contains(out, step.says) {
			t.Fatalf("migrate %s: status %d, %q %q, want %q", step.command, code, out, err, step.says)
		}
	}
}

func TestASessionFromTheCommandLineOpensAStreamUntilItIsRevoked(t *testing.T) {
	url, pool := database(t)
	db := "--database-url=" + url
	g := startReady(t, url)
	code, token, _ := command(t, "session", "create", db, "--tenant", "acme", "--user", "ada", "--ttl", "1h")
	if code != 0 || strings.Count(token, "\n") != 1 {
		t.Fatalf("status %d, %q", code, token)
	}
	token = strings.TrimSpace(token)
	s := g.stream(t, token)
	insert(t, pool, "acme", "hello")
	s.Event(t)
	if _, out, _ := command(t, "session", "list", db); !strings.Contains(out, `"acme"`) || strings.Contains(out, token) {
		t.Errorf("list: %q", out)
	}
	if code, out, err := command(t, "session", "revoke", db, token); code != 0 {
		t.Errorf("revoke: %d %q %q", code, out, err)
	}
	if code, _, _ := command(t, "session", "revoke", db, token); code != exitFailed {
		t.Errorf("revoked twice: %d", code)
	}
	s.Until(t, "bye") // until the gateway is told, it remembers the session for a moment
	if status, _ := g.get(t, "/api/activity", token); status != 401 {
		t.Errorf("a revoked session gets %d", status)
	}
}

func TestASessionToRevokeIsReadFromStdin(t *testing.T) {
	url, pool := database(t)
	token := session(t, pool, "acme", "ada")
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	for _, c := range []struct {
		stdin string
		code  int
		says  string
	}{{"", exitUsage, "no session on stdin"}, {" \n", exitUsage, "no session on stdin"}, {token + "\n", 0, ""}} {
		file := filepath.Join(t.TempDir(), "stdin")
		if err := os.WriteFile(file, []byte(c.stdin), 0o600); err != nil {
			t.Fatal(err)
		}
		opened, err := os.Open(file) //nolint:gosec // the test's own
		if err != nil {
			t.Fatal(err)
		}
		os.Stdin = opened
		code, _, stderr := command(t, "session", "revoke", "-", "--database-url", url)
		_ = opened.Close()
		if code != c.code || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "%!") {
			t.Errorf("%q: status %d, %q", c.stdin, code, stderr)
		}
	}
}

func TestDurationsInLogsHaveUnits(t *testing.T) {
	var out bytes.Buffer
	newLogger(&out, "info").Info("again", "in", 1500*time.Millisecond)
	if !strings.Contains(out.String(), `"in":"1.5s"`) {
		t.Error(out.String())
	}
}

func TestTailPrintsEventsAndGoesOnFromACursor(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	insert(t, pool, "acme", "before")
	cursor := decode[page](t, startReady(t, url), "/api/activity", session(t, pool, "acme", "ada")).Cursor
	insert(t, pool, "acme", "one")
	exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('acme', 'ada', 'for ada')`)
	insert(t, pool, "globex", "another's")
	insert(t, pool, "acme", "two")
	code, out, stderr := command(t, "tail", "--database-url", url, "--tenant", "acme", "--cursor", cursor, "--count", "2")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 || !strings.Contains(lines[0], `"one"`) || !strings.Contains(lines[1], `"for ada"`) {
		t.Fatalf("status %d, %q %q", code, out, stderr)
	}
	var last struct{ Cursor string }
	if err := json.Unmarshal([]byte(lines[1]), &last); err != nil {
		t.Fatal(err)
	}
	code, out, stderr = command(t, "tail", "--database-url", url, "--tenant", "acme", "--cursor", last.Cursor, "--count", "1")
	if code != 0 || !strings.Contains(out, `"two"`) {
		t.Errorf("status %d, %q %q", code, out, stderr)
	}
}

// Rows of one statement are read together: to stop amid them must not lose the rest.
func TestTailGoesOnAmidTheRowsOfAStatement(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	const rows = 10
	insertRows := func(statement int) {
		exec(t, pool, `insert into "activityLogs" ("tenantId", action) select 'acme', format('%s/%s', $1::int, n) from generate_series(1, $2) n`, statement, rows)
	}
	var out string
	ended := make(chan int)
	go func() {
		var code int
		code, out, _ = command(t, "tail", "--database-url", url, "--tenant", "acme", "--count", "3")
		ended <- code
	}()
	statement := 0
	for tailing := true; tailing; {
		select {
		case code := <-ended:
			if code != 0 {
				t.Fatalf("status %d, %q", code, out)
			}
			tailing = false
		case <-time.After(50 * time.Millisecond): // the next attempt
			statement++
			insertRows(statement)
		}
	}
	insertRows(statement + 1)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var last struct {
		Cursor string
		Data   struct{ Action string }
	}
	if err := json.Unmarshal([]byte(lines[2]), &last); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(last.Data.Action, "/")
	code, out, stderr := command(t, "tail", "--database-url", url, "--tenant", "acme", "--cursor", last.Cursor, "--count", fmt.Sprint(rows))
	for n := 4; n <= rows; n++ {
		if want := fmt.Sprintf("%q", fmt.Sprint(first, "/", n)); code != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %s in %q %q, from %q on", code, want, out, stderr, last.Cursor)
		}
	}
}

func TestAnyTableCanBeAttached(t *testing.T) {
	url, pool := database(t)
	db := "--database-url=" + url
	exec(t, pool, `create schema shop`)
	exec(t, pool, `create table shop."Orders" ("Org" text, buyer text, total int, "paidAt" date)`)
	for table, says := range map[string]string{
		`shop.orders`:     "there is no such table",
		`shop."Orders"`:   `no column "org"`,
		`shop."Orders" x`: "attach",
	} {
		if code, _, err := command(t, "attach", table, db, "--topic", "activity", "--tenant-column", "org"); code != exitFailed || !strings.Contains(err, says) {
			t.Errorf("attach %s: %d %q", table, code, err)
		}
	}
	if code, _, err := command(t, "attach", `shop."Orders"`, db, "--topic", "activity", "--tenant-column", "Org"); code != 0 {
		t.Fatalf("attach: %d %q", code, err)
	}
	g := startReady(t, url)
	s := g.stream(t, session(t, pool, "acme", "ada"))
	exec(t, pool, `insert into shop."Orders" values ('acme', 'ada', 7)`)
	if e := s.Event(t); !strings.Contains(string(e.Data), `"total":7`) {
		t.Errorf("got %s", e.Data)
	}
	read := []string{"attach", `shop."Orders"`, db, "--topic", "activity", "--tenant-column", "Org", "--read-column", "paidAt"}
	if code, _, err := command(t, read...); code != exitFailed || !strings.Contains(err, "--key-column") {
		t.Errorf("without a column id: %d %q", code, err)
	}
	if code, _, err := command(t, append(read, "--key-column", "total")...); code != 0 || !strings.Contains(err, `warning: pgfeed: key column "total" of table shop."Orders" has no unique index`) {
		t.Fatalf("attach with another key: %d %q", code, err)
	}
	exec(t, pool, `update shop."Orders" set "paidAt" = now()`)
	if e := s.Event(t); e.Event != "activity:read" {
		t.Errorf("got %+v", e)
	}
	if code, _, err := command(t, "detach", `shop."Orders"`, db); code != 0 {
		t.Fatalf("detach: %d %q", code, err)
	}
	if code, _, err := command(t, "detach", `shop."Orders"`, db); code != exitFailed || !strings.Contains(err, "not attached") {
		t.Errorf("detach twice: %d %q", code, err)
	}
	exec(t, pool, `insert into shop."Orders" values ('acme', 'ada', 8)`)
	insert(t, pool, "acme", "fence")
	if e := s.Event(t); description(t, e) != "fence" {
		t.Errorf("a detached table's row arrived: %s", e.Data)
	}
}

func TestATableThatIsInUseIsTriedAgain(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	for use, args := range map[string][]string{
		`insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`: {"detach", `"activityLogs"`},
		`select from sessions`: {"session", "watch", "--session-preset", "pgfeed"},
	} {
		user, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer user.Rollback(context.Background()) //nolint:errcheck // where the test has failed
		if _, err := user.Exec(t.Context(), use); err != nil {
			t.Fatal(err)
		}
		said, w := io.Pipe()
		ended := make(chan int, 1)
		go func() {
			ended <- run(t.Context(), append(args, "--database-url", url), streams{io.Discard, w})
			_ = w.Close()
		}()
		lines := bufio.NewScanner(said)
		if !lines.Scan() || !strings.Contains(lines.Text(), "trying again (2 of 5)") {
			t.Errorf("%s: it says %q", args, lines.Text())
		}
		if err := user.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			t.Logf("%s: it says %q", args, lines.Text())
		}
		if code := <-ended; code != 0 {
			t.Errorf("%s: status %d", args, code)
		}
	}
}

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	if code, out, _ := command(t, "version"); code != 0 || !strings.HasPrefix(out, "pgfeed ") {
		t.Errorf("status %d, %q", code, out)
	}
}

func TestSettingsComeFromTheEnvironmentAndAFile(t *testing.T) {
	url, _ := database(t)
	t.Setenv("PGFEED_DATABASE_URL", url)
	if code, _, err := command(t, "migrate", "status"); code != 0 {
		t.Errorf("from the environment: %d %q", code, err)
	}
	t.Setenv("PGFEED_DATABASE_URL", "")
	_ = os.Unsetenv("PGFEED_DATABASE_URL")
	write := func(text string) (file string) {
		t.Helper()
		file = filepath.Join(t.TempDir(), "pgfeed.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good := write("database-url: " + url + "\nheartbeat: 10s\n")
	if code, _, err := command(t, "migrate", "status", "--config", good); code != 0 {
		t.Errorf("from a file: %d %q", code, err)
	}
	if code, _, err := command(t, "serve", "--config", write("database-url: "+url+"\nhartbeat: 10s\n")); code != exitUsage || !strings.Contains(err, `"hartbeat"`) {
		t.Errorf("a misspelt setting: %d %q", code, err)
	}
	t.Setenv("PGFEED_DATABASE_URL", "postgres://127.0.0.1:1/none")
	if code, _, _ := command(t, "session", "list", "--config", good); code == 0 {
		t.Error("the file goes before the environment")
	}
	if code, _, err := command(t, "session", "list", "--config", good, "--database-url", url); code != 0 {
		t.Errorf("the command line does not go before the environment: %d %q", code, err)
	}
}
