package replicas

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
)

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

var program string

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pgfeed-replicas-")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program = filepath.Join(dir, "pgfeed")
	if out, err := exec.Command("go", "build", "-o", program, "..").CombinedOutput(); err != nil { //nolint:noctx // the tests wait for it
		log.Printf("build pgfeed: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

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
