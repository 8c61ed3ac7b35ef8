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
// closed.
//
// A server reports to State and Context, and has its handler behind Handler.
type Connections struct {
	most int

	mu      sync.Mutex
	streams int
	open    map[net.Conn]*connection // that aren't streams
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
	return &Connections{most: most, open: map[net.Conn]*connection{}}
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

// Stream says that a request's connection is a stream from now on. The stream's end calls StreamOver, once.
func (c *Connections) Stream(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn, _ := ctx.Value(connectionKey{}).(net.Conn)
	if one := c.open[conn]; one != nil {
		c.forget(one)
	}
	c.streams++
}

// StreamOver says that a stream has ended.
func (c *Connections) StreamOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams--
}

// ConnectionsStats is a snapshot of Connections.
type ConnectionsStats struct {
	Open, Waiting int    // now, streams not included; those that wait have no request
	Closed        uint64 // since the start, because there were too many
}

// Stats gives the figures of the moment.
func (c *Connections) Stats() ConnectionsStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ConnectionsStats{len(c.open), c.waiting.Len(), c.closed}
}
