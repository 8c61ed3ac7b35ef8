package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAReportIsATableForPeopleAndJSONForMachines(t *testing.T) {
	r := NewReport("write")
	r.Add(
		Median("16 writers", "ratio", "", []float64{0.9, 0.7, 0.8}).AtLeast(0.85),
		Figure{Group: "16 writers", Name: "attached", Unit: "/s", Value: 12345.6},
		Figure{Group: "quiet", Name: "p99", Unit: "ms", Value: 3}.Below(4),
	)
	r.Note("generated on %d CPUs", 2)
	var table bytes.Buffer
	if err := r.Write(&table, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.80", "(0.70 to 0.90)", "≥ 0.85: MISSED", "12,346/s", "≤ 4.00 ms: reached", "generated on 2 CPUs"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	if missed := r.Missed(); len(missed) != 1 || missed[0].Name != "ratio" {
		t.Errorf("missed %+v", missed)
	}
	var text bytes.Buffer
	if err := r.Write(&text, true); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text.Bytes(), &back); err != nil || len(back.Figures) != 3 || back.Figures[0].Spread.Rounds != 3 {
		t.Errorf("%v %+v", err, back)
	}
}

func TestQuantilesKeepThreeDigits(t *testing.T) {
	l := NewLatency()
	for i := range 1000 {
		l.Record(time.Duration(i+1) * time.Millisecond)
	}
	l.Record(-time.Second)
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := l.At(q); got < want-want/500 || got > want+want/500 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if l.Count() != 1001 {
		t.Errorf("count %d", l.Count())
	}
}

func TestRoundsAlternateAndTheFirstToGoChanges(t *testing.T) {
	var order string
	note := func(name string) func(context.Context) (float64, error) {
		return func(context.Context) (float64, error) { order += name; return float64(len(order)), nil }
	}
	a, b, err := Alternate(t.Context(), 3, note("a"), note("b"))
	if err != nil || order != "abbaab" || !slices.Equal(a, []float64{1, 4, 5}) || !slices.Equal(b, []float64{2, 3, 6}) {
		t.Errorf("%s %v %v %v", order, a, b, err)
	}
	if got := Ratios([]float64{1, 2}, []float64{2, 0}); !slices.Equal(got, []float64{0.5}) {
		t.Errorf("ratios %v", got)
	}
}

func TestCleanupRunsAllInReverseThoughTheContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var c Cleanup
	var order string
	c.Add("first", func(ctx context.Context) error { order += "1"; return ctx.Err() })
	c.Add("second", func(context.Context) error { order += "2"; return errors.New("stuck") })
	err := c.Run(ctx)
	if order != "21" || err == nil || err.Error() != "clean up: second: stuck" {
		t.Errorf("%q %v", order, err)
	}
	if err := c.Run(ctx); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

func TestProgressInALogIsALineEach(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b)
	p.Step("round %d of %d", 1, 2)
	p.Step("round %d of %d", 2, 2)
	p.Done()
	if strings.Count(b.String(), "\n") != 2 || strings.Contains(b.String(), "\r") {
		t.Errorf("%q", b.String())
	}
	new(Progress).Step("nothing")
}
