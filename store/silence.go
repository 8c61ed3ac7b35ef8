package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// errSilent says that the server didn't answer for so long that the connection is taken for dead.
var errSilent = errors.New("the database is silent")

// How long a server may be silent within one statement. A half-open connection would be so for good; a server that is only
// slow gets twice the time at each attempt.
const (
	shortestSilence = 10 * time.Second
	longestSilence  = 2 * time.Minute
)

// silences makes watches. The zero value is ready.
type silences struct{ allowed atomic.Int64 }

// watch cancels the context of a statement whose server is silent for too long.
type watch struct {
	s       *silences
	allowed time.Duration
	timer   *time.Timer
	cancel  context.CancelFunc
	silent  atomic.Bool
}

// watch begins to watch. Call end.
func (s *silences) watch(ctx context.Context) (context.Context, *watch) {
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{s: s, allowed: max(time.Duration(s.allowed.Load()), shortestSilence), cancel: cancel}
	w.timer = time.AfterFunc(w.allowed, func() {
		w.silent.Store(true)
		cancel()
	})
	return ctx, w
}

// pause is for the time in which nothing is asked of the server, resume for when something is again.
func (w *watch) pause()  { w.timer.Stop() }
func (w *watch) resume() { w.timer.Reset(w.allowed) }

// end ends the watching, and reports whether the server was silent for too long.
func (w *watch) end() bool {
	w.timer.Stop()
	w.cancel()
	silent := w.silent.Load()
	if silent {
		w.s.allowed.Store(int64(min(2*w.allowed, longestSilence)))
	} else {
		w.s.allowed.Store(0)
	}
	return silent
}
