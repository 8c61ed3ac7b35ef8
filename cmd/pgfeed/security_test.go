package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// ask sends one request; header has names and values in turn.
func (g *testGateway) ask(t *testing.T, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, g.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(answer)
}

func TestListedOriginsAndNoOthersUseTheAPI(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, "--cors-origin", "https://app.example.com")
	cookie := "pgfeed_session=" + session(t, pool, "acme", "ada")
	for _, c := range []struct {
		origin, site string
		status       int
		allowed      bool
	}{
		{"https://app.example.com", "cross-site", 200, true},
		{g.URL, "same-origin", 200, false},
		{"", "", 200, false},
		{"https://app.example.com.evil.example", "cross-site", 403, false},
		{"https://evilapp.example.com", "same-site", 403, false},
		{"http://app.example.com", "cross-site", 403, false},
		{"https://app.example.com:8443", "cross-site", 403, false},
		{"null", "cross-site", 403, false},
		{"", "cross-site", 403, false}, // an image, say
		{"https://evil.example", "", 403, false},
	} {
		for _, r := range []string{"GET /api/activity", "POST /api/notifications/read"} {
			method, path, _ := strings.Cut(r, " ")
			header := []string{"Cookie", cookie}
			if c.origin != "" {
				header = append(header, "Origin", c.origin)
			}
			if c.site != "" {
				header = append(header, "Sec-Fetch-Site", c.site)
			}
			resp, body := g.ask(t, method, path, "", header...)
			h := resp.Header
			if resp.StatusCode != c.status || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") {
				t.Errorf("%s from %q, %s: %d %s, Vary %q", r, c.origin, c.site, resp.StatusCode, body, h.Values("Vary"))
			}
			want := map[bool]string{true: c.origin}[c.allowed]
			if h.Get("Access-Control-Allow-Origin") != want || c.allowed && h.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("%s from %q: Access-Control-Allow-Origin %q", r, c.origin, h.Get("Access-Control-Allow-Origin"))
			}
		}
	}
	for origin, want := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example": ""} {
		resp, _ := g.ask(t, http.MethodOptions, "/api/activity/stream", "", "Origin", origin,
			"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,last-event-id")
		h := resp.Header
		if h.Get("Access-Control-Allow-Origin") != want || want != "" && !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Last-Event-ID") {
			t.Errorf("preflight from %s: %v", origin, h)
		}
	}
	// A page may read why it is refused.
	resp, _ := g.ask(t, http.MethodGet, "/api/activity", "", "Origin", "https://app.example.com")
	if exposed := resp.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "Date") || !strings.Contains(exposed, "Retry-After") {
		t.Errorf("pages may read %q", exposed) // the client goes by both
	}
	if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("a refusal: %d %v", resp.StatusCode, resp.Header)
	}
}

// limited is an answer that a limit gave.
func limited(t *testing.T, g *testGateway, status int, header ...string) {
	t.Helper()
	resp, body := g.ask(t, http.MethodGet, "/api/activity/stream", "", header...)
	var p struct{ Status int }
	if resp.StatusCode != status || resp.Header.Get("Retry-After") == "" || json.Unmarshal([]byte(body), &p) != nil || p.Status != status {
		t.Errorf("%d %s, Retry-After %q; want %d", resp.StatusCode, body, resp.Header.Get("Retry-After"), status)
	}
}

