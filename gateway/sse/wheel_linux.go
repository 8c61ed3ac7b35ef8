package sse

import (
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// wheel says when which connection's silence is to be broken. Time is counted in ticks; a connection is in the slot of the tick at
// which it would have been silent for long enough, and moves on when the wheel comes by and it wasn't. An event that is written
// costs the wheel nothing.
type wheel struct {
	every     time.Duration
	slots     [][]int32 // places of connections
	keepAlive uint32    // ticks
	near      uint32    // a ping that is due so soon takes a comment's place
	heartbeat uint32
	stalled   uint32
	turned    uint32 // the last tick that was looked at
}

// resolution is how many ticks make up the time after which a comment is sent. Few, since many writes in a row cost less each than the
// same ones one by one; not so few that a sweep would keep events waiting for long.
const resolution = 16

func newWheel(o *Options) wheel {
	every := min(max(o.KeepAlive/resolution, 10*time.Millisecond), time.Second)
	ticks := func(d time.Duration) uint32 { return uint32(max(d/every, 1)) } //nolint:gosec // no more than years of them
	keepAlive := ticks(o.KeepAlive)
	return wheel{
		every: every, slots: make([][]int32, keepAlive+2), keepAlive: keepAlive, near: keepAlive / 4, heartbeat: ticks(o.Heartbeat), stalled: ticks(o.WriteTimeout),
	}
}

// early is how many ticks a connection's turn comes before the time: connections that were written to at the same moment
// shouldn't all be again.
func early(c *conn, ticks uint32) uint32 {
	const bits = 16
	part := uint32(c.place) * 2654435761 >> (32 - bits) //nolint:gosec // never negative
	return part * (ticks/8 + 1) >> bits                 // of an eighth, the same part each time: a ping falls on a comment
}

// dueAt is the tick when the connection's silence is to be broken.
func (w *wheel) dueAt(c *conn) uint32 {
	comment := c.wrote + w.keepAlive - early(c, w.keepAlive)
	return min(comment, w.pingAt(c))
}

func (w *wheel) pingAt(c *conn) uint32 { return c.frame + w.heartbeat - early(c, w.heartbeat) }

func (w *wheel) add(c *conn) {
	c.due = max(w.dueAt(c), w.turned+1)
	if latest := w.turned + uint32(len(w.slots)) - 1; c.due > latest { //nolint:gosec // not many
		c.due = latest
	}
	slot := c.due % uint32(len(w.slots)) //nolint:gosec // not many
	w.slots[slot] = append(w.slots[slot], c.place)
}

// sweep breaks the silences that are due. All pings of one sweep carry the same time, so that those of one tenant are the same
// bytes.
func (w *writer) sweep() {
	w.tick = uint32(w.now.Sub(w.started) / w.wheel.every) //nolint:gosec // years of ticks
	for w.wheel.turned < w.tick {
		w.wheel.turned++
		slot := &w.wheel.slots[w.wheel.turned%uint32(len(w.wheel.slots))] //nolint:gosec // not many
		places := *slot
		*slot = nil
		for _, place := range places {
			if c := &w.conns[place]; c.subscriber != nil && c.due == w.wheel.turned {
				w.visit(c)
			}
		}
	}
}

func (w *writer) visit(c *conn) {
	switch {
	case w.tick < w.wheel.dueAt(c): // something was written meanwhile
	case c.full:
		if w.tick-c.wrote >= w.wheel.stalled {
			c.subscriber.Close(gateway.CloseSlow)
		}
	case w.tick+w.wheel.near >= w.wheel.pingAt(c): // one write where there would soon be another
		if ping := c.subscriber.Ping(w.now, &w.round); ping != nil {
			w.say(c, ping)
			c.frame = w.tick
		}
	default:
		w.say(c, comment)
	}
	if c.subscriber != nil {
		w.wheel.add(c)
	}
}

// comment is shared by all; nobody changes it.
var comment = []byte(keepAlive)

// say writes something that isn't in the ring.
func (w *writer) say(c *conn, p []byte) {
	n, ok := c.write(p)
	switch {
	case !ok:
		w.drop(c)
		return
	case n < len(p):
		c.subscriber.Block()
		w.block(c, p[n:])
	default:
		c.wrote = w.tick
	}
	w.o.Counters.Wrote(0, n)
}
