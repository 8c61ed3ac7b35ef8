package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
	"github.com/pgfeed/pgfeed/store"
)

// Names that are nearly others: prefixes, case, look-alikes, separators of ours, quotes, line breaks, and too long for a channel.
func lookAlikes() []string {
	long := strings.Repeat("n", 300)
	return []string{
		"acme", "acm", "acme1", "Acme", "ACME", "аcme" /* Cyrillic а */, "acme\u200b", "acme ", " acme", "acme\n", "acme\r\nid: 1", "acme:ada", "acme\u2028",
		"ac\u0301me", "ácme", "a\u0301cme", "pgfeed:acme", "pgfeed#acme", `ac"me`, "ac'me", `ac\me`, "acme;--", "%", "_", "null", "undefined", "*",
		long, long + "x", long[:299], long[:56], long[:57],
	}
}

func TestNamesThatAreNearlyOthersAreOthers(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	names := lookAlikes()
	streams := map[[2]string]*ssetest.Stream{}
	for i, name := range names {
		// As a tenant with the user "u", and as a user of the tenant "t".
		for _, who := range [][2]string{{name, "u"}, {"t", name}} {
			streams[who] = g.stream(t, session(t, pool, who[0], who[1]))
		}
		if i > 0 && streams[[2]string{name, "u"}] == streams[[2]string{names[i-1], "u"}] {
			t.Fatalf("%q twice", name)
		}
	}
	for _, name := range names {
		insert(t, pool, name, "tenant "+name)
		exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('t', $1, 'user ' || $1)`, name)
	}
	for _, name := range names {
		if got := description(t, streams[[2]string{name, "u"}].Event(t)); got != "tenant "+name {
			t.Errorf("tenant %.20q got %.40q", name, got)
		}
		var row struct{ Title string }
		e := streams[[2]string{"t", name}].Event(t)
		if err := json.Unmarshal(e.Data, &row); err != nil || row.Title != "user "+name {
			t.Errorf("user %.20q got %.40q, %v", name, e.Data, err)
		}
	}
	for _, name := range names { // had one got anything else, that would have come before this
		insert(t, pool, name, "fence")
	}
	insert(t, pool, "t", "fence")
	for who, s := range streams {
		if got := description(t, s.Event(t)); got != "fence" {
			t.Errorf("%.20q got %.40q besides", who, got)
		}
	}
}

func TestNobodyReachesAnothersByNumberCursorOrTopic(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	ada, eve := session(t, pool, "acme", "ada"), session(t, pool, "globex", "eve")
	start := decode[page](t, g, "/api/activity", ada).Cursor
	for n := range 5 {
		insert(t, pool, "acme", fmt.Sprint("secret ", n))
		exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('acme', 'ada', 'secret')`)
	}
	insert(t, pool, "globex", "eve's own")
	s := g.stream(t, ada, "?cursor="+start)
	for range 10 {
		s.Event(t)
	}
	// A cursor names no tenant: with anybody's, one gets one's own.
	for _, cursor := range []string{start, s.LastID} {
		body := fmt.Sprintf("%+v", decode[page](t, g, "/api/activity?cursor="+cursor, eve))
		if strings.Contains(body, "secret") {
			t.Errorf("eve polls %s", body)
		}
	}
	if got := description(t, g.stream(t, eve, "?cursor="+start).Event(t)); got != "eve's own" {
		t.Errorf("eve goes on from ada's cursor with %q", got)
	}
	for id := range 12 {
		if status, body := g.do(t, http.MethodPost, fmt.Sprintf("/api/notifications/%d/read", id), eve); status != http.StatusNotFound {
			t.Errorf("notification %d: %d %s", id, status, body)
		}
	}
	for _, query := range []string{"topics=*", "topics=activity,", "topics=Activity", "topics=ping", "topics=activity%00", "topics=acme:activity", "topics="} {
		if status, body := g.get(t, "/api/activity/stream?"+query, eve); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
	for _, query := range []string{"tenant=acme", "tenantId=acme&userId=ada", "user=ada", "before=9223372036854775807&tenant=acme"} {
		if _, body := g.get(t, "/api/activity?topics=activity,notification&"+query, eve); strings.Contains(body, "secret") {
			t.Errorf("%s: %s", query, body)
		}
	}
}

// crowd is how much the randomised test does: a part of it where nothing is said, all with PGFEED_ISOLATION=full.
type crowd struct{ tenants, users, deliveries int }

