package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/demodata"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestAnInsertedRowReachesItsTenantAndNoOtherOnEveryGateway(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	one, two := startReady(t, url), startReady(t, url)
	acme, globex := session(t, pool, "acme", "ada"), session(t, pool, "globex", "gus")
	streams := []*ssetest.Stream{one.stream(t, acme), two.stream(t, acme)}
	others := []*ssetest.Stream{one.stream(t, globex), two.stream(t, globex)}

	insert(t, pool, "acme", "for acme")
	insert(t, pool, "globex", "for globex")
	for _, s := range streams {
		e := s.Event(t)
		if e.Type != "activity" || e.Event != "activity:new" || e.ID == "" || time.Since(e.Timestamp) > time.Minute {
			t.Errorf("envelope %+v", e)
		}
		if d := description(t, e); d != "for acme" {
			t.Errorf("acme got %q", d)
		}
		if s.LastID == "" {
			t.Error("the frame has no id")
		}
	}
	for _, s := range others { // had it got acme's, that would have come first
		if d := description(t, s.Event(t)); d != "for globex" {
			t.Errorf("globex got %q", d)
		}
	}
}

func TestTheStreamIsServedSoThatNothingHoldsItBack(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, "--heartbeat", "3s", "--keep-alive", "1s")
	s := ssetest.Open(t, g.URL+"/api/activity/stream", session(t, pool, "acme", "ada"), "Accept-Encoding", "gzip")
	h := s.Response.Header
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no", "Content-Encoding": "",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	hello, err := s.Next(t)
	if err != nil || hello.Event != "hello" || hello.Retry != "1000" || hello.ID == "" {
		t.Fatalf("first frame %+v, %v", hello, err)
	}
	var data struct {
		Tenant, User, Cursor string
		Heartbeat            int
	}
	if err := json.Unmarshal([]byte(hello.Data), &data); err != nil || data.Tenant != "acme" || data.User != "ada" ||
		data.Heartbeat != 3 || data.Cursor != hello.ID {
		t.Errorf("hello %s", hello.Data)
	}
	if ping := s.Until(t, "ping"); ping.ID == "" || !strings.Contains(ping.Data, `"timestamp":"20`) {
		t.Errorf("ping %+v", ping)
	}
	for { // between events, comments
		f, err := s.Next(t)
		if err != nil {
			t.Fatal("no comment before the stream ended")
		}
		if f.Comment != "" {
			break
		}
	}
}

func TestAnyTextIsATenant(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	g := startReady(t, url)
	long := strings.Repeat("x", 300)
	tenants := []string{
		"acme", "Acme", "acme ", "two words", `"quoted"`, "it's", `back\slash`, "new\nline", "💡", "pgfeed:acme", "a:b", "%", "тест",
		long, long + "y", strings.Repeat("x", 56), strings.Repeat("x", 57), strings.Repeat("é", 28), strings.Repeat("é", 29), ";drop table x",
	}
	streams := map[string]*ssetest.Stream{}
	for _, tenant := range tenants {
		streams[tenant] = g.stream(t, session(t, pool, tenant, "u"))
	}
	for _, tenant := range tenants {
		insert(t, pool, tenant, "of "+tenant)
	}
	for _, tenant := range tenants {
		insert(t, pool, tenant, "fence")
	}
	for _, tenant := range tenants {
		for _, want := range []string{"of " + tenant, "fence"} {
			if got := description(t, streams[tenant].Event(t)); got != want {
				t.Errorf("tenant %.20q got %.40q, want %.40q", tenant, got, want)
			}
		}
	}
}

