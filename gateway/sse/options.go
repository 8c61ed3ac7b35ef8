package sse

import (
	"cmp"
	"log/slog"
	"net/http"
	"runtime"
	"time"
)

// Options of an Engine. The zero value works: each field says its default.
type Options struct {
	Heartbeat    time.Duration // longest time between two frames, after which a ping is sent; 30s
	KeepAlive    time.Duration // longest silence, after which a comment is sent; 15s
	WriteTimeout time.Duration // for a peer to take what it is written; 10s
	Retry        time.Duration // what clients are told to wait before they reconnect, half of that to one and a half where the gateway drains; 1s
	Writers      int           // goroutines that write to plain connections; GOMAXPROCS
	Portable     bool          // serve plain connections as TLS and HTTP/2 are
	Counters     *Counters     // where to count what is written; nowhere
	Logger       *slog.Logger  // discards
}

func (o Options) withDefaults() Options {
	o.Heartbeat = cmp.Or(o.Heartbeat, 30*time.Second)
	o.KeepAlive = cmp.Or(o.KeepAlive, 15*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.Retry = cmp.Or(o.Retry, time.Second)
	o.Writers = cmp.Or(o.Writers, runtime.GOMAXPROCS(0))
	if o.Counters == nil {
		o.Counters = &Counters{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Header sets what a stream's response needs so that nothing in between caches, compresses or buffers it.
func Header(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// keepAlive is a comment: it keeps proxies from cutting a silent connection, and scripts don't see it.
const keepAlive = ": keep-alive\n\n"
