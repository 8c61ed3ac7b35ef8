package latency

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

var program string

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pgfeed-latency-")
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
	storetest.Main(m)
	return 0
}

func TestEveryEventArrivesOnceWhateverTheRate(t *testing.T) {
	url := storetest.Database(t)
	m, err := store.NewMigrator(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	report := bench.NewReport("latency")
	err = Run(t.Context(), Options{
		Program: program, DatabaseURL: url, Rates: []int{0, 400, 0}, Duration: time.Second, Probes: 20, Tenants: 2,
	}, report, new(bench.Progress))
	if err != nil {
		t.Fatal(err)
	}
	figures := map[string]float64{}
	for _, f := range report.Figures {
		figures[f.Group+": "+f.Name] = f.Value
	}
	for _, name := range []string{
		"phase 1: 0 other INSERTs/s: stream p50", "phase 2: 400 other INSERTs/s: LISTEN p99", "phase 3: 0 other INSERTs/s: stream max",
		"all phases: events for the subscriber",
	} {
		if figures[name] <= 0 {
			t.Errorf("%s: %v", name, figures[name])
		}
	}
	for _, name := range []string{"all phases: lost", "all phases: doubled"} {
		if n, there := figures[name]; n != 0 || !there {
			t.Errorf("%s: %v", name, n)
		}
	}
}
