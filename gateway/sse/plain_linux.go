package sse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgfeed/pgfeed/gateway"
)

// plain serves plain HTTP/1 connections on their descriptors.
type plain struct {
	writers []*writer
}

func newPlain(o Options) (*plain, error) {
	p := &plain{}
	for range o.Writers {
		w, err := newWriter(&o)
		if err != nil {
			p.close()
			return nil, err
		}
		p.writers = append(p.writers, w)
	}
	return p, nil
}

func (p *plain) close() {
	for _, w := range p.writers {
		w.close()
	}
}

// takeOver hijacks the connection, writes on it what a stream begins with, and hands its descriptor to a writer.
func (e *Engine) takeOver(w http.ResponseWriter, r *http.Request, s *gateway.Subscriber, tcp *net.TCPConn) error {
	// The copy comes first: where there is no descriptor left, the request can still be answered.
	fd, err := e.descriptor(tcp)
	if err != nil {
		s.Leave()
		return err
	}
	taken := false
	defer func() {
		if !taken {
			_ = unix.Close(fd)
			s.Leave()
		}
	}()
	conn, _, err := http.NewResponseController(w).Hijack() // what a client sends behind its request is dropped
	if err != nil {
		return fmt.Errorf("take over the connection: %w", err)
	}
	defer conn.Close() //nolint:errcheck // the descriptor that goes on is another
	if err := e.begin(conn, w.Header(), r, s); err != nil {
		return err
	}
	taken = true
	e.arrived()
	e.plain.writers[fd%len(e.plain.writers)].adopt(fd, s)
	return nil
}

// descriptor gives a descriptor of the connection that the runtime's poller doesn't know.
func (e *Engine) descriptor(tcp *net.TCPConn) (int, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("take over the connection: %w", err)
	}
	fd := -1
	var failed error
	err = raw.Control(func(original uintptr) {
		fd, failed = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, failed); err != nil {
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
			e.o.Logger.Error("no descriptor is left for a stream: raise the limit on open files, or lower --max-streams", "error", err)
			return -1, ErrBusy
		}
		return -1, fmt.Errorf("take over the connection: %w", err)
	}
	// A peer that vanished is given up when it hasn't acknowledged what it was sent for that long (tcp(7)).
	timeout := 2 * e.o.WriteTimeout
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds())); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("set TCP_USER_TIMEOUT: %w", err)
	}
	return fd, nil
}

// begin writes the header, hello and what was missed. It may block, up to the time limits of each write.
func (e *Engine) begin(conn net.Conn, h http.Header, r *http.Request, s *gateway.Subscriber) error {
	buf, err := e.appendHello(appendHeader(make([]byte, 0, 2048), h, r), s)
	if err != nil {
		return err
	}
	write := func(ctx context.Context, p []byte) error {
		return e.o.within(ctx, conn.SetWriteDeadline, func() error {
			if _, err := conn.Write(p); err != nil {
				return fmt.Errorf("write to the peer: %w", err)
			}
			return nil
		})
	}
	if err := write(r.Context(), buf); err != nil {
		return err
	}
	e.o.Counters.Wrote(0, len(buf))
	if err := s.Replay(r.Context(), func(ctx context.Context, frames []byte, events int) error {
		if err := write(ctx, frames); err != nil {
			return err
		}
		e.o.Counters.Wrote(events, len(frames))
		return nil
	}); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return nil
}

// appendHeader appends the response's header. The stream ends with the connection (RFC 9112, section 6.3): without chunks its bytes
// are the same for all.
func appendHeader(buf []byte, h http.Header, r *http.Request) []byte {
	if r.ProtoAtLeast(1, 1) {
		buf = append(buf, "HTTP/1.1 "...)
	} else {
		buf = append(buf, "HTTP/1.0 "...)
	}
	buf = strconv.AppendInt(buf, http.StatusOK, 10)
	buf = append(buf, " OK\r\nDate: "...)
	buf = time.Now().UTC().AppendFormat(buf, http.TimeFormat)
	buf = append(buf, "\r\nConnection: close\r\n"...)
	w := appender(buf)
	_ = h.Write(&w) // it can't fail
	return append(w, "\r\n"...)
}

type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// giveUpAfter has the system give a peer up that hasn't acknowledged what it was sent for that long (tcp(7)).
func giveUpAfter(tcp *net.TCPConn, timeout time.Duration) error {
	raw, err := tcp.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(timeout.Milliseconds()))
		})
		err = errors.Join(err, failed)
	}
	if err != nil {
		return fmt.Errorf("set TCP_USER_TIMEOUT: %w", err)
	}
	return nil
}
