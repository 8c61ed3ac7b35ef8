package proxytest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/programtest"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(programtest.Run(m, &pgfeed, storetest.Run)) }

// pgfeed is the program, as it is here.
var pgfeed string

// world is a migrated database.
type world struct {
	url  string
	pool *pgxpool.Pool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{url: storetest.Database(t)}
	storetest.Migrate(t, w.url)
	var err error
	if w.pool, err = store.NewPool(w.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pool.Close)
	return w
}

// gateway starts one without limits on how fast streams come, nor on how many its one user has: one that is closed counts until the
// gateway has heard of it through the proxy. It is stopped when the test ends.
func (w *world) gateway(t *testing.T, flags ...string) *faults.Gateway {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g, err := faults.StartGateway(ctx, pgfeed, w.url, append([]string{"--max-connects=0", "--max-connects-per-address=0", "--max-streams-per-user=0"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	await(t, "a gateway", func() error {
		status, body, err := g.Ready(t.Context())
		if err == nil && status != 200 {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	return g
}

// pair starts two gateways of the same kind.
func (w *world) pair(t *testing.T, flags ...string) ([2]*faults.Gateway, [2]string) {
	t.Helper()
	g := [2]*faults.Gateway{w.gateway(t, flags...), w.gateway(t, flags...)}
	return g, [2]string{g[0].Addr(), g[1].Addr()}
}

// session makes a token of a user of acme.
func (w *world) session(t *testing.T) (token string) {
	t.Helper()
	token, err := store.NewSessions(w.pool).Create(t.Context(), "acme", "ada", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// insert makes an event for acme.
func (w *world) insert(t *testing.T, description string) {
	t.Helper()
	_, err := w.pool.Exec(t.Context(), `insert into "activityLogs" ("tenantId", action, description) values ('acme', 'test', $1)`, description)
	if err != nil {
		t.Fatal(err)
	}
}

// connections is how many streams a gateway has.
func connections(t *testing.T, g *faults.Gateway) int {
	t.Helper()
	text, err := g.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^pgfeed_connections(?:\{[^}]*\})? (\d+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no pgfeed_connections in\n%s", text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
