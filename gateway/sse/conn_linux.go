package sse

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pgfeed/pgfeed/gateway"
)

// conn is a connection of a writer. There are many, so it is small, and lies beside its neighbours.
type conn struct {
	subscriber   *gateway.Subscriber // nil: the place is free
	rest         *rest               // to be written before anything else
	fd           int32
	place        int32
	generation   uint32 // of the place: events of an earlier tenant are told by it
	wrote, frame uint32 // the ticks when something was last written, and when that was a frame
	due          uint32 // the tick when the wheel comes by
	full         bool   // the socket takes no more until epoll says that it does
}

// rest is the part of a batch that a socket had no room for, and that the ring can't give again.
type rest struct{ bytes []byte }

// write writes as much as the socket takes. It is false where the connection is broken.
func (c *conn) write(p []byte) (n int, ok bool) {
	for n < len(p) {
		// The descriptor doesn't block, so the scheduler need not know of the call.
		written, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&p[n])), uintptr(len(p)-n)) //nolint:gosec // see above
		switch errno {
		case 0:
			n += int(written) //nolint:gosec // no more than len(p)
		case unix.EINTR:
		case unix.EAGAIN:
			return n, true
		default:
			return n, false
		}
	}
	return n, true
}

const (
	watched      = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	watchedFull  = watched | unix.EPOLLOUT
	mostReceived = 64 << 10 // bytes that a client may send at a time behind its request; they are dropped
)

// arrive gives a connection its place.
func (w *writer) arrive(a arrival) {
	var c *conn
	if n := len(w.free); n > 0 {
		c = &w.conns[w.free[n-1]]
		w.free = w.free[:n-1]
	} else {
		w.conns = append(w.conns, conn{place: int32(len(w.conns))}) //nolint:gosec // connections of one process
		c = &w.conns[len(w.conns)-1]
	}
	c.subscriber, c.fd, c.wrote, c.frame = a.s, int32(a.fd), w.tick, w.tick //nolint:gosec // a descriptor
	a.s.Tag = c.place
	if err := unix.EpollCtl(w.fd, unix.EPOLL_CTL_ADD, a.fd, c.event(watched)); err != nil {
		w.o.Logger.Error("a connection can't be watched", "error", err)
		w.drop(c)
		return
	}
	w.wheel.add(c)
	a.s.Serve(w)
}

func (c *conn) event(what uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: what, Fd: c.place, Pad: int32(c.generation)} //nolint:gosec // the same bits, both ways
}

// drop closes a connection and has its subscriber leave. Closing takes it out of epoll.
func (w *writer) drop(c *conn) {
	_ = unix.Close(int(c.fd))
	s := c.subscriber
	*c = conn{place: c.place, generation: c.generation + 1}
	w.free = append(w.free, c.place)
	s.Leave()
}

// block waits for room in a socket that took a batch in part only.
func (w *writer) block(c *conn, keep []byte) {
	if len(keep) > 0 {
		c.rest = &rest{append([]byte(nil), keep...)}
	}
	c.full = true
	if err := unix.EpollCtl(w.fd, unix.EPOLL_CTL_MOD, int(c.fd), c.event(watchedFull)); err != nil {
		w.o.Logger.Error("a connection can't be watched", "error", err)
		w.drop(c)
	}
}

// happened takes in what epoll has told of a connection.
func (w *writer) happened(e *unix.EpollEvent) {
	c := &w.conns[e.Fd]
	if c.subscriber == nil || c.generation != uint32(e.Pad) { //nolint:gosec // the same bits, both ways
		return // it is of a connection that was closed
	}
	if e.Events&(unix.EPOLLERR|unix.EPOLLHUP|unix.EPOLLRDHUP) != 0 || e.Events&unix.EPOLLIN != 0 && !w.receive(c) {
		w.drop(c)
		return
	}
	if e.Events&unix.EPOLLOUT != 0 && c.full {
		w.resume(c)
	}
}

// receive drops what a client sends, such as further requests. It is false where the peer has closed, or sends on and on.
func (w *writer) receive(c *conn) bool {
	var buf [4096]byte
	for range mostReceived / len(buf) {
		n, err := unix.Read(int(c.fd), buf[:])
		switch {
		case err == unix.EINTR: //nolint:errorlint // an errno
		case err == unix.EAGAIN: //nolint:errorlint // an errno
			return true
		case err != nil || n == 0:
			return false
		}
	}
	return false
}

// resume goes on with a socket that has room again.
func (w *writer) resume(c *conn) {
	if c.rest != nil {
		n, ok := c.write(c.rest.bytes)
		if !ok {
			w.drop(c)
			return
		}
		w.o.Counters.Wrote(0, n)
		if c.rest.bytes = c.rest.bytes[n:]; len(c.rest.bytes) > 0 {
			return // epoll says when there is room again: the write has met the end of it
		}
		c.rest = nil
	}
	c.full, c.wrote, c.frame = false, w.tick, w.tick
	c.subscriber.Unblock()
}
