package sse

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// servePortable is one goroutine for one stream, through the ResponseWriter that the server gave.
func (e *Engine) servePortable(w http.ResponseWriter, r *http.Request, s *gateway.Subscriber) error {
	if tcp, ok := r.Context().Value(connKey{}).(*net.TCPConn); ok {
		if err := giveUpAfter(tcp, 2*e.o.WriteTimeout); err != nil {
			return err
		}
	}
	p := &portable{w: w, rc: http.NewResponseController(w), o: &e.o}
	defer func() { _ = p.limit() }() // the server writes the response's end
	w.WriteHeader(http.StatusOK)
	buf, err := e.appendHello(nil, s)
	if err != nil {
		return err
	}
	if err := p.write(buf); err != nil {
		return err
	}
	if err := s.Replay(r.Context(), func(ctx context.Context, frames []byte, events int) error {
		if err := e.o.within(ctx, p.rc.SetWriteDeadline, func() error { return p.put(frames) }); err != nil {
			return err
		}
		e.o.Counters.Wrote(events, 0)
		return nil
	}); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return p.live(r.Context(), s)
}

// portable is a response being written.
type portable struct {
	w  http.ResponseWriter
	rc *http.ResponseController
	o  *Options

	wrote, frame time.Time // when something was last written, and when that was a frame
	round        gateway.Round
}

func (p *portable) live(ctx context.Context, s *gateway.Subscriber) error {
	ready := s.Alone()
	silence := time.NewTimer(p.due())
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ready:
			if over, err := p.take(s); over || err != nil {
				return err
			}
			silence.Reset(p.due())
		case now := <-silence.C:
			if err := p.breakSilence(s, now); err != nil {
				return err
			}
			silence.Reset(p.due())
		}
	}
}

// take writes all that there is, and reports whether that was the end.
func (p *portable) take(s *gateway.Subscriber) (over bool, err error) {
	for {
		b := s.Take(&p.round)
		if b.Subscriber == nil {
			return false, nil
		}
		buf := b.Bytes
		if b.Close != "" {
			buf = p.o.appendEnd(buf[:len(buf):len(buf)], &b)
		}
		if err := p.write(buf); err != nil {
			return true, err
		}
		p.o.Counters.Wrote(b.Events, 0)
		p.o.Counters.passed(b.Inserted, 1, p.wrote)
		if b.Close != "" {
			return true, nil
		}
	}
}

// due is after what time the silence is to be broken.
func (p *portable) due() time.Duration {
	at := p.wrote.Add(p.o.KeepAlive)
	if ping := p.frame.Add(p.o.Heartbeat); ping.Before(at) {
		at = ping
	}
	return time.Until(at)
}

func (p *portable) breakSilence(s *gateway.Subscriber, now time.Time) error {
	if now.Sub(p.frame) >= p.o.Heartbeat {
		return p.write(s.Ping(now, &p.round))
	}
	frame := p.frame
	if err := p.write([]byte(keepAlive)); err != nil {
		return err
	}
	p.frame = frame
	return nil
}

func (p *portable) write(buf []byte) error {
	if len(buf) == 0 {
		p.wrote = time.Now()
		p.frame = p.wrote
		return nil
	}
	if err := p.limit(); err != nil {
		return err
	}
	return p.put(buf)
}

// put writes within the deadline that is set, and clears it.
func (p *portable) put(buf []byte) error {
	p.wrote = time.Now()
	p.frame = p.wrote
	if _, err := p.w.Write(buf); err != nil {
		return fmt.Errorf("write to the peer: %w", err)
	}
	if err := p.rc.Flush(); err != nil {
		return fmt.Errorf("write to the peer: %w", err)
	}
	p.o.Counters.Wrote(0, len(buf))
	// HTTP/2 ends a stream whose deadline passes, whether or not it is written to.
	if err := p.rc.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clear the write deadline: %w", err)
	}
	return nil
}

// limit gives the peer its time to take what is written from now on.
func (p *portable) limit() error {
	if err := p.rc.SetWriteDeadline(time.Now().Add(p.o.WriteTimeout)); err != nil {
		return fmt.Errorf("set a write deadline: %w", err)
	}
	return nil
}
