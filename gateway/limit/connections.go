package limit

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
)

// Connections bounds the TCP connections of a server, streams included: whoever opens sockets and sends nothing, or sends it
// slowly, would otherwise take all the descriptors that a process may have. One too many ends the one that has gone longest
// without a request, since those who mean it send theirs at once; where every one has a request or is a stream, the new one is
// closed. A request that takes its connection over (hijacks it) is a stream, which counts until StreamOver.
//
// A server reports to State and Context, and has its handler behind Handler.
type Connections struct {
	most int

	mu      sync.Mutex
	streams int
	taken   map[net.Conn]struct{}    // those of streams whose requests aren't over
	open    map[net.Conn]*connection // that the server has
	waiting list.List                // of *connection without a request, the oldest first
	closed  uint64
}

type connection struct {
	conn  net.Conn
	place *list.Element // in waiting; nil while it has a request
	busy  int           // requests; HTTP/2 has many
}

// NewConnections allows that many; 0: no limit.
func NewConnections(most int) *Connections {
	return &Connections{most: most, taken: map[net.Conn]struct{}{}, open: map[net.Conn]*connection{}}
}

// State is for http.Server.ConnState.
func (c *Connections) State(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.most > 0 && len(c.open)+c.streams >= c.most {
			c.closed++
			oldest := c.waiting.Front()
			if oldest == nil {
				_ = conn.Close()
				return
			}
			one, _ := oldest.Value.(*connection)
			c.forget(one)
			_ = one.conn.Close()
		}
		one := &connection{conn: conn}
		c.open[conn] = one
		one.place = c.waiting.PushBack(one)
	case http.StateHijacked, http.StateClosed:
		if one := c.open[conn]; one != nil {
			c.forget(one)
		}
		if state == http.StateHijacked {
			c.taken[conn] = struct{}{}
			c.streams++
		}
	case http.StateActive, http.StateIdle: // a byte isn't a request yet: the handler tells
	}
}

// forget needs the lock.
func (c *Connections) forget(one *connection) {
	delete(c.open, one.conn)
	if one.place != nil {
		c.waiting.Remove(one.place)
		one.place = nil
	}
}

type connectionKey struct{}

// Context is for http.Server.ConnContext.
func (c *Connections) Context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// Handler tells requests from connections that have none.
func (c *Connections) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connectionKey{}).(net.Conn)
		c.requests(conn, 1)
		defer c.requests(conn, -1)
		next.ServeHTTP(w, r)
	})
}

func (c *Connections) requests(conn net.Conn, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.open[conn]
	if one == nil {
		return // it has been closed, or has become a stream
	}
	one.busy += n
	switch {
	case one.busy > 0 && one.place != nil:
		c.waiting.Remove(one.place)
		one.place = nil
	case one.busy == 0 && one.place == nil:
		one.place = c.waiting.PushBack(one)
	}
}

// Stream reports, at a request's end, whether it has made its connection a stream; then the stream's end calls StreamOver, once.
// One that was refused hasn't, nor one that the server has written: their connections may bring more requests.
func (c *Connections) Stream(ctx context.Context) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn, _ := ctx.Value(connectionKey{}).(net.Conn)
	_, taken := c.taken[conn]
	delete(c.taken, conn)
	return taken
}

// StreamOver says that a stream has ended.
func (c *Connections) StreamOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams--
}

// ConnectionsStats is a snapshot of Connections.
type ConnectionsStats struct {
	Open, Waiting int    // now, without those that streams have taken over; those that wait have no request
	Closed        uint64 // since the start, because there were too many
}

// Stats gives the figures of the moment.
func (c *Connections) Stats() ConnectionsStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ConnectionsStats{len(c.open), c.waiting.Len(), c.closed}
}
