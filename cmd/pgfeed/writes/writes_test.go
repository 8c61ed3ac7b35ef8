package writes

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

func TestEveryFigureIsThereAndNothingStaysBehind(t *testing.T) {
	url := storetest.Database(t)
	storetest.Migrate(t, url)
	report := bench.NewReport("write")
	err := Run(t.Context(), Options{
		Program: program, DatabaseURL: url, Writers: []int{2}, Modes: Modes(), Rounds: 1, Duration: time.Second, Gateways: 1, Tenants: 2,
	}, report, new(bench.Progress))
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Figures) != 3*len(Modes()) {
		t.Errorf("%d figures", len(report.Figures))
	}
	for _, f := range report.Figures {
		if f.Value <= 0 {
			t.Errorf("%s, %s: %v", f.Group, f.Name, f.Value)
		}
	}
	pool, err := store.NewPool(url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var left, events int
	if err := pool.QueryRow(t.Context(), `
select (select count(*) from pg_namespace where nspname like 'pgfeed\_%') + (select count(*) from sessions), (select count(*) from pgfeed.events)`).Scan(&left, &events); err != nil {
		t.Fatal(err)
	}
	if left != 0 || events == 0 {
		t.Errorf("%d schemas and sessions are left, and %d events were written", left, events)
	}
}
