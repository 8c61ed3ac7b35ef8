package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape asks for the metrics and gives them by name.
func (g *testGateway) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(g.metrics(t)))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

func (g *testGateway) metrics(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(g.Admin + "/metrics") //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: %d %v %s", resp.StatusCode, err, text)
	}
	return string(text)
}

// metric gives one value of a scrape; a histogram's is its count. Labels are given as pairs.
func metric(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	f := families[name]
	if f == nil {
		t.Fatalf("there is no metric %s", name)
	}
next:
	for _, m := range f.GetMetric() {
		got := map[string]string{}
		for _, l := range m.GetLabel() {
			got[l.GetName()] = l.GetValue()
		}
		for i := 0; i < len(labels); i += 2 {
			if got[labels[i]] != labels[i+1] {
				continue next
			}
		}
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			return m.GetCounter().GetValue()
		case dto.MetricType_GAUGE:
			return m.GetGauge().GetValue()
		case dto.MetricType_HISTOGRAM:
			return float64(m.GetHistogram().GetSampleCount())
		}
	}
	t.Fatalf("there is no metric %s with %q", name, labels)
	return 0
}

// awaitMetric scrapes until a metric is at least as wanted.
func (g *testGateway) awaitMetric(t *testing.T, atLeast float64, name string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		got := metric(t, g.scrape(t), name)
		if got >= atLeast {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s stays at %v, want %v", name, got, atLeast)
		}
		time.Sleep(10 * time.Millisecond) // between two questions
	}
}

func startMeasured(t *testing.T, flags ...string) (*testGateway, *pgxpool.Pool) {
	t.Helper()
	url, pool := database(t)
	exec(t, pool, `grant pg_read_all_stats to `+gatewayLogin) // so that nothing is left out
	return startReady(t, url, append([]string{"--admin-addr", "127.0.0.1:0"}, flags...)...), pool
}

func TestMetricsKeepToTheConventions(t *testing.T) {
	g, _ := startMeasured(t)
	problems, err := promlint.New(strings.NewReader(g.metrics(t))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsCountWhatHappens(t *testing.T) {
	g, pool := startMeasured(t)
	token := session(t, pool, "acme", "ada")
	cursor := decode[page](t, g, "/api/activity", token).Cursor
	insert(t, pool, "acme", "missed")
	first, second := g.stream(t, token), g.stream(t, token, "?cursor="+cursor)
	second.Event(t)
	insert(t, pool, "acme", "live")
	first.Event(t)
	second.Event(t)
	g.stream(t, token, "?cursor=nonsense").Until(t, "reset")

	g.awaitMetric(t, 3, "pgfeed_deliveries_total")
	g.awaitMetric(t, 2, "pgfeed_delivery_latency_seconds") // the live one, to two
	g.awaitMetric(t, 1, "pgfeed_dispatch_latency_seconds")
	g.awaitMetric(t, 1, "pgfeed_session_changes_reported")
	now := g.scrape(t)
	for _, want := range []struct {
		name   string
		labels []string
		value  float64
	}{
		{"pgfeed_connections", nil, 3},
		{"pgfeed_tenants", nil, 1},
		{"pgfeed_connections_opened_total", nil, 3},
		{"pgfeed_deliveries_total", nil, 3},
		{"pgfeed_replays_total", nil, 1},
		{"pgfeed_replayed_events_total", nil, 1},
		{"pgfeed_resets_total", []string{"reason", "invalid"}, 1},
		{"pgfeed_resets_total", []string{"reason", "overflow"}, 0},
		{"pgfeed_byes_total", []string{"reason", "slow"}, 0},
		{"pgfeed_log_readable", nil, 1},
		{"pgfeed_listener_hears", nil, 1},
		{"pgfeed_listener_channels", nil, 1},
		{"pgfeed_listener_connects_total", nil, 1},
		{"pgfeed_database_up", nil, 1},
		{"pgfeed_busy", nil, 0},
		{"pgfeed_unhinted_events_total", nil, 0},
		{"pgfeed_build_info", nil, 1},
		{"pgfeed_sessions_watched", nil, 1},
		{"pgfeed_authentications_total", []string{"outcome", "accepted"}, 4},
		{"pgfeed_authentications_total", []string{"outcome", "failed"}, 0},
		{"pgfeed_http_requests_total", []string{"route", "/api/activity", "method", "GET", "code", "200"}, 1},
	} {
		if got := metric(t, now, want.name, want.labels...); got != want.value {
			t.Errorf("%s %q is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	for _, name := range []string{
		"pgfeed_sent_bytes_total", "pgfeed_reconciliation_duration_seconds", "pgfeed_listener_probe_duration_seconds",
		"pgfeed_log_bytes", "pgfeed_database_pool_acquires_total", "pgfeed_http_request_duration_seconds",
	} {
		if metric(t, now, name) <= 0 {
			t.Errorf("%s stays 0", name)
		}
	}
	if got := metric(t, now, "pgfeed_events_total", "source", "hint") + metric(t, now, "pgfeed_events_total", "source", "log"); got < 1 {
		t.Errorf("%v events came", got)
	}
}

func TestARouteThatNobodyHasIsNoLabelOfItsOwn(t *testing.T) {
	g, _ := startMeasured(t)
	g.get(t, "/api/one-of-very-many", "")
	if text := g.metrics(t); strings.Contains(text, "one-of-very-many") {
		t.Error("the path of a request became a label")
	}
}

func TestMetricsCountWhoIsRefused(t *testing.T) {
	g, pool := startMeasured(t, "--max-streams-per-user", "1")
	token := session(t, pool, "acme", "ada")
	g.get(t, "/api/activity", "")
	g.get(t, "/api/activity", "wrong")
	s := g.stream(t, token)
	if status, body := g.get(t, "/api/activity/stream", token); status != http.StatusTooManyRequests {
		t.Errorf("a second stream: %d %s", status, body)
	}
	exec(t, pool, `delete from sessions`)
	s.Until(t, "bye")
	g.awaitMetric(t, 1, "pgfeed_sessions_closed_total")
	now := g.scrape(t)
	for _, want := range []struct {
		name   string
		labels []string
		value  float64
	}{
		{"pgfeed_authentications_total", []string{"outcome", "none"}, 1},
		{"pgfeed_authentications_total", []string{"outcome", "refused"}, 1},
		{"pgfeed_streams_refused_total", []string{"limit", "user_streams"}, 1},
		{"pgfeed_streams_refused_total", []string{"limit", "tenant_streams"}, 0},
		{"pgfeed_streams_refused_total", []string{"limit", "address_rate"}, 0},
		{"pgfeed_byes_total", []string{"reason", "session"}, 1},
	} {
		if got := metric(t, now, want.name, want.labels...); got != want.value {
			t.Errorf("%s %q is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
}
