package latency

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/programtest"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(programtest.Run(m, &program, storetest.Run)) }

var program string

func migrated(t *testing.T) (url string) {
	t.Helper()
	url = storetest.Database(t)
	storetest.Migrate(t, url)
	return url
}

func TestEveryEventArrivesOnceWhateverTheRate(t *testing.T) {
	url := migrated(t)
	report := bench.NewReport("latency")
	err := Run(t.Context(), Options{
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

func TestAStreamThatEndsEndsTheRun(t *testing.T) {
	url := migrated(t)
	pool, err := store.NewPool(url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // of what would take hours
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{
			Program: program, DatabaseURL: url, Rates: []int{0}, Duration: 2 * time.Second, Probes: 50, Tenants: 1,
		}, bench.NewReport("latency"), new(bench.Progress))
	}()
	for n := 0; n == 0; time.Sleep(10 * time.Millisecond) { // between two questions
		if err := pool.QueryRow(ctx, `select count(*) from "activityLogs"`).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Exec(ctx, `delete from sessions`); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; ctx.Err() != nil || err == nil || !strings.Contains(err.Error(), "the stream ended") {
		t.Errorf("%v, %v", err, ctx.Err())
	}
}
