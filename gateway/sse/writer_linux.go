package sse

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgfeed/pgfeed/gateway"
)

// writer owns connections: its goroutine alone writes to their descriptors and closes them. Nothing that it does there blocks. A
// second goroutine waits for what the kernel has to say of them and passes it on.
type writer struct {
	o      *Options
	epoll  *os.File // an epoll instance is a descriptor that can be waited for itself, by the runtime's poller
	fd     int      // its number
	signal chan struct{}
	wg     sync.WaitGroup

	mu       sync.Mutex
	closing  bool
	closed   bool // nobody looks at the lists below any more
	arrivals []arrival
	woken    []*gateway.Lane
	events   []unix.EpollEvent

	// The goroutine's own.
	conns   []conn
	free    []int32 // places in conns
	lanes   lanes
	round   gateway.Round
	scratch []byte
	wheel   wheel
	now     time.Time
	tick    uint32
	started time.Time
	spare   struct {
		arrivals []arrival
		woken    []*gateway.Lane
		events   []unix.EpollEvent
	}
}

type arrival struct {
	fd int
	s  *gateway.Subscriber
}

func newWriter(o *Options) (*writer, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	w := &writer{
		o: o, epoll: os.NewFile(uintptr(fd), "epoll"), fd: fd, signal: make(chan struct{}, 1), wheel: newWheel(o), //nolint:gosec // a descriptor
	}
	w.started = time.Now()
	w.now = w.started
	w.wg.Go(w.run)
	w.wg.Go(w.wait)
	return w, nil
}

// close writes what there is to write, closes all connections and waits for the goroutines.
func (w *writer) close() {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.poke()
	w.wg.Wait()
}

func (w *writer) poke() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// Wake implements gateway.Writer.
func (w *writer) Wake(l *gateway.Lane) {
	w.mu.Lock()
	w.woken = append(w.woken, l)
	w.mu.Unlock()
	w.poke()
}

// adopt takes over a descriptor and a subscriber.
func (w *writer) adopt(fd int, s *gateway.Subscriber) {
	w.mu.Lock()
	closed := w.closed
	if !closed {
		w.arrivals = append(w.arrivals, arrival{fd, s})
	}
	w.mu.Unlock()
	if closed {
		_ = unix.Close(fd)
		s.Leave()
		return
	}
	w.poke()
}

// wait passes on what happens to connections. They are registered edge-triggered, so that each thing is told once.
func (w *writer) wait() {
	raw, err := w.epoll.SyscallConn()
	if err != nil {
		w.o.Logger.Error("connections can't be watched", "error", err)
		return
	}
	var events [256]unix.EpollEvent
	for {
		n := 0
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, failed = unix.EpollWait(int(fd), events[:], 0) //nolint:gosec // a descriptor
			return n > 0 || failed != nil
		})
		if err != nil { // closed
			return
		}
		if failed != nil && failed != unix.EINTR { //nolint:errorlint // an errno
			w.o.Logger.Error("connections can't be watched", "error", failed)
			return
		}
		w.mu.Lock()
		w.events = append(w.events, events[:max(n, 0)]...)
		w.mu.Unlock()
		w.poke()
	}
}

func (w *writer) run() {
	tick := time.NewTicker(w.wheel.every)
	defer tick.Stop()
	for {
		select {
		case <-w.signal:
		case <-tick.C:
		}
		for more, closing := true, false; more; {
			w.now = time.Now()
			if more, closing = w.work(); !more && closing {
				w.end()
				return
			}
		}
	}
}

// turns is how many calls of Take a lane has before the next lane's turn comes, so that a large one doesn't hold up the others.
const turns = 4

// work does a part of what there is to do, and reports whether there is more.
func (w *writer) work() (more, closing bool) {
	w.mu.Lock()
	closing = w.closing
	arrivals, woken, events := w.arrivals, w.woken, w.events
	w.arrivals, w.woken, w.events = w.spare.arrivals[:0], w.spare.woken[:0], w.spare.events[:0]
	w.mu.Unlock()
	for _, a := range arrivals {
		w.arrive(a)
	}
	for i := range events {
		w.happened(&events[i])
	}
	w.lanes.push(woken...)
	clear(arrivals)
	clear(woken)
	w.spare.arrivals, w.spare.woken, w.spare.events = small(arrivals), small(woken), small(events)
	if w.lanes.len() > 0 {
		l := w.lanes.pop()
		again := true
		for turn := 0; again && turn < turns; turn++ {
			var batches []gateway.Batch
			batches, again = l.Take(&w.round)
			w.deliver(batches)
		}
		if again {
			w.lanes.push(l)
		}
	}
	w.sweep()
	return w.lanes.len() > 0 || len(arrivals)+len(woken)+len(events) > 0, closing
}

// small is a list to be used again, unless a crowd has made it large.
func small[T any](list []T) []T {
	if cap(list) > 1024 {
		return nil
	}
	return list[:0]
}

// end closes everything. Nobody but this goroutine touches a connection, so nothing is written to a descriptor that is closed.
func (w *writer) end() {
	w.mu.Lock()
	w.closed = true
	arrivals := w.arrivals
	w.arrivals = nil
	w.mu.Unlock()
	for _, a := range arrivals {
		_ = unix.Close(a.fd)
		a.s.Leave()
	}
	for i := range w.conns {
		if c := &w.conns[i]; c.subscriber != nil {
			w.drop(c)
		}
	}
	_ = w.epoll.Close()
}

// deliver writes batches to their sockets.
func (w *writer) deliver(batches []gateway.Batch) {
	tally := tally{counters: w.o.Counters}
	for i := range batches {
		b := &batches[i]
		c := &w.conns[b.Subscriber.Tag]
		if b.Close != "" {
			w.finish(c, b, &tally)
			continue
		}
		n, ok := c.write(b.Bytes)
		switch {
		case !ok:
			w.drop(c)
			continue
		case n == len(b.Bytes):
			c.wrote, c.frame = w.tick, w.tick
		default:
			w.block(c, b.Rewind(n))
		}
		tally.add(b, n)
	}
	tally.flush()
}

// finish writes a stream's end and closes it, whether or not the socket has room for all of it.
func (w *writer) finish(c *conn, b *gateway.Batch, t *tally) {
	w.scratch = w.o.appendEnd(append(w.scratch[:0], b.Bytes...), b)
	if n, ok := c.write(w.scratch); ok {
		t.add(b, n)
	}
	w.drop(c)
}

// tally adds up what was written, so that counters are touched once for many sockets.
type tally struct {
	counters               *Counters
	events, bytes, sockets int
	inserted               []int64 // of the sockets
}

func (t *tally) add(b *gateway.Batch, n int) {
	t.bytes += n
	if n < len(b.Bytes) { // the rest is counted as bytes when it is written
		return
	}
	t.events += b.Events
	if len(b.Inserted) == 0 {
		return
	}
	if t.sockets > 0 && (len(t.inserted) != len(b.Inserted) || &t.inserted[0] != &b.Inserted[0]) {
		t.flush()
	}
	t.inserted = b.Inserted
	t.sockets++
}

func (t *tally) flush() {
	t.counters.Wrote(t.events, t.bytes)
	if t.sockets > 0 {
		t.counters.passed(t.inserted, t.sockets, time.Now())
	}
	t.events, t.bytes, t.sockets = 0, 0, 0
}