func ofTheDay() crowd {
	if os.Getenv("PGFEED_ISOLATION") == "full" {
		return crowd{tenants: 200, users: 10, deliveries: 1_000_000}
	}
	return crowd{tenants: 50, users: 4, deliveries: 20_000}
}

func TestNoForeignEventIsAmongManyDeliveries(t *testing.T) {
	c := ofTheDay()
	url, pool := database(t)
	gateways := []*testGateway{
		startReady(t, url, "--max-streams-per-address", "0", "--max-connects-per-address", "0", "--max-replay", "1000000"),
		startReady(t, url, "--max-streams-per-address", "0", "--max-connects-per-address", "0", "--max-replay", "1000000"),
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 0}}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	listeners := make([]*listener, 0, c.tenants*c.users)
	for n := range c.tenants {
		for u := range c.users {
			// Every user name is in every tenant, and tenants' names are each other's beginnings.
			l := &listener{tenant: "t" + strings.Repeat("1", n), user: fmt.Sprint("u", u)}
			token, err := store.NewSessions(pool).Create(ctx, l.tenant, l.user, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			listeners = append(listeners, l)
			joined := make(chan error, 1)
			wg.Go(func() { l.listen(ctx, client, gateways[(n+u)%2].URL, token, joined) })
			if err := <-joined; err != nil {
				t.Fatal(err)
			}
		}
	}
	wanted := writeMany(t, pool, c)
	deadline := time.Now().Add(5 * time.Minute)
	for {
		missing, got := 0, 0
		for _, l := range listeners {
			n := int(l.got.Load())
			got += n
			missing += max(0, wanted[l.tenant]+wanted[l.tenant+"/"+l.user]-n)
			if foreign := l.foreign.Load(); foreign != nil {
				t.Fatalf("%s of %.10s… got %s", l.user, l.tenant, *foreign)
			}
		}
		if missing == 0 {
			t.Logf("%d subscribers of %d tenants got %d events, none of them foreign", len(listeners), c.tenants, got)
			if got < c.deliveries {
				t.Errorf("only %d deliveries", got)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d deliveries are missing", missing, missing+got)
		}
		time.Sleep(50 * time.Millisecond) // between two counts
	}
}

// writeMany inserts rows for random tenants and users, many in a statement, and says how many events each should get.
func writeMany(t *testing.T, pool *pgxpool.Pool, c crowd) map[string]int {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // to be repeatable
	wanted := map[string]int{}
	for deliveries := 0; deliveries < c.deliveries; {
		var tenants, all, recipients []string
		for range 1 + rng.IntN(200) {
			tenant := "t" + strings.Repeat("1", rng.IntN(c.tenants))
			if rng.IntN(10) == 0 {
				user := fmt.Sprint("u", rng.IntN(c.users))
				all, recipients = append(all, tenant), append(recipients, user)
				wanted[tenant+"/"+user]++
				deliveries++
				continue
			}
			tenants = append(tenants, tenant)
			wanted[tenant]++
			deliveries += c.users
		}
		exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) select n, 'x', n from unnest($1::text[]) n`, tenants)
		exec(t, pool, `insert into notifications ("tenantId", "userId", title) select a, b, 'x' from unnest($1::text[], $2::text[]) as x(a, b)`, all, recipients)
	}
	return wanted
}

// listener is one subscriber that looks whose the events are.
type listener struct {
	tenant, user string
	got          atomic.Int64
	foreign      atomic.Pointer[string]
}

func (l *listener) listen(ctx context.Context, client *http.Client, address, token string, joined chan<- error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/activity/stream", nil)
	if err != nil {
		joined <- err
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		joined <- err
		return
	}
	defer resp.Body.Close() //nolint:errcheck // reading is over
	if resp.StatusCode != http.StatusOK {
		joined <- fmt.Errorf("%s", resp.Status)
		return
	}
	first := true
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if first {
			first = false
			joined <- nil
		}
		var e struct {
			Event string
			Data  struct{ TenantID, UserID string }
		}
		if json.Unmarshal([]byte(data), &e) != nil || e.Event == "" {
			continue
		}
		l.got.Add(1)
		if e.Data.TenantID != l.tenant || e.Event == "notification:new" && e.Data.UserID != l.user {
			l.foreign.CompareAndSwap(nil, &data)
		}
	}
	if first {
		joined <- fmt.Errorf("the stream ended before it had begun: %w", cmp.Or(lines.Err(), io.EOF))
	}
}
