package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pgfeed/pgfeed/store/doctor"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestTheDoctorEndsWithStatusOneWhenACheckFails(t *testing.T) {
	code, out, err := command(t, "doctor", "--database-url", storetest.Database(t), "--timeout", "30s")
	if code != exitFailed || !strings.Contains(out, "FAIL  migrations") || !strings.Contains(out, "-> Run: pgfeed migrate up") || !strings.Contains(err, "FAIL above") {
		t.Errorf("status %d\n%s\n%s", code, out, err)
	}
}

func TestTheDoctorEndsWithStatusZeroWhenThereAreOnlyWarnings(t *testing.T) {
	url, _ := database(t)
	code, out, err := command(t, "doctor", "--database-url", url, "--timeout", "30s", "--long-transaction", "1h")
	if code != 0 || err != "" || !strings.Contains(out, "WARN  gateways") {
		t.Errorf("status %d\n%s\n%s", code, out, err)
	}
}

func TestTheDoctorFindsARunningGateway(t *testing.T) {
	url, _ := database(t)
	startReady(t, url)
	code, out, _ := command(t, "doctor", "--database-url", url, "--timeout", "30s", "--json")
	var findings []doctor.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || code != 0 {
		t.Fatalf("status %d: %v\n%s", code, err, out)
	}
	for _, f := range findings {
		if f.Check == "gateways" && f.Status == doctor.OK && strings.HasPrefix(f.Found, "1 ") {
			return
		}
	}
	t.Errorf("found %+v", findings)
}

func TestTheDoctorRefusesWrongSettingsAllAtOnce(t *testing.T) {
	code, _, err := command(t, "doctor", "--database-url", "mysql://x", "--queue-usage", "2", "--timeout", "0s", "--long-transaction", "0s")
	for _, says := range []string{"--database-url", "--queue-usage", "--timeout", "--long-transaction"} {
		if code != exitUsage || !strings.Contains(err, says) {
			t.Errorf("status %d, %q does not name %s", code, err, says)
		}
	}
}

func TestTheDoctorLooksUpSessionsAsTheGatewayIsToldTo(t *testing.T) {
	url, pool := database(t)
	doctor := func(flags ...string) (code int, out string) {
		t.Helper()
		code, out, _ = command(t, append([]string{"doctor", "--database-url", url, "--timeout", "30s"}, flags...)...)
		return code, out
	}
	if code, out := doctor(); code != 0 || !strings.Contains(out, "can be looked up, and changes are reported") {
		t.Errorf("status %d\n%s", code, out)
	}
	exec(t, pool, `select pgfeed.unwatch_sessions('sessions')`)
	if code, out := doctor(); code != 0 || !strings.Contains(out, "pgfeed session watch") {
		t.Errorf("unwatched: status %d\n%s", code, out)
	}
	if code, out := doctor("--session-preset", "better-auth", "--session-tenant", "acme"); code != exitFailed || !strings.Contains(out, "FAIL  sessions") {
		t.Errorf("without better-auth's tables: status %d\n%s", code, out)
	}
	if code, out := doctor("--session-preset", "query", "--session-query", "select nonsense"); code != exitFailed || !strings.Contains(out, "FAIL  sessions") {
		t.Errorf("with a wrong query: status %d\n%s", code, out)
	}
}
