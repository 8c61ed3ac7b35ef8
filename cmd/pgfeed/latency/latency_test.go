package latency

import (
	"os"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/programtest"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(programtest.Run(m, &program, storetest.Run)) }

var program string

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
