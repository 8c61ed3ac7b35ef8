// Package docs holds the documentation. Its tests run the commands that it shows and follow its links.
package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// fences gives the code blocks of a language in a Markdown file.
func fences(t *testing.T, file, language string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no blocks of %s", file, language)
	}
	return blocks
}

// The parts that a script starts with: what is started in the background ends with it, and waiting has a limit.
const prelude = `set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
within() { local n; for ((n = 0; n < 1200; n++)); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.1; done; echo "never succeeds: $*" >&2; return 1; }
`

// script is what a reader would type, with the addresses replaced and waiting added where a reader would look first.
func script(t *testing.T, blocks []string, port int, stream string) string {
	t.Helper()
	out := prelude
	for line := range strings.Lines(strings.Join(blocks, "")) {
		line = strings.TrimRight(line, "\n")
		command, _, _ := strings.Cut(line, "   #")
		command = strings.TrimSpace(command)
		switch {
		case strings.HasPrefix(command, "go install "):
			if command != "go install github.com/pgfeed/pgfeed/cmd/pgfeed@latest" {
				t.Errorf("what does this install? %s", command)
			}
			continue // the test's own build is in PATH
		case strings.HasPrefix(command, "export PGFEED_DATABASE_URL="):
			continue // the test has set it
		case strings.HasPrefix(command, "make "):
			command = "make -n -C .. " + strings.TrimPrefix(command, "make ") + " >/dev/null" // CI runs the target itself
		case strings.HasPrefix(command, "docker "), strings.HasPrefix(command, "pgfeed demo"):
			t.Logf("tested elsewhere: %s", command)
			continue
		case strings.HasPrefix(command, "pgfeed serve"):
			command = strings.TrimSuffix(command, "&") + fmt.Sprintf(" &\nwithin curl -fs localhost:%d/readyz", port)
		case strings.HasPrefix(command, "curl") && strings.HasSuffix(command, "&"):
			command = strings.TrimSuffix(command, "&") + fmt.Sprintf(" >%q &\nwithin grep -q 'event: hello' %q", stream, stream)
		}
		out += strings.ReplaceAll(command, "localhost:8080", "localhost:"+strconv.Itoa(port)) + "\n"
	}
	return out
}

func TestTheCommandsShownWork(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "pgfeed"), "../cmd/pgfeed")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for file, c := range map[string]struct {
		before  string   // what a reader is assumed to have
		streams []string // what the stream must carry at the end
		prints  []string
	}{
		"../README.md": {
			before:  `create table orders (id int, customer_id text)`,
			streams: []string{"event: activity:new", `"description":"hello"`},
		},
		"quickstart.md": {
			before:  `select 1`,
			streams: []string{`"total":99.50`, "event: notification:new", "Invoice paid"},
			prints:  []string{"applied 00001_log.sql", "attached invoices", `"total":1.20`, "ok    listen"},
		},
	} {
		t.Run(file, func(t *testing.T) {
			url := storetest.Database(t)
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background()) //nolint:errcheck // the test's own
			if _, err := conn.Exec(t.Context(), c.before); err != nil {
				t.Fatal(err)
			}
			port, err := faults.FreePort(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			stream := filepath.Join(t.TempDir(), "stream")
			text := script(t, fences(t, file, "sh"), port, stream)
			for _, s := range c.streams {
				text += fmt.Sprintf("within grep -qF %q %q\n", s, stream)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			bash := exec.CommandContext(ctx, "bash", "-c", text)
			bash.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PGFEED_DATABASE_URL="+url,
				fmt.Sprintf("PGFEED_HTTP_ADDR=127.0.0.1:%d", port), "PGFEED_ADMIN_ADDR=127.0.0.1:0", "PGFEED_DRAIN_WINDOW=0s")
			bash.WaitDelay = time.Minute
			out, err := bash.CombinedOutput()
			if err != nil {
				carried, _ := os.ReadFile(stream)
				t.Fatalf("%v\n%s\nthe stream:\n%s\nthe script:\n%s", err, out, carried, text)
			}
			for _, s := range c.prints {
				if !strings.Contains(string(out), s) {
					t.Errorf("nothing printed %q:\n%s", s, out)
				}
			}
			if carried, _ := os.ReadFile(stream); strings.Contains(string(carried), "globex") {
				t.Errorf("another tenant's event:\n%s", carried)
			}
		})
	}
}

func TestTheSQLShownWorks(t *testing.T) {
	url := storetest.Database(t)
	storetest.Migrate(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // the test's own
	for _, block := range fences(t, "add-to-your-app.md", "sql") {
		if _, err := conn.PgConn().Exec(t.Context(), block).ReadAll(); err != nil {
			t.Errorf("%v:\n%s", err, block)
		}
	}
}
