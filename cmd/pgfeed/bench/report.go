package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the outcome of a benchmark.
type Report struct {
	Benchmark string            `json:"benchmark"`
	Started   time.Time         `json:"started"`
	Seconds   float64           `json:"seconds"`
	System    map[string]string `json:"system"`
	Settings  map[string]string `json:"settings"`
	Figures   []Figure          `json:"figures"`
	Notes     []string          `json:"notes,omitempty"`
}

// Figure is one line of a report: what was measured, of which kind, and what it came to.
type Figure struct {
	Group  string   `json:"group"`          // what was measured, such as "16 writers, autocommit"
	Name   string   `json:"name"`           // the kind of figure, such as "ratio" or "p99"
	Value  float64  `json:"value"`          // in Unit
	Unit   string   `json:"unit,omitempty"` // such as "ms", "/s"; none: a plain number
	Spread *Spread  `json:"spread,omitempty"`
	Target *float64 `json:"target,omitempty"` // what is to be reached; absent: nothing is
	AtMost bool     `json:"atMost,omitempty"` // Target is a ceiling, not a floor
}

// OK reports whether the figure reaches its target, or has none.
func (f Figure) OK() bool {
	switch {
	case f.Target == nil:
		return true
	case f.AtMost:
		return f.Value <= *f.Target
	}
	return f.Value >= *f.Target
}

// AtLeast gives the figure a floor.
func (f Figure) AtLeast(target float64) Figure {
	f.Target, f.AtMost = &target, false
	return f
}

// Below gives the figure a ceiling.
func (f Figure) Below(target float64) Figure {
	f.Target, f.AtMost = &target, true
	return f
}

// NewReport starts the report of a benchmark, with what is known of the machine.
func NewReport(benchmark string) *Report {
	return &Report{
		Benchmark: benchmark, Started: time.Now(),
		System: map[string]string{
			"cpus": fmt.Sprint(runtime.NumCPU()), "os": runtime.GOOS + "/" + runtime.GOARCH, "go": runtime.Version(),
		},
		Settings: map[string]string{},
	}
}

// Add appends figures.
func (r *Report) Add(figures ...Figure) { r.Figures = append(r.Figures, figures...) }

// Note adds a sentence that a reader of the figures should know.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Missed gives the figures that don't reach their targets.
func (r *Report) Missed() []Figure {
	var missed []Figure
	for _, f := range r.Figures {
		if !f.OK() {
			missed = append(missed, f)
		}
	}
	return missed
}

// Write prints the report: JSON for machines, else a table for people.
func (r *Report) Write(w io.Writer, asJSON bool) error {
	r.Seconds = time.Since(r.Started).Seconds()
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	group := ""
	for _, f := range r.Figures {
		shown := f.Group
		if shown == group {
			shown = ""
		}
		group = f.Group
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", shown, f.Name, number(f.Value, f.Unit), f.spread(), f.verdict())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, note := range r.Notes {
		if _, err := fmt.Fprintln(w, note); err != nil {
			return err
		}
	}
	return nil
}

func (f Figure) spread() string {
	if f.Spread == nil {
		return ""
	}
	return fmt.Sprintf("(%s to %s)", number(f.Spread.Low, ""), number(f.Spread.High, ""))
}

func (f Figure) verdict() string {
	if f.Target == nil {
		return ""
	}
	sign, word := "≥", "reached"
	if f.AtMost {
		sign = "≤"
	}
	if !f.OK() {
		word = "MISSED"
	}
	return fmt.Sprintf("%s %s: %s", sign, number(*f.Target, f.Unit), word)
}

// number prints three significant digits, and large numbers whole with their thousands set apart.
func number(v float64, unit string) string {
	var text string
	switch a := max(v, -v); {
	case a >= 1000:
		text = thousands(fmt.Sprintf("%.0f", v))
	case a >= 100:
		text = fmt.Sprintf("%.0f", v)
	case a >= 10:
		text = fmt.Sprintf("%.1f", v)
	default:
		text = fmt.Sprintf("%.2f", v)
	}
	switch {
	case unit == "":
		return text
	case strings.HasPrefix(unit, "/"), unit == "×", unit == "%":
		return text + unit
	}
	return text + " " + unit
}

func thousands(digits string) string {
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