func TestWhatWasMissedIsSentOnResumingAnywhere(t *testing.T) {
	url, pool := database(t)
	one, two := startReady(t, url), startReady(t, url)
	token := session(t, pool, "acme", "ada")
	s := one.stream(t, token)
	insert(t, pool, "acme", "first")
	s.Event(t)
	s.Close()

	exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) select 'acme', 'x', n::text from generate_series(1, 1200) n`)
	resume := map[string]*ssetest.Stream{
		"Last-Event-ID": ssetest.Open(t, two.URL+"/api/activity/stream", token, "Last-Event-ID", s.LastID),
		"cursor":        ssetest.Open(t, two.URL+"/api/activity/stream?cursor="+s.LastID, token),
	}
	for how, r := range resume {
		for n := 1; n <= 1200; n++ {
			if got := description(t, r.Event(t)); got != fmt.Sprint(n) {
				t.Fatalf("%s: event %d is %q", how, n, got)
			}
		}
		// Cut off in the middle and going on from there, nothing is sent again.
		half := ssetest.Open(t, two.URL+"/api/activity/stream?cursor="+s.LastID, token)
		for range 700 {
			half.Event(t)
		}
		half.Close()
		rest := ssetest.Open(t, one.URL+"/api/activity/stream?cursor="+half.LastID, token)
		if got := description(t, rest.Event(t)); got != "701" {
			t.Errorf("%s: after 700 of a replay comes %q", how, got)
		}
	}
	insert(t, pool, "acme", "live again")
	for how, r := range resume {
		if got := description(t, r.Event(t)); got != "live again" {
			t.Errorf("%s: after the replay comes %q", how, got)
		}
	}
}

func TestATransactionThatCommitsLateIsNotSkipped(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	token := session(t, pool, "acme", "ada")
	s := g.stream(t, token)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `insert into "activityLogs" ("tenantId", action, description) values ('acme', 'x', 'late')`); err != nil {
		t.Fatal(err)
	}
	insert(t, pool, "acme", "early")
	if got := description(t, s.Event(t)); got != "early" {
		t.Fatalf("got %q", got)
	}
	s.Close()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	resumed := g.stream(t, token, "?cursor="+s.LastID)
	insert(t, pool, "acme", "last")
	for _, want := range []string{"late", "last"} {
		if got := description(t, resumed.Event(t)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestACursorThatCantBeGoneOnFromIsAReset(t *testing.T) {
	url, pool := database(t)
	otherURL, _ := database(t)
	g, other := startReady(t, url), startReady(t, otherURL)
	token := session(t, pool, "acme", "ada")
	otherPool, err := openPool(t, otherURL)
	if err != nil {
		t.Fatal(err)
	}
	foreign := other.stream(t, session(t, otherPool, "acme", "ada")).LastID
	for cursor, reason := range map[string]string{"nonsense": "invalid", foreign: "epoch"} {
		s := g.stream(t, token, "?cursor="+cursor)
		if f := s.Until(t, "reset"); f.Data != `{"reason":"`+reason+`"}` {
			t.Errorf("cursor %q: reset %s", cursor, f.Data)
		}
		insert(t, pool, "acme", "goes on")
		if got := description(t, s.Event(t)); got != "goes on" {
			t.Errorf("after a reset came %q", got)
		}
		page := decode[struct {
			Reset  struct{ Reason string }
			Cursor string
		}](t, g, "/api/activity?cursor="+cursor, token)
		if page.Reset.Reason != reason || page.Cursor == "" {
			t.Errorf("polling with cursor %q: %+v", cursor, page)
		}
	}
}

func TestAReplayThatWouldBeTooLongIsAReset(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, "--max-replay", "10")
	token := session(t, pool, "acme", "ada")
	s := g.stream(t, token)
	s.Close()
	exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) select 'acme', 'x', n::text from generate_series(1, 11) n`)
	resumed := g.stream(t, token, "?cursor="+s.LastID)
	if f := resumed.Until(t, "reset"); f.Data != `{"reason":"overflow"}` {
		t.Errorf("reset %s", f.Data)
	}
	insert(t, pool, "acme", "goes on")
	if got := description(t, resumed.Event(t)); got != "goes on" {
		t.Errorf("after the reset came %q", got)
	}
	// The reset's cursor is past what was left out: it isn't the start of another reset.
	again := g.stream(t, token, "?cursor="+resumed.LastID)
	insert(t, pool, "acme", "and on")
	if got := description(t, again.Event(t)); got != "and on" {
		t.Errorf("then came %q", got)
	}
}

func TestEveryWebhookBodyArrivesAsItWasSent(t *testing.T) {
	noLeaks(t)
	items, err := demodata.Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 329 {
		t.Fatalf("%d items", len(items))
	}
	url, pool := database(t)
	g := startReady(t, url)
	s := g.stream(t, session(t, pool, "acme", "ada"), "?topics=activity")
	sent := map[string]json.RawMessage{}
	large := 0
	for _, item := range items {
		id, err := demodata.InsertActivity(t.Context(), pool, "acme", item.Activity())
		if err != nil {
			t.Fatal(err)
		}
		sent[id] = item.Payload
		if len(item.Payload) > 8000 {
			large++
		}
	}
	if large < 100 {
		t.Errorf("only %d bodies are too large for a notification", large)
	}
	for range items {
		var row struct {
			ID       json.Number
			Metadata any
		}
		if err := json.Unmarshal(s.Event(t).Data, &row); err != nil {
			t.Fatal(err)
		}
		var want any
		body, ok := sent[row.ID.String()]
		if err := json.Unmarshal(body, &want); !ok || err != nil {
			t.Fatalf("row %s came twice or wasn't sent: %v", row.ID, err)
		}
		delete(sent, row.ID.String())
		if !reflect.DeepEqual(row.Metadata, want) {
			t.Errorf("row %s arrived otherwise than it was sent", row.ID)
		}
	}
}

