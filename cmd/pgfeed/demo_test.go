package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/demodata"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestTheDemoPlaysActivitiesToWhoeverLogsIn(t *testing.T) {
	noLeaks(t)
	ctx, cancel := context.WithCancel(context.Background())
	out, w := io.Pipe()
	exited := make(chan int, 1)
	go func() {
		exited <- run(ctx, []string{"demo", "--http-addr", "127.0.0.1:0", "--pace", "20ms"}, streams{w, io.Discard})
		_ = w.Close()
	}()
	defer func() {
		cancel()
		if code := <-exited; code != 0 {
			t.Errorf("exit status %d", code)
		}
	}()
	var url string
	for lines := bufio.NewScanner(out); url == "" && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "http://") {
			url = lines.Text()
		}
	}
	g := &testGateway{URL: url}
	g.await(t, func(status int, _ string) bool { return status == http.StatusOK })

	tenants := decode[struct {
		Tenants []struct {
			ID    string
			Users []struct{ ID string }
		}
	}](t, g, "/demo/tenants", "").Tenants
	if len(tenants) != 2 {
		t.Fatalf("tenants %+v", tenants)
	}
	for _, tenant := range tenants {
		var login struct{ Token string }
		g.post(t, "/demo/login", "", map[string]string{"tenant": tenant.ID, "user": tenant.Users[0].ID}, &login)
		s := ssetest.Open(t, g.URL+"/api/activity/stream?topics=activity", login.Token)
		for range 3 {
			if description(t, s.Event(t)) == "" {
				t.Error("an activity that says nothing")
			}
		}
		var inserted struct{ ID string }
		g.post(t, "/demo/activity", login.Token, map[string]string{"description": "my own"}, &inserted)
		for description(t, s.Event(t)) != "my own" {
		}
		var sent struct{ User string }
		g.post(t, "/demo/notification", login.Token, map[string]string{"type": "urgent", "title": "to myself"}, &sent)
		list := decode[struct {
			Notifications []struct{ Title, Type string }
		}](t, g, "/api/notifications?limit=500", login.Token)
		if !slices.ContainsFunc(list.Notifications, func(n struct{ Title, Type string }) bool { return n.Title == "to myself" && n.Type == "urgent" }) {
			t.Errorf("a notification sent to oneself isn't listed: %+v", list)
		}
	}
	if status, body := g.do(t, http.MethodPost, "/demo/login", ""); status != http.StatusBadRequest {
		t.Errorf("login as nobody: %d %s", status, body)
	}
}

func TestADemoWhoseAddressIsTakenSaysSo(t *testing.T) {
	noLeaks(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // the test's own
	url := storetest.Database(t)
	code, _, says := command(t, "demo", "--http-addr", taken.Addr().String(), "--database-url", url)
	if code != exitFailed || !strings.Contains(says, "PGFEED_HTTP_ADDR") {
		t.Errorf("status %d, %s", code, says)
	}
	pool, err := openPool(t, url)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CheckMigrated(t.Context(), pool); !errors.Is(err, store.ErrNotMigrated) {
		t.Errorf("it touched the database: %v", err)
	}
}

func TestDemosThatShareADatabasePlayItOnce(t *testing.T) {
	noLeaks(t)
	url := storetest.Database(t)
	pool := migrated(t, url)
	start := func() (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		exited := make(chan int, 1)
		go func() {
			exited <- run(ctx, []string{"demo", "--http-addr", "127.0.0.1:0", "--pace", "1ms", "--database-url", url}, streams{io.Discard, io.Discard})
		}()
		return sync.OnceFunc(func() {
			cancel()
			if code := <-exited; code != 0 {
				t.Errorf("exit status %d", code)
			}
		})
	}
	count := func(query string, args ...any) (n int) {
		if err := pool.QueryRow(t.Context(), `select count(*) from `+query, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	rows := func() int { return count(`"activityLogs"`) }
	until := func(what string, done func() bool) {
		for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) { // between two questions
			if time.Now().After(deadline) {
				t.Fatal("waited in vain until ", what)
			}
		}
	}
	first := start()
	defer first()
	until("the first plays", func() bool { return rows() > 3 })
	second := start()
	defer second()
	until("the second runs", func() bool {
		return count(`pg_stat_activity where application_name = 'pgfeed listener' and datname = current_database()`) == 2
	})
	if n := count(`pg_locks where locktype = 'advisory' and granted and (classid::bigint << 32) + objid::bigint = $1
		and database = (select oid from pg_database where datname = current_database())`, demodata.TurnLock); n != 1 {
		t.Errorf("%d of two demos play", n)
	}
	first()
	n := rows()
	until("the second has taken over", func() bool { return rows() > n+3 })
}

// post sends JSON and decodes the answer, which must be a success.
func (g *testGateway) post(t *testing.T, path, token string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil || resp.StatusCode >= 300 {
		t.Fatalf("POST %s: %s, %v", path, resp.Status, err)
	}
}
