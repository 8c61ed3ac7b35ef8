package faults_test

import (
	"cmp"
	"context"
	"log"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/pgserver"
)

// program is the pgfeed binary that the gateways run.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pgfeed-faults-")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "pgfeed")
	args := []string{"build", "-o", program}
	if raced {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "..")...).CombinedOutput(); err != nil { //nolint:noctx,gosec // the tests wait for it
		log.Printf("build pgfeed: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// patience bounds every wait of a test: it is for a machine that is busy, and no measure of anything.
const patience = 90 * time.Second

// setup is what a world consists of. The zero value is two gateways in front of a server of the test's own.
type setup struct {
	postgres string            // directory of the server's programs; "": the usual one
	settings map[string]string // of the server
	flags    []string          // of the gateways
	through  func(t *testing.T, url string) string
	// through gives the URL that gateways are given for the database's own, before a link is put in between; nil: that.
	apart    bool // LISTEN goes over links of its own
	gateways int
	quiet    bool // nobody writes but the test
	hopAfter int  // events, roughly, between two hops of a subscriber; 20
	long     bool // it takes long
}

// world is a server, gateways before it, subscribers and writers.
type world struct {
	*testing.T
	ctx     context.Context
	server  *pgserver.Server
	url     string // the database, directly
	through string // the same, as gateways see it before a link is put in between
	pool    *pgxpool.Pool
	network *faults.Network

	gateways []*faults.Gateway
	database []*faults.Link // from each gateway
	notify   []*faults.Link // from each gateway's listener; the same as database unless apart
	front    []*faults.Link // to each gateway

	balancer    *faults.Balancer
	subscribers []*faults.Subscriber
	writers     *faults.Writers
	config      faults.WritersConfig
}

var (
	tenants = []string{"acme", "globex", "initech"}
	users   = []string{"ada", "bob"}
)

// newWorld starts one. It ends with the test, which fails where a gateway doesn't end well.
func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	w := &world{T: t, ctx: t.Context(), server: startServer(t, s.postgres, s.settings), network: faults.NewNetwork()}
	t.Cleanup(w.network.Close)
	w.url = w.server.URL("postgres")
	w.migrate(w.url)
	w.pool = openPool(t, w.url)
	w.through = w.url
	if s.through != nil {
		w.through = s.through(t, w.url)
	}
	var addrs []string
	for range cmp.Or(s.gateways, 2) {
		database := w.link(w.through)
		notify := database
		flags := append([]string{"--heartbeat", "1s", "--drain-window", "200ms"}, s.flags...)
		if s.apart {
			notify = w.link(w.through)
			flags = append(flags, "--notify-database-url", at(w.through, notify.Addr()))
		}
		g, err := faults.StartGateway(t.Context(), program, at(w.through, database.Addr()), flags...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			g.Continue()
			if err := g.Stop(ctx); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("a gateway's log ends with:\n%s", last(g.Log(), 3000))
			}
		})
		front, err := w.network.Link(g.Addr())
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, front.Addr())
		w.gateways, w.database = append(w.gateways, g), append(w.database, database)
		w.notify, w.front = append(w.notify, notify), append(w.front, front)
	}
	for _, g := range w.gateways {
		w.awaitReady(g, func(status int, _ string) bool { return status == 200 })
	}
	w.balancer = faults.NewBalancer(addrs)
	w.subscribe(cmp.Or(s.hopAfter, 20))
	w.config = faults.WritersConfig{URL: w.through + "&default_query_exec_mode=exec", Writers: 3, Every: 15 * time.Millisecond, Tenants: tenants, Users: users}
	if !s.quiet {
		w.write()
	}
	return w
}

// subscribe adds one for every tenant and user, and waits until all are connected.
func (w *world) subscribe(hopAfter int) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	w.Cleanup(func() { cancel(); wg.Wait() })
	for _, tenant := range tenants {
		for _, user := range users {
			s := faults.NewSubscriber(faults.SubscriberConfig{
				Tenant: tenant, User: user, Token: w.session(tenant, user), Pick: w.balancer.Pick, HopAfter: hopAfter, Retry: 100 * time.Millisecond,
			}, "")
			wg.Go(func() { s.Run(ctx) })
			w.subscribers = append(w.subscribers, s)
		}
	}
	for _, s := range w.subscribers {
		w.await(s, func(stats faults.SubscriberStats, _ int64) bool { return stats.Opened > 0 })
	}
}

func (w *world) write() {
	w.writers = faults.StartWriters(context.WithoutCancel(w.ctx), w.config)
	w.Cleanup(func() { w.writers.Stop() })
}

func (w *world) await(s *faults.Subscriber, done func(faults.SubscriberStats, int64) bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := s.Await(ctx, done); err != nil {
		w.Fatalf("%v; writers: %s", err, w.writers.LastError())
	}
}

// flow waits until every subscriber has got that many rows more.
func (w *world) flow(more int64) {
	w.Helper()
	var goals []int64
	for _, s := range w.subscribers {
		_, number := s.Stats()
		goals = append(goals, number+more)
	}
	for i, s := range w.subscribers {
		w.await(s, func(_ faults.SubscriberStats, number int64) bool { return number >= goals[i] })
	}
}

