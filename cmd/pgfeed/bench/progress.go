package bench

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Progress tells a person what a benchmark is doing. On a terminal one line is written over and over; elsewhere, in a log,
// each step is a line. Its zero value says nothing.
type Progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	started  time.Time
	dirty    bool
}

// NewProgress writes to w, which is not the stream of results.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w, started: time.Now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			p.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return p
}

// Step says what is being done now.
func (p *Progress) Step(format string, args ...any) {
	if p == nil || p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("%4.0fs  %s", time.Since(p.started).Seconds(), fmt.Sprintf(format, args...))
	if p.terminal {
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		p.dirty = true
		return
	}
	_, _ = fmt.Fprintln(p.w, text)
}

// Done clears the line.
func (p *Progress) Done() {
	if p == nil || p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirty {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
		p.dirty = false
	}
}
