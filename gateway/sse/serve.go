package sse

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// Options of a stream. The zero value works: each field says its default.
type Options struct {
	Heartbeat    time.Duration // between pings; 30s
	KeepAlive    time.Duration // silence after which a comment is sent; 15s
	WriteTimeout time.Duration // for one write to be taken by the kernel; 10s
	Retry        time.Duration // what clients are told to wait before they reconnect; 1s
	DrainRetry   time.Duration // upper end of what they are told when the gateway drains; 5s
	Counters     *Counters     // where to count what is written; nowhere
}

func (o Options) withDefaults() Options {
	o.Heartbeat = cmp.Or(o.Heartbeat, 30*time.Second)
	o.KeepAlive = cmp.Or(o.KeepAlive, 15*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.Retry = cmp.Or(o.Retry, time.Second)
	o.DrainRetry = cmp.Or(o.DrainRetry, 5*time.Second)
	return o
}

// Header sets what a stream's response needs so that nothing in between caches, compresses or buffers it.
func Header(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// hello is the data of the first frame.
type hello struct {
	Tenant    string `json:"tenant"`
	User      string `json:"user"`
	Heartbeat int    `json:"heartbeat"` // seconds between pings
	Cursor    string `json:"cursor"`
}

// Serve writes a subscriber's messages until the stream ends. The error says why it ended early; a peer that went away is
// the context's error.
func Serve(ctx context.Context, w http.ResponseWriter, s *gateway.Subscriber, o Options) error {
	o = o.withDefaults()
	c := &stream{w: w, rc: http.NewResponseController(w), timeout: o.WriteTimeout, counters: o.Counters}
	data, err := json.Marshal(hello{s.Identity.Tenant, s.Identity.User, int(o.Heartbeat.Seconds()), s.Start.String()})
	if err != nil {
		return fmt.Errorf("encode hello: %w", err)
	}
	c.buf = AppendRetry(c.buf, o.Retry)
	c.add(s.Hello(data))
	if err := c.flush(); err != nil {
		return err
	}
	if err := s.Replay(ctx, func(m gateway.Message) error {
		c.add(m)
		return c.flushAbove(64 << 10)
	}); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if err := c.flush(); err != nil {
		return err
	}
	return c.live(ctx, s, o)
}

func (c *stream) live(ctx context.Context, s *gateway.Subscriber, o Options) error {
	ping := time.NewTicker(o.Heartbeat)
	defer ping.Stop()
	silence := time.NewTimer(o.KeepAlive)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.Ready():
			messages, closed := s.Take()
			if len(messages) == 0 {
				continue
			}
			if closed == gateway.CloseDrain {
				// Each client its own time, or all of them would be back at once.
				c.buf = append(AppendRetry(c.buf, o.Retry+rand.N(o.DrainRetry)), '\n') //nolint:gosec // jitter
			}
			for _, m := range messages {
				c.add(m)
			}
			if err := c.flush(); err != nil || closed != "" {
				return err
			}
			silence.Reset(o.KeepAlive)
		case now := <-ping.C:
			s.Ping(now)
		case <-silence.C:
			c.buf = append(c.buf, keepAlive...)
			if err := c.flush(); err != nil {
				return err
			}
			silence.Reset(o.KeepAlive)
		}
	}
}

// stream is the response being written.
type stream struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration
	buf     []byte

	counters *Counters
	events   int         // in buf
	arrived  []time.Time // when those of them were inserted that came live
}

func (c *stream) add(m gateway.Message) {
	c.buf = AppendMessage(c.buf, m)
	if isEvent(m) {
		c.events++
		if !m.At.IsZero() {
			c.arrived = append(c.arrived, m.At)
		}
	}
}

func (c *stream) flushAbove(size int) error {
	if len(c.buf) < size {
		return nil
	}
	return c.flush()
}

func (c *stream) flush() error {
	if len(c.buf) == 0 {
		return nil
	}
	if err := c.rc.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return fmt.Errorf("set a write deadline: %w", err)
	}
	if _, err := c.w.Write(c.buf); err != nil {
		return fmt.Errorf("write to the peer: %w", err)
	}
	if err := c.rc.Flush(); err != nil {
		return fmt.Errorf("write to the peer: %w", err)
	}
	c.counters.Wrote(c.events, len(c.buf))
	for _, at := range c.arrived {
		c.counters.Passed(at)
	}
	c.events, c.arrived = 0, c.arrived[:0]
	if cap(c.buf) > 64<<10 { // a burst is over: give its memory back
		c.buf = nil
	} else {
		c.buf = c.buf[:0]
	}
	return nil
}