// commits waits until writers have committed that many transactions more.
func (w *world) commits(more int64) {
	w.Helper()
	goal := w.writers.Committed() + more
	w.until("the writers go on", func() bool { return w.writers.Committed() >= goal })
}

// until asks again and again until something is so.
func (w *world) until(what string, so func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) { // between two questions
		if time.Now().After(deadline) {
			w.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func (w *world) awaitReady(g *faults.Gateway, wanted func(status int, body string) bool) {
	w.Helper()
	var status int
	var body string
	w.until("readiness", func() bool {
		var err error
		if status, body, err = g.Ready(w.ctx); err != nil {
			status, body = 0, err.Error()
		}
		if wanted(status, body) {
			return true
		}
		return false
	})
}

// metric is a figure of a gateway, by its name and labels.
func (w *world) metric(g *faults.Gateway, name string) (value float64) {
	w.Helper()
	text, err := g.Metrics(w.ctx)
	must(w, err)
	for line := range strings.Lines(text) {
		if figure, found := strings.CutPrefix(line, name+" "); found {
			if value, err = strconv.ParseFloat(strings.TrimSpace(figure), 64); err != nil {
				w.Fatal(err)
			}
			return value
		}
	}
	w.Fatalf("there is no %s", name)
	return 0
}

// metrics is the sum over all gateways.
func (w *world) metrics(name string) (sum float64) {
	w.Helper()
	for _, g := range w.gateways {
		sum += w.metric(g, name)
	}
	return sum
}

// settle ends the writers and compares: every subscriber must have exactly what was committed.
func (w *world) settle() {
	w.Helper()
	if w.writers != nil {
		committed, failed := w.writers.Stop()
		w.Logf("%d transactions committed, %d failed (%s)", committed, failed, w.writers.LastError())
	}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	// A fence each: what came twice would have come before it.
	for _, tenant := range tenants {
		w.insert(tenant, "fence", 1)
	}
	truth, err := faults.ReadTruth(ctx, w.url, tenants)
	if err != nil {
		w.Fatal(err)
	}
	all, err := faults.Compare(ctx, truth, w.subscribers)
	if err != nil {
		w.Error(err)
	}
	var hops, losses, failed int
	for _, s := range w.subscribers {
		stats, _ := s.Stats()
		hops, losses, failed = hops+stats.Hops, losses+stats.Losses, failed+stats.Failed
	}
	w.Logf("%d rows, %d expected by subscribers, %d missing, %d doubled, %d dropped as duplicates; %d hops, %d losses, %d failed attempts",
		truth.Rows(), all.Expected, all.Missing, all.Doubled, all.Again, hops, losses, failed)
}

// resets gives how many resets there were, by reason.
func (w *world) resets() map[string]int {
	sum := map[string]int{}
	for _, s := range w.subscribers {
		stats, _ := s.Stats()
		for reason, n := range stats.Resets {
			sum[reason] += n
		}
	}
	return sum
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	if _, err := w.pool.Exec(w.ctx, sql, args...); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) insert(tenant, description string, rows int) {
	w.Helper()
	w.exec(`insert into "activityLogs" ("tenantId", action, description) select $1, 'test', $2 from generate_series(1, $3::int)`,
		tenant, description, rows)
}

func (w *world) session(tenant, user string) string {
	w.Helper()
	token, err := store.NewSessions(w.pool).Create(w.ctx, tenant, user, time.Hour)
	if err != nil {
		w.Fatal(err)
	}
	return token
}

// migrate is `pgfeed migrate up`.
func (w *world) migrate(url string) {
	w.Helper()
	out, err := exec.CommandContext(w.ctx, program, "migrate", "up", "--database-url", url).CombinedOutput() //nolint:gosec // our own
	if err != nil {
		w.Fatalf("migrate: %v\n%s", err, out)
	}
}

// link is a link to the server that a database URL names.
func (w *world) link(databaseURL string) *faults.Link {
	w.Helper()
	l, err := w.network.Link(hostOf(databaseURL))
	if err != nil {
		w.Fatal(err)
	}
	return l
}

// at is a database URL with another host and port.
func at(databaseURL, addr string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic(err) // our own
	}
	u.Host = addr
	return u.String()
}

// hostOf is the host and port of a database URL.
func hostOf(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic(err) // our own
	}
	return u.Host
}

func startServer(t *testing.T, binDir string, settings map[string]string) *pgserver.Server {
	t.Helper()
	// Servers are stopped the hard way, machines aren't: what was written survives without fsync.
	all := map[string]string{"fsync": "off", "max_connections": "200"}
	maps.Copy(all, settings)
	server, err := pgserver.Open(t.Context(), pgserver.Options{BinDir: binDir, Settings: all})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return server
}

func openPool(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := store.NewPool(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func last(text string, n int) string {
	if len(text) > n {
		text = text[len(text)-n:]
	}
	return strings.TrimSpace(text)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// crash stops the server as a power cut would, and starts it again.
func (w *world) crash() {
	w.Helper()
	must(w, w.server.Crash())
	must(w, w.server.Restart(w.ctx))
}
