package fanout

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/programtest"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(programtest.Run(m, &program, storetest.Run)) }

var program string

// Each round checks that every subscriber got every event once. Centrifugo is in no distribution's packages.
func TestOtherServersAreMeasuredBesideTheGateway(t *testing.T) {
	servers := []string{"nchan"}
	if _, err := os.Stat(nchanModule); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v: .ci/setup proxies installs it", err)
	}
	if _, err := exec.LookPath("centrifugo"); err == nil {
		servers = append(servers, "centrifugo")
	}
	url := storetest.Database(t)
	storetest.Migrate(t, url)
	report := bench.NewReport("others")
	err := RunOthers(t.Context(), OthersOptions{
		Options: Options{Program: program, DatabaseURL: url, Subscribers: 20, Rounds: 1, Duration: time.Second, Size: 100},
		Servers: servers, Settle: time.Second,
	}, report, new(bench.Progress))
	if err != nil {
		t.Fatal(err)
	}
	figures := map[string]float64{}
	for _, f := range report.Figures {
		figures[f.Group+": "+f.Name] = f.Value
	}
	for _, server := range append(servers, "gateway") {
		for _, name := range []string{"CPU per delivery, as fast as they are made", "p99, 10 events/s", "deliveries, as fast as they are made"} {
			if key := server + ", one tenant, 20 subscribers: " + name; figures[key] <= 0 {
				t.Errorf("%s: %v", key, figures[key])
			}
		}
	}
}
