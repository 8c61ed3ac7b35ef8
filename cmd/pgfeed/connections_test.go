package main

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Sockets that are opened and say nothing, or say it slowly, keep nobody out: neither streams nor requests.
func TestSocketsThatSayNothingMakeWayForThoseWhoAsk(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	const most = 20
	g := startReady(t, url, "--admin-addr", "127.0.0.1:0", "--max-connections", "20", "--header-timeout", "1m")
	token := session(t, pool, "acme", "ada")
	s := g.stream(t, token)
	var silent []net.Conn
	for i := range 5 * most {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://")) //nolint:noctx // the test's own server
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // the test is over
		if i%2 == 0 {      // the other half doesn't even begin
			if _, err := io.WriteString(conn, "GET /api/activity HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil && !isClosed(err) {
				t.Fatal(err)
			}
		}
		silent = append(silent, conn)
	}
	if status, body := g.get(t, "/api/activity", token); status != 200 {
		t.Errorf("whoever asks gets %d %s", status, body)
	}
	insert(t, pool, "acme", "goes on")
	if got := description(t, s.Event(t)); got != "goes on" {
		t.Errorf("the stream got %q", got)
	}
	g.stream(t, token)
	for _, conn := range silent[:4*most] { // the oldest have been closed, long before their header's time was over
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !isClosed(err) {
			t.Fatalf("a socket that says nothing: %v", err)
		}
	}
	if closed := metric(t, g.scrape(t), "pgfeed_tcp_connections_closed_total"); closed < 4*most {
		t.Errorf("%v sockets are counted as closed", closed)
	}
}

func isClosed(err error) bool {
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}
