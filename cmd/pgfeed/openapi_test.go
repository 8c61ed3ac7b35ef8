package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/pgfeed/pgfeed/store/storetest"
)

// openAPI is docs/api/openapi.yaml, and which of its answers were seen.
type openAPI struct {
	doc    *openapi3.T
	router routers.Router

	mu   sync.Mutex
	seen map[string]bool // "GET /path 200"
}

func loadOpenAPI(t testing.TB) *openAPI {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join("..", "..", "docs", "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil // the tests' gateways have addresses of their own
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &openAPI{doc: doc, router: router, seen: map[string]bool{}}
}

// send makes a request and holds the answer against the description. A stream is left after its headers.
func (o *openAPI) send(t *testing.T, method, url, token string, header ...string) (status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read below, or a stream
	var body []byte
	if stream := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"); !stream {
		if body, err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	route, params, err := o.router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s isn't described: %v", method, req.URL.Path, err)
	}
	err = openapi3filter.ValidateResponse(ctx, &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: body == nil, MultiError: true},
	})
	if err != nil {
		t.Errorf("%s %s: %d %s\n%v", method, req.URL, resp.StatusCode, body, err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen[method+" "+route.Path+" "+strconv.Itoa(resp.StatusCode)] = true
	return resp.StatusCode
}

func TestEveryAnswerIsAsOpenAPIDescribesIt(t *testing.T) {
	api := loadOpenAPI(t)
	server := storetest.Server(t) // which goes away at the end
	url := server.URL("postgres")
	pool := migrated(t, url)
	g := startReady(t, url, "--max-streams-per-user", "3")
	token := session(t, pool, "acme", "ada")
	for range 3 {
		insert(t, pool, "acme", "something")
	}
	exec(t, pool, `insert into notifications ("tenantId", "userId", title) values ('acme', 'ada', 'for ada'), ('acme', 'grace', 'for grace')`)
	list := decode[page](t, g, "/api/activity?limit=1", token)
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/readyz", "", 200},
		{"HEAD", "/healthz", "", 200},
		{"HEAD", "/readyz", "", 200},
		{"GET", "/api/activity", token, 200},
		{"GET", "/api/activity?limit=1&topics=activity,notification", token, 200},
		{"GET", "/api/activity?before=" + *list.Before, token, 200},
		{"GET", "/api/activity?before=1", token, 200},
		{"GET", "/api/activity?limit=1&cursor=" + list.Cursor, token, 200},
		{"GET", "/api/activity?cursor=nonsense", token, 200},
		{"GET", "/api/activity?limit=0", token, 400},
		{"GET", "/api/activity", "", 401},
		{"GET", "/api/activity/stream", token, 200},
		{"GET", "/api/activity/stream?topics=gossip", token, 400},
		{"GET", "/api/activity/stream", "wrong", 401},
		{"GET", "/api/notifications", token, 200},
		{"GET", "/api/notifications?unread=true&limit=1", token, 200},
		{"GET", "/api/notifications?unread=perhaps", token, 400},
		{"GET", "/api/notifications", "", 401},
		{"POST", "/api/notifications/1/read", token, 200},
		{"POST", "/api/notifications/1/read", token, 200},
		{"POST", "/api/notifications/2/read", token, 404},
		{"POST", "/api/notifications/x/read", token, 404},
		{"POST", "/api/notifications/1/read", "", 401},
		{"POST", "/api/notifications/read", token, 200},
		{"POST", "/api/notifications/read", "", 401},
		{"GET", "/api/activity?x=" + strings.Repeat("x", 9000), token, 414},
	} {
		if status := api.send(t, c.method, g.URL+c.path, c.token); status != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, status, c.status)
		}
	}
	for _, path := range []string{"/api/notifications/1/read", "/api/notifications/read"} {
		if status := api.send(t, "POST", g.URL+path, "", "Origin", "https://evil.example", "Cookie", "pgfeed_session="+token); status != 403 {
			t.Errorf("from another origin: %d", status)
		}
	}
	for range 3 {
		g.stream(t, session(t, pool, "acme", "grace"))
	}
	if status := api.send(t, "GET", g.URL+"/api/activity/stream", session(t, pool, "acme", "grace")); status != 429 {
		t.Errorf("one stream too many: %d", status)
	}
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"GET", "/readyz"}, {"HEAD", "/readyz"}, {"GET", "/api/activity"}, {"GET", "/api/activity/stream"}, {"GET", "/api/notifications"},
		{"POST", "/api/notifications/1/read"}, {"POST", "/api/notifications/read"},
	} {
		// With a token that was never asked about: what is known may be served from memory for a moment.
		if status := api.send(t, c[0], g.URL+c[1], "another"); status != 503 {
			t.Errorf("%s %s without a database: %d", c[0], c[1], status)
		}
	}
	for path, item := range api.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if answer := method + " " + path + " " + status; status != "default" && !api.seen[answer] {
					t.Errorf("%s is described, and wasn't tried", answer)
				}
			}
		}
	}
}
