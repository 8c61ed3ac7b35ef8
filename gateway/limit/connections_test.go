package limit_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/pgfeed/pgfeed/gateway/limit"
)

// socket is a connection that only knows whether it was closed.
type socket struct {
	net.Conn
	closed bool
}

func (s *socket) Close() error {
	s.closed = true
	return nil
}

func TestOneConnectionTooManyEndsTheOneThatHasGoneLongestWithoutARequest(t *testing.T) {
	c := limit.NewConnections(3)
	var conns []*socket
	arrive := func() {
		conns = append(conns, &socket{})
		c.State(conns[len(conns)-1], http.StateNew)
	}
	request := func(conn net.Conn, while func(*http.Request)) {
		c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { while(r) })).
			ServeHTTP(nil, (&http.Request{}).WithContext(c.Context(t.Context(), conn)))
	}
	want := func(want limit.ConnectionsStats) {
		t.Helper()
		if got := c.Stats(); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	for range 3 {
		arrive()
	}
	request(conns[0], func(*http.Request) {
		want(limit.ConnectionsStats{Open: 3, Waiting: 2})
		arrive() // the second one goes: the first has a request
		want(limit.ConnectionsStats{Open: 3, Waiting: 2, Closed: 1})
	})
	want(limit.ConnectionsStats{Open: 3, Waiting: 3, Closed: 1})
	arrive() // the third goes: the first has been served since
	want(limit.ConnectionsStats{Open: 3, Waiting: 3, Closed: 2})
	request(conns[0], func(r *http.Request) {
		if c.Stream(r.Context()) {
			t.Error("a stream that was refused has the connection")
		}
	})
	want(limit.ConnectionsStats{Open: 3, Waiting: 3, Closed: 2})
	request(conns[0], func(r *http.Request) {
		c.State(conns[0], http.StateHijacked)
		if !c.Stream(r.Context()) {
			t.Error("a stream has no connection")
		}
		request(conns[3], func(*http.Request) {
			request(conns[4], func(*http.Request) {
				arrive() // with two requests and a stream there is none to go but this one
				want(limit.ConnectionsStats{Open: 2, Closed: 3})
			})
		})
		c.StreamOver()
	})
	arrive()
	want(limit.ConnectionsStats{Open: 3, Waiting: 3, Closed: 3})
	for i, conn := range conns {
		if expected := i == 1 || i == 2 || i == 5; conn.closed != expected {
			t.Errorf("connection %d closed: %v", i, conn.closed)
		}
	}
	for _, conn := range conns {
		c.State(conn, http.StateClosed)
	}
	want(limit.ConnectionsStats{Closed: 3})
}
