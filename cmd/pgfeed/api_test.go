package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

type page struct {
	Tenant string
	User   string
	Events []ssetest.Envelope
	Cursor string
	Before *string
	More   bool
}

func TestTheListAndTheStreamFromItsCursorLeaveNoGap(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	token := session(t, pool, "acme", "ada")
	for n := 1; n <= 5; n++ {
		insert(t, pool, "acme", fmt.Sprint(n))
	}
	insert(t, pool, "globex", "another's")
	first := decode[page](t, g, "/api/activity?limit=3", token)
	if len(first.Events) != 3 || description(t, first.Events[0]) != "5" || first.Before == nil {
		t.Fatalf("first page %+v", first)
	}
	second := decode[page](t, g, "/api/activity?limit=3&before="+*first.Before, token)
	if len(second.Events) != 2 || description(t, second.Events[0]) != "2" || second.Before != nil {
		t.Fatalf("second page %+v", second)
	}
	insert(t, pool, "acme", "between")
	s := g.stream(t, token, "?cursor="+first.Cursor)
	insert(t, pool, "acme", "live")
	for _, want := range []string{"between", "live"} {
		if got := description(t, s.Event(t)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPollingGivesEachEventOnce(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	token := session(t, pool, "acme", "ada")
	list := decode[page](t, g, "/api/activity", token)
	if list.Tenant != "acme" || list.User != "ada" {
		t.Errorf("the list is said to be for %q of %q", list.User, list.Tenant)
	}
	cursor := list.Cursor
	for n := 1; n <= 25; n++ {
		insert(t, pool, "acme", fmt.Sprint(n))
	}
	exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('acme', 'ada', 'mine'), ('acme', 'grace', 'hers')`)
	var got []string
	for more := true; more; {
		p := decode[page](t, g, "/api/activity?limit=10&cursor="+cursor, token)
		if p.Tenant != "acme" || p.User != "ada" {
			t.Errorf("a poll is said to be for %q of %q", p.User, p.Tenant)
		}
		for _, e := range p.Events {
			if e.Event == "notification:new" {
				got = append(got, "notification")
				continue
			}
			got = append(got, description(t, e))
		}
		cursor, more = p.Cursor, p.More
	}
	if len(got) != 26 || got[0] != "1" || got[24] != "25" || got[25] != "notification" {
		t.Errorf("polled %q", got)
	}
	if p := decode[page](t, g, "/api/activity?cursor="+cursor, token); len(p.Events) != 0 || p.More {
		t.Errorf("polled again: %+v", p)
	}
}

// A page ends by its size as well as by its limit; pages in turn have everything once.
func TestPagesOfLargeRowsAreShort(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	token := session(t, pool, "acme", "ada")
	start := decode[page](t, g, "/api/activity", token)
	var oldestFirst, newestFirst []string
	for n, size := range []int{300_000, 300_000, 300_000, 300_000, 3_000_000, 300_000, 2_000_000, 10, 2_000_000} { // random, so that it isn't compressed
		text := strconv.Itoa(n)
		oldestFirst, newestFirst = append(oldestFirst, text), append([]string{text}, newestFirst...)
		exec(t, pool, `insert into "activityLogs" ("tenantId", action, description, metadata)
			select 'acme', 'x', $1, to_json(string_agg(md5(random()::text), '')) from generate_series(1, $2::int / 32 + 1)`, text, size)
		exec(t, pool, `insert into notifications ("tenantId", "userId", title, body)
			select 'acme', 'ada', $1, string_agg(md5(random()::text), '') from generate_series(1, $2::int / 32 + 1)`, text, size)
	}
	type answer struct {
		page
		Notifications []struct{ Title, Body string }
	}
	for _, c := range []struct {
		path, follow string
		want         []string
	}{
		{"/api/activity?limit=500", "&before=", newestFirst},
		{"/api/activity?limit=2", "&before=", newestFirst},
		{"/api/activity?topics=activity&limit=500&cursor=" + start.Cursor, "", oldestFirst},
		{"/api/notifications?limit=500", "&before=", newestFirst},
		{"/api/notifications?limit=3", "&before=", newestFirst},
	} {
		var got []string
		path := c.path
		for pages := 1; path != ""; pages++ {
			a := decode[answer](t, g, path, token)
			size, last := 0, 0
			for _, e := range a.Events {
				last = len(e.Data)
				size += last
				got = append(got, description(t, e))
			}
			for _, n := range a.Notifications {
				last = len(n.Body)
				size += last
				got = append(got, n.Title)
			}
			if size-last > 1<<20 || size == 0 || pages > len(c.want) {
				t.Fatalf("GET %s: page %d has %d bytes", path, pages, size)
			}
			switch {
			case a.Before != nil:
				path = c.path + c.follow + *a.Before
			case a.More:
				path = "/api/activity?topics=activity&limit=500&cursor=" + a.Cursor
			default:
				path = ""
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("GET %s and on: %q, want %q", c.path, got, c.want)
		}
	}
}

func TestNotificationsBelongToTheirRecipient(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	g := startReady(t, url)
	ada, grace, eve := session(t, pool, "acme", "ada"), session(t, pool, "acme", "grace"), session(t, pool, "globex", "ada")
	streams := map[string]*ssetest.Stream{"ada": g.stream(t, ada), "grace": g.stream(t, grace), "eve": g.stream(t, eve)}
	for _, title := range []string{"one", "two", "three"} {
		exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('acme', 'ada', $1)`, title)
		if e := streams["ada"].Event(t); e.Type != "notification" || e.Event != "notification:new" {
			t.Errorf("ada got %+v", e)
		}
	}
	type list struct {
		Notifications []struct {
			ID     json.Number
			Title  string
			ReadAt *string
		}
		Unread int
		Cursor string
	}
	mine := decode[list](t, g, "/api/notifications", ada)
	if mine.Unread != 3 || len(mine.Notifications) != 3 || mine.Notifications[0].Title != "three" || mine.Cursor == "" {
		t.Fatalf("ada's list %+v", mine)
	}
	path := "/api/notifications/" + mine.Notifications[1].ID.String() + "/read"
	for who, token := range map[string]string{"grace": grace, "eve": eve} {
		if hers := decode[list](t, g, "/api/notifications", token); hers.Unread != 0 || len(hers.Notifications) != 0 {
			t.Errorf("%s sees %+v", who, hers)
		}
		if status, body := g.do(t, http.MethodPost, path, token); status != http.StatusNotFound {
			t.Errorf("%s marks ada's: %d %s", who, status, body)
		}
	}
	for range 2 { // the second time changes nothing
		if status, body := g.do(t, http.MethodPost, path, ada); status != http.StatusOK || !strings.Contains(body, `"unread":2`) {
			t.Errorf("mark one: %d %s", status, body)
		}
	}
	if e := streams["ada"].Event(t); e.Event != "notification:read" || !strings.Contains(string(e.Data), `"two"`) {
		t.Errorf("ada got %+v", e)
	}
	if unread := decode[list](t, g, "/api/notifications?unread=true&limit=1", ada); len(unread.Notifications) != 1 || unread.Notifications[0].Title != "three" {
		t.Errorf("unread: %+v", unread)
	}
	if status, body := g.do(t, http.MethodPost, "/api/notifications/read", ada); status != http.StatusOK || !strings.Contains(body, `"updated":2`) {
		t.Errorf("mark all: %d %s", status, body)
	}
	for range 2 {
		if e := streams["ada"].Event(t); e.Event != "notification:read" {
			t.Errorf("ada got %+v", e)
		}
	}
	insert(t, pool, "acme", "fence")
	insert(t, pool, "globex", "fence")
	for who, s := range streams {
		if got := s.Event(t); got.Event != "activity:new" {
			t.Errorf("%s got %s %s", who, got.Event, got.Data)
		}
	}
}

func TestTopicsNarrowAStream(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	s := g.stream(t, session(t, pool, "acme", "ada"), "?topics=notification")
	insert(t, pool, "acme", "not asked for")
	exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('acme', 'ada', 'asked for')`)
	if e := s.Event(t); e.Type != "notification" {
		t.Errorf("got %+v", e)
	}
}

func TestACookieServesAsWellAsABearerToken(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	s, err := ssetest.Dial(t, g.URL+"/api/activity/stream", "", "Cookie", "pgfeed_session="+session(t, pool, "acme", "ada"))
	if err != nil {
		t.Fatal(err)
	}
	s.Until(t, "hello")
}

func TestBadRequestsAreProblemsThatNameWhatIsWrong(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	token := session(t, pool, "acme", "ada")
	for _, c := range []struct {
		path, token string
		status      int
		field       string
		says        string
	}{
		{"/api/activity", "", 401, "", "Authorization: Bearer"},
		{"/api/activity/stream", "", 401, "", "Authorization: Bearer"},
		{"/api/activity/stream", "wrong", 401, "", "unknown, expired or revoked"},
		{"/api/activity/stream?topics=activity,gossip", token, 400, "topics", `"gossip"`},
		{"/api/activity?limit=0", token, 400, "limit", "1 to 500"},
		{"/api/activity?limit=501", token, 400, "limit", "1 to 500"},
		{"/api/activity?limit=ten", token, 400, "limit", `"ten"`},
		{"/api/activity?before=x", token, 400, "before", `"x"`},
		{"/api/activity?before=3&cursor=x", token, 400, "before", "one of them"},
		{"/api/notifications?unread=perhaps", token, 400, "unread", `"perhaps"`},
		{"/api/notifications?limit=-1", token, 400, "limit", `"-1"`},
		{"/api/nothing", token, 404, "", "/api/nothing"},
		{"/demo/tenants", "", 404, "", "/demo/tenants"},
	} {
		status, body := g.get(t, c.path, c.token)
		var p struct {
			Type, Title, Detail, Field string
			Status                     int
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Errorf("%s: %d %s", c.path, status, body)
			continue
		}
		if status != c.status || p.Status != c.status || p.Field != c.field || !strings.Contains(p.Detail, c.says) || p.Title == "" {
			t.Errorf("%s: %d %s, want %d, field %q, %q", c.path, status, body, c.status, c.field, c.says)
		}
	}
	resp, err := http.Get(g.URL + "/api/activity") //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is read
	if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
}

func TestThePageIsServedAndNothingElseMayRunOnIt(t *testing.T) {
	g := startGateway(t, unmigrated(t))
	resp, err := http.Get(g.URL) //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read below
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "/assets/index.js") {
		t.Errorf("%d %s, %v", resp.StatusCode, body, err)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
	for path, want := range map[string]int{"/": 200, "/healthz": 200, "/readyz": 503, "/assets/index.js": 200, "/nothing": 404} {
		resp, body := g.ask(t, http.MethodHead, path, "")
		if resp.StatusCode != want || body != "" {
			t.Errorf("HEAD %s: %d %q, want %d", path, resp.StatusCode, body, want)
		}
	}
	if status, script := g.get(t, "/assets/index.js", ""); status != http.StatusOK || len(script) < 1000 {
		t.Errorf("script: %d, %d bytes", status, len(script))
	}
}

func TestAnotherSitesPageCantActWithAVisitorsCookie(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url)
	token := session(t, pool, "acme", "ada")
	for origin, want := range map[string]int{"https://evil.example": http.StatusForbidden, g.URL: http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.URL+"/api/notifications/read", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.AddCookie(&http.Cookie{Name: "pgfeed_session", Value: token})
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("from %s: %d, want %d", origin, resp.StatusCode, want)
		}
	}
}