func TestStreamsOutliveTheDatabase(t *testing.T) {
	noLeaks(t)
	server := storetest.Server(t)
	url := server.URL("postgres")
	pool := migrated(t, url)
	g := startReady(t, url)
	s := g.stream(t, session(t, pool, "acme", "ada"))
	insert(t, pool, "acme", "before")
	s.Event(t)
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	g.await(t, func(status int, _ string) bool { return status == http.StatusServiceUnavailable })
	if status, body := g.get(t, "/healthz", ""); status != http.StatusOK {
		t.Errorf("liveness %d %s: a restart of the gateway would mend nothing", status, body)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool.Reset()
	insert(t, pool, "acme", "after")
	if got := description(t, s.Event(t)); got != "after" {
		t.Errorf("got %q", got)
	}
	g.await(t, func(status int, _ string) bool { return status == http.StatusOK })
}

func TestAGatewayWaitsForItsDatabase(t *testing.T) {
	noLeaks(t)
	server := storetest.Server(t)
	url := server.URL("postgres")
	pool := migrated(t, url)
	token := session(t, pool, "acme", "ada")
	pool.Reset()
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, url)
	if status, body := g.get(t, "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "can't be reached") {
		t.Errorf("readiness %d %s", status, body)
	}
	if status, body := g.get(t, "/api/activity/stream", token); status != http.StatusServiceUnavailable {
		t.Errorf("stream %d %s", status, body)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.await(t, func(status int, _ string) bool { return status == http.StatusOK })
	s := g.stream(t, token)
	insert(t, pool, "acme", "at last")
	if got := description(t, s.Event(t)); got != "at last" {
		t.Errorf("got %q", got)
	}
}

func TestAnUnmigratedDatabaseIsSaid(t *testing.T) {
	g := startGateway(t, unmigrated(t))
	g.await(t, func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "pgfeed migrate up")
	})
}

func TestAnExpiringSessionEndsItsStream(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	token := session(t, pool, "acme", "ada")
	exec(t, pool, `update sessions set "expiresAt" = now() + interval '8 seconds'`)
	s := g.stream(t, token)
	if f := s.Until(t, "bye"); f.Data != `{"reason":"session"}` {
		t.Errorf("bye %s", f.Data)
	}
	if _, err := s.Next(t); !errors.Is(err, io.EOF) {
		t.Errorf("after bye: %v", err)
	}
}

func TestStoppingAGatewaySaysByeToItsStreams(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	g := startReady(t, url)
	s := g.stream(t, session(t, pool, "acme", "ada"))
	stopped := make(chan int, 1)
	go func() { stopped <- g.stop() }()
	retry := ""
	for {
		f, err := s.Next(t)
		if err != nil {
			t.Fatal("the stream ended without a bye")
		}
		if f.Retry != "" {
			retry = f.Retry
		}
		if f.Event == "bye" {
			if f.Data != `{"reason":"drain"}` || retry == "" {
				t.Errorf("bye %s, retry %q", f.Data, retry)
			}
			break
		}
	}
	if code := <-stopped; code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// Some statements' hints bring their event, and others only that there is one: several rows, or one that is too long.
func TestWhatIsCommittedOneAfterAnotherComesInThatOrder(t *testing.T) {
	url, pool := database(t)
	s := startReady(t, url, "--busy-rate", "0").stream(t, session(t, pool, "acme", "ada"))
	const (
		two  = `insert into "activityLogs" ("tenantId", action, description) select 'acme', 'x', n from generate_series(1, 2) n;`
		long = `insert into "activityLogs" ("tenantId", action, description) select 'acme', repeat('long', 2000), n from generate_series(1, 2) n where n = 1;`
		one  = `insert into "activityLogs" ("tenantId", action, description) values ('acme', 'x', 'last')`
	)
	for what, c := range map[string]struct {
		transactions []string
		want         string
	}{
		"one transaction":           {[]string{`do $$ begin ` + two + one + `; end $$`}, "1 2 last"},
		"several rows, then one":    {[]string{two, one}, "1 2 last"},
		"a long one, and short one": {[]string{long, one, one}, "1 last last"},
	} {
		for _, sql := range c.transactions {
			exec(t, pool, sql)
		}
		var got []string
		for range strings.Fields(c.want) {
			got = append(got, description(t, s.Event(t)))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}
