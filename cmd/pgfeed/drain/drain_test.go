package drain

import (
	"os"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/programtest"
)

func TestMain(m *testing.M) { os.Exit(programtest.Run(m, &program, (*testing.M).Run)) }

var program string

// pgfeed bench drain, but smaller: 9,000 subscribers and a window of 20 s are its defaults.
func TestARollingRestartLosesNothing(t *testing.T) {
	report := bench.NewReport("drain")
	err := Run(t.Context(), Options{
		Program: program, Gateways: 3, Subscribers: 90, Tenants: 3, Rate: 20, Window: 4 * time.Second, Grace: time.Minute,
	}, report, new(bench.Progress))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Missed() {
		t.Errorf("%s: %s: %v", f.Group, f.Name, f.Value)
	}
	drained := 0.0
	for _, f := range report.Figures {
		switch {
		case f.Name == "committed rows" && f.Value == 0:
			t.Error("nothing was written")
		case f.Name == "reconnections":
			drained += f.Value
		}
	}
	if drained < 90 {
		t.Errorf("%v streams moved: every subscriber's gateway was replaced", drained)
	}
	for _, note := range report.Notes {
		t.Log(note)
	}
}

func TestThePeakIsOfAnySecond(t *testing.T) {
	c := newCurve()
	c.steps = []int{0, 0, 0, 0, 0, 0, 0, 0, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 1, 1, 1}
	if got := c.peak(); got != 20 {
		t.Errorf("the peak is %d", got)
	}
	if got := c.total(); got != 23 {
		t.Errorf("the total is %d", got)
	}
}
