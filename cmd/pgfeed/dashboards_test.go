package main

import (
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	dashboardFile = filepath.Join("..", "..", "deploy", "grafana", "pgfeed.json")
	alertsFile    = filepath.Join("..", "..", "deploy", "prometheus", "alerts.yaml")
)

// dashboardQueries are the queries of all panels of the Grafana dashboard, by the panel's title.
func dashboardQueries(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	queries := map[string][]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			queries[p.Title] = append(queries[p.Title], target.Expr)
		}
		if p.Type != "row" && len(queries[p.Title]) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
	}
	return queries
}

type alertRule struct{ Alert, Expr string }

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	text, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []alertRule } }
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	var rules []alertRule
	for _, g := range file.Groups {
		rules = append(rules, g.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("no alert rules")
	}
	return rules
}

func TestDashboardAndAlertsAskForMetricsThatTheGatewayHas(t *testing.T) {
	g, pool := startMeasured(t)
	g.stream(t, session(t, pool, "acme", "ada"))
	g.get(t, "/api/activity", "")
	families := g.scrape(t)
	metric := regexp.MustCompile(`\b(?:pgfeed|go|process)_\w+`)
	asked := map[string]bool{}
	check := func(where, expr string) {
		for _, name := range metric.FindAllString(expr, -1) {
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if cut, ok := strings.CutSuffix(name, suffix); ok && families[cut] != nil {
					base = cut
				}
			}
			asked[base] = true
			if families[base] == nil {
				t.Errorf("%s asks for %s, which a gateway doesn't have", where, name)
			}
		}
	}
	for title, queries := range dashboardQueries(t) {
		for _, q := range queries {
			check("panel "+title, q)
		}
	}
	for _, r := range alertRules(t) {
		check("alert "+r.Alert, r.Expr)
	}
	for name := range families {
		if strings.HasPrefix(name, "pgfeed_") && name != "pgfeed_build_info" && !asked[name] {
			t.Errorf("nothing shows %s", name)
		}
	}
}

func TestAlertsHaveAPlaceInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range alertRules(t) {
		if !strings.Contains(string(text), "### "+r.Alert+"\n") {
			t.Errorf("docs/operations.md has no section %s", r.Alert)
		}
	}
}

func TestPromtoolAcceptsAlertsAndQueries(t *testing.T) {
	promtool, err := osexec.LookPath("promtool")
	if err != nil {
		cache, _ := os.UserCacheDir()
		promtool = filepath.Join(cache, "pgfeed", "bin", "promtool")
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := osexec.Command(promtool, args...).CombinedOutput(); err != nil { //nolint:gosec // found above
			t.Errorf("promtool %q: %v\n%s\n(.ci/setup promtool installs it)", args, err, out)
		}
	}
	run("check", "rules", alertsFile)
	run("test", "rules", filepath.Join(filepath.Dir(alertsFile), "alerts_test.yaml"))

	// It doesn't read dashboards: their queries go into a file of rules.
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$job", ".*")
	var rules []rule
	for _, queries := range dashboardQueries(t) {
		for _, q := range queries {
			rules = append(rules, rule{"dashboard:query", variables.Replace(q)})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run("check", "rules", "--lint=none", file)
}