func TestOpenStreamsMeetTheirLimitAndMakeRoomAtTheirEnd(t *testing.T) {
	url, pool := database(t)
	for flag, status := range map[string]int{
		"--max-streams": 503, "--max-streams-per-user": 429, "--max-streams-per-tenant": 429, "--max-streams-per-address": 429,
	} {
		t.Run(flag, func(t *testing.T) {
			g := startReady(t, url, flag, "2")
			token := session(t, pool, "acme", "ada")
			one := g.stream(t, token)
			g.stream(t, token)
			limited(t, g, status, "Authorization", "Bearer "+token)
			one.Close()
			for { // the gateway notices the end of a stream when it does
				s, err := ssetest.Dial(t, g.URL+"/api/activity/stream", token)
				if err == nil {
					s.Until(t, "hello")
					break
				}
				if !strings.Contains(err.Error(), fmt.Sprint(status)) {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestNewStreamsMeetTheirRateByTheAddressThatAProxyVouchesFor(t *testing.T) {
	url, pool := database(t)
	direct := startReady(t, url, "--max-connects-per-address", "0.001")
	status := func(g *testGateway, forwarded string) int {
		resp, _ := g.ask(t, http.MethodGet, "/api/activity/stream", "", "X-Forwarded-For", forwarded)
		return resp.StatusCode
	}
	if one, two := status(direct, "192.0.2.1"), status(direct, "192.0.2.2"); one != 401 || two != 429 {
		t.Errorf("whoever writes another address each time gets %d, %d", one, two)
	}
	limited(t, direct, http.StatusTooManyRequests)
	proxied := startReady(t, url, "--max-connects-per-address", "0.001", "--trusted-proxies", "127.0.0.0/8")
	for _, c := range []struct {
		forwarded string
		want      int
	}{
		{"192.0.2.1", 401}, {"192.0.2.1", 429}, {"192.0.2.2", 401},
		{"198.51.100.7, 192.0.2.2", 429}, // what the client wrote stands to the left of what the proxy adds
		{"2001:db8::1", 401}, {"2001:db8::2", 429},
	} {
		if got := status(proxied, c.forwarded); got != c.want {
			t.Errorf("X-Forwarded-For %q: %d, want %d", c.forwarded, got, c.want)
		}
	}
	full := startReady(t, url, "--max-connects", "0.001")
	token := session(t, pool, "acme", "ada")
	for range 3 { // who has no session takes nothing from those who have
		if got := status(full, ""); got != http.StatusUnauthorized {
			t.Errorf("without a token: %d", got)
		}
	}
	full.stream(t, token)
	limited(t, full, http.StatusServiceUnavailable, "Authorization", "Bearer "+token)
}

func TestSizesAndTimesAreBounded(t *testing.T) {
	url, pool := database(t)
	const origin = "https://app.example.com"
	g := startReady(t, url, "--header-timeout", "1s", "--cors-origin", origin)
	token := "Bearer " + session(t, pool, "acme", "ada")
	for _, c := range []struct {
		method, path, body string
		header             string
		status             int
	}{
		{"GET", "/api/activity?x=" + strings.Repeat("x", 9000), "", "", 414},
		{"POST", "/api/notifications/read", strings.Repeat("x", 70_000), "", 413},
		{"GET", "/api/activity", "", strings.Repeat("x", 60_000), 431},
	} {
		resp, body := g.ask(t, c.method, c.path, c.body, "Authorization", token, "X-Padding", c.header, "Origin", origin)
		if resp.StatusCode != c.status {
			t.Errorf("%s %.30s: %d %.100s, want %d", c.method, c.path, resp.StatusCode, body, c.status)
		}
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != origin && c.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d can't be read by a page of %s: %q", c.status, origin, got)
		}
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://")) //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	if _, err := io.WriteString(conn, "GET /api/activity HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(bufio.NewReader(conn)); err != nil {
		t.Errorf("a header that never ends keeps its connection: %v", err)
	}
}

func TestNoTokenIsInAnythingThatIsPrinted(t *testing.T) {
	url, pool := database(t)
	g := startReady(t, url, "--admin-addr", "127.0.0.1:0", "--log-level", "debug", "--jwt-secret", "a secret that is long enough for HS256 and more")
	good := session(t, pool, "acme", "ada")
	bad := "badbadbadbadbadbadbadbad"
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJlc2lnbmF0dXJl"
	var answers []string
	for _, token := range []string{good, bad, jwt} {
		for _, header := range [][]string{{"Authorization", "Bearer " + token}, {"Cookie", "pgfeed_session=" + token}, {"Authorization", "Basic " + token}} {
			resp, body := g.ask(t, http.MethodGet, "/api/activity", "", header...)
			answers = append(answers, fmt.Sprint(resp.Header), body)
		}
	}
	for _, query := range []string{"token", "access_token", "session", "pgfeed_session", "authorization"} {
		if status, body := g.get(t, "/api/activity?"+query+"="+good, ""); status != http.StatusUnauthorized {
			t.Errorf("a token in ?%s= is taken: %d %s", query, status, body)
		}
	}
	s := g.stream(t, good)
	exec(t, pool, `delete from sessions`)
	endsForItsSession(t, s)
	resp, err := http.Get(g.Admin + "/metrics") //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read below
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	logs := g.logs()
	if !strings.Contains(logs, "no such session") || !strings.Contains(logs, "signature") {
		t.Errorf("the log doesn't say why credentials were refused: %s", logs)
	}
	for where, text := range map[string]string{"answers": strings.Join(answers, "\n"), "metrics": string(metrics), "the log": logs} {
		for _, token := range []string{good, bad, jwt, strings.Split(jwt, ".")[2], "a secret that is long"} {
			if strings.Contains(text, token) {
				t.Errorf("%.12s… is in %s", token, where)
			}
		}
		if where == "answers" && strings.Contains(text, "signature") {
			t.Error("an answer says why a token was refused")
		}
	}
}

func TestEveryAnswerHasItsSecurityHeaders(t *testing.T) {
	url, _ := database(t)
	g := startReady(t, url)
	for _, path := range []string{"/", "/api/activity", "/nothing", "/healthz"} {
		resp, _ := g.ask(t, http.MethodGet, path, "", "X-Request-ID", "a b\"<script>")
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s %q, want %q", path, name, got, want)
			}
		}
		csp := resp.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q", path, csp)
		}
		if strings.Contains(resp.Header.Get("X-Request-ID"), "script") {
			t.Errorf("%s: a request's id is taken as it came", path)
		}
	}
}

func TestWrongSecuritySettingsAreRefusedAllAtOnce(t *testing.T) {
	code, _, err := command(t, "serve", "--database-url", "postgres://h/d", "--session-preset", "better-auth",
		"--better-auth-secret", "better-auth-secret-12345678901234567890", "--jwt-secret", "short", "--jwt-jwks-url", "http://issuer.example/keys",
		"--jwt-leeway", "1h", "--cors-origin", "https://*.example.com,https://app.example.com/path", "--trusted-proxies", "0.0.0.0/0,proxy",
		"--max-streams=-1", "--max-url-bytes", "1", "--header-timeout", "0s", "--session-tenant", "a", "--session-tenant-column", "b",
		"--session-cookie", "a=b", "--session-query", "select 1")
	if code != exitUsage {
		t.Errorf("status %d", code)
	}
	for _, says := range []string{
		"--better-auth-secret", "published default", "--jwt-secret", "--jwt-jwks-url", "--jwt-issuer", "--jwt-leeway", "--cors-origin", "*.example.com", "/path",
		"--trusted-proxies", "0.0.0.0/0", `"proxy"`, "--max-streams", "--max-url-bytes", "--header-timeout", "--session-tenant", "--session-cookie", "--session-query",
	} {
		if !strings.Contains(err, says) {
			t.Errorf("%q isn't named in %s", says, err)
		}
	}
	for _, args := range [][]string{{"--session-preset", "authjs"}, {"--session-preset", "none"}, {"--session-preset", "better-auth"}, {"--jwt-issuer", "x"}} {
		if code, _, err := command(t, append([]string{"serve", "--database-url", "postgres://h/d"}, args...)...); code != exitUsage {
			t.Errorf("%q: %d %s", args, code, err)
		}
	}
}
