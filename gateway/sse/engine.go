package sse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// Engine serves streams.
type Engine struct {
	o       Options
	plain   *plain // nil: everything goes the portable way
	settled *time.Timer

	mu        sync.Mutex
	closed    bool
	arrivals  int            // connections handed over since memory was last given back
	live      uint64         // bytes of objects after that
	delivered uint64         // when it was last looked at
	serving   sync.WaitGroup // requests whose connections are being taken over
}

// New starts an engine.
func New(o Options) (*Engine, error) {
	e := &Engine{o: o.withDefaults()}
	e.settled = time.AfterFunc(time.Hour, e.giveBack)
	if !e.o.Portable {
		var err error
		if e.plain, err = newPlain(e.o); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Close ends what is left, once what was to be written is. Subscribers should have been closed before (gateway.Hub.Drain).
// Streams that go the portable way end with their requests.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.serving.Wait()
	e.settled.Stop()
	if e.plain != nil {
		e.plain.close()
	}
}

// connKey is where ConnContext leaves a connection.
type connKey struct{}

// ConnContext is for http.Server: it lets the engine know which connections it may take over.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if tcp, ok := c.(*net.TCPConn); ok {
		return context.WithValue(ctx, connKey{}, tcp)
	}
	return ctx
}

// ErrBusy says that the process can't have more connections.
var ErrBusy = errors.New("no more connections can be had at present")

// ErrClosed says that the engine has been closed.
var ErrClosed = errors.New("the stream engine is closed")

// Serve answers a request with a subscriber's stream, and has the subscriber leave in the end. Where the connection can be taken
// over it returns once what was missed is sent, and the stream goes on by itself; else it returns when the stream ends. The error
// says why it ended early; ErrBusy and ErrClosed come before anything is written.
func (e *Engine) Serve(w http.ResponseWriter, r *http.Request, s *gateway.Subscriber) error {
	if e.plain != nil && r.ProtoMajor == 1 && r.TLS == nil {
		if tcp, ok := r.Context().Value(connKey{}).(*net.TCPConn); ok {
			if !e.enter() {
				s.Leave()
				return ErrClosed
			}
			defer e.serving.Done()
			return e.takeOver(w, r, s, tcp)
		}
	}
	defer s.Leave()
	return e.servePortable(w, r, s)
}

func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.serving.Add(1)
	}
	return !e.closed
}

// hello is the data of the first frame.
type hello struct {
	Tenant    string `json:"tenant"`
	User      string `json:"user"`
	Heartbeat int    `json:"heartbeat"` // seconds between pings
	Cursor    string `json:"cursor"`
}

func (e *Engine) appendHello(buf []byte, s *gateway.Subscriber) ([]byte, error) {
	data, err := json.Marshal(hello{s.Identity.Tenant, s.Identity.User, int(e.o.Heartbeat.Seconds()), s.Start().String()})
	if err != nil {
		return nil, fmt.Errorf("encode hello: %w", err)
	}
	return gateway.AppendFrame(gateway.AppendRetry(buf, e.o.Retry), s.Hello(data)), nil
}

// appendEnd appends what comes behind a stream's last event.
func (o *Options) appendEnd(buf []byte, b *gateway.Batch) []byte {
	if !b.Bye {
		return buf
	}
	if b.Close == gateway.CloseDrain {
		// Each client its own time: streams that are closed within one tick of the drain don't come back within one.
		buf = gateway.AppendRetry(buf, o.Retry/2+rand.N(o.Retry)) //nolint:gosec // jitter
	}
	return gateway.AppendBye(buf, b.Close)
}

// closeGrace is how long the peer of a stream that is closed within its replay has for the rest of a page, behind which bye comes: a
// page is at most 256 kB, or one frame, so whoever reads has it sooner.
const closeGrace = 500 * time.Millisecond

// within has a part of a replay written within WriteTimeout, or closeGrace from when ctx ends.
func (o *Options) within(ctx context.Context, deadline func(time.Time) error, write func() error) error {
	if err := deadline(time.Now().Add(o.WriteTimeout)); err != nil {
		return fmt.Errorf("set a write deadline: %w", err)
	}
	sooner := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(sooner)
		_ = deadline(time.Now().Add(closeGrace)) // it could be set before
	})
	err := write()
	if !stop() {
		<-sooner // not after the request
	}
	return err
}

const (
	burst      = 1000             // connections that leave memory worth giving back
	burstQuiet = 3 * time.Second  // after the last of them
	lookEvery  = 15 * time.Second // whether there is more garbage than the streams are worth
)

// arrived notes that a connection was handed over. Requests leave buffers and stacks behind that streams don't need; after a
// crowd has come, the operating system gets them back.
func (e *Engine) arrived() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.arrivals++; e.arrivals >= burst && !e.closed {
		e.settled.Reset(burstQuiet)
	}
}

// giveBack gives memory back after a crowd has come, and, while little is delivered, when garbage has gathered: the collector
// alone lets it grow to as much as is in use, which would be most of what idle streams take.
func (e *Engine) giveBack() {
	delivered := e.o.Counters.deliveries.Load()
	e.mu.Lock()
	quiet := delivered-e.delivered < burst*uint64(lookEvery/time.Second)
	worth := !e.closed && (e.arrivals >= burst || quiet && e.live > 0 && heap() > e.live+e.live/8)
	e.delivered = delivered
	if worth {
		e.arrivals = 0
	}
	e.mu.Unlock()
	live := uint64(0)
	if worth {
		debug.FreeOSMemory() // what lies in pools is only given up by the second collection after it was last used
		debug.FreeOSMemory()
		live = heap()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if worth {
		e.live = live
	}
	if !e.closed && e.live > 0 {
		e.settled.Reset(lookEvery)
	}
}

// heap is how many bytes there are in objects, alive or not yet collected.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
