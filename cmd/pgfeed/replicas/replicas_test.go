package replicas

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/programtest"
)

func TestMain(m *testing.M) { os.Exit(programtest.Run(m, &program, (*testing.M).Run)) }

var program string

func TestEveryGatewayGetsEveryEventAndEachFigureIsThere(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("CPU times are read from /proc")
	}
	report := bench.NewReport("replicas")
	err := Run(t.Context(), Options{Program: program, Counts: []int{1, 2}, Tenants: 2, Quiet: 20, Busy: 100, Duration: time.Second, Settle: time.Second}, report, new(bench.Progress))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Missed() {
		t.Errorf("%s: %s: %v", f.Group, f.Name, f.Value)
	}
	seen := map[string]float64{}
	for _, f := range report.Figures {
		seen[f.Group+": "+f.Name] = f.Value
	}
	for _, name := range []string{
		"0 gateways, quiet: server's CPU per event", "1 gateways, quiet: server's CPU per event", "2 gateways, busy: server's CPU per event",
		"2 gateways, idle: server's CPU for clients", "2 gateways, busy: a gateway's CPU per event", "2 gateways, quiet: INSERT to subscriber, p50",
	} {
		if seen[name] <= 0 {
			t.Errorf("%s is %v", name, seen[name])
		}
	}
}

func TestCPUTimeGrowsWithWork(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("CPU times are read from /proc")
	}
	before, err := cpuOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for {
		after, err := cpuOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after-before > 10*time.Millisecond { // which reading takes, sooner or later
			return
		}
	}
}
