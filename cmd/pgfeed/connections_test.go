package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
		conn := dial(t, g)
		if i%2 == 0 { // the other half doesn't even begin
			send(t, conn, "GET /api/activity HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		}
		silent = append(silent, conn)
	}
	if status, body := g.get(t, "/api/activity", token); status != 200 {
		t.Errorf("whoever asks gets %d %s", status, body)
	}
	goesOn(t, pool, s)
	g.stream(t, token)
	for _, conn := range silent[:4*most] { // the oldest have been closed, long before their header's time was over
		closes(t, conn)
	}
	if closed := metric(t, g.scrape(t), "pgfeed_tcp_connections_closed_total"); closed < 4*most {
		t.Errorf("%v sockets are counted as closed", closed)
	}
}

// Requests for streams that are refused leave their connections open, and counted.
func TestRefusedStreamsConnectionsMakeWayAsWell(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	const most = 10
	g := startReady(t, url, "--max-connections", fmt.Sprint(most))
	token := session(t, pool, "acme", "ada")
	s := g.stream(t, token)
	var refused []net.Conn
	for range 3 * most {
		conn := dial(t, g)
		send(t, conn, "GET /api/activity/stream?topics=gossip HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%d, %v", resp.StatusCode, err)
		}
		refused = append(refused, conn)
	}
	for _, conn := range refused[:2*most] {
		closes(t, conn)
	}
	goesOn(t, pool, s)
}

// Nor do those keep anybody out who ask, and then neither take the answer nor send what they have announced. A stream has more time.
func TestRequestsThatAreNeverOverAreEnded(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	const most = 10
	g := startReady(t, url, "--admin-addr", "127.0.0.1:0", "--max-connections", fmt.Sprint(most), "--header-timeout", "1s", "--request-timeout", "3s")
	token := session(t, pool, "acme", "ada")
	s := g.stream(t, token)
	busy := func() float64 {
		figures := g.scrape(t)
		return metric(t, figures, "pgfeed_tcp_connections") - metric(t, figures, "pgfeed_tcp_connections_waiting")
	}
	for n := 0; busy() < most-1; n++ {
		conn := dial(t, g)
		if n%2 == 0 {
			send(t, conn, strings.Repeat("GET /assets/index.js HTTP/1.1\r\nHost: x\r\n\r\n", 50)) // more than the buffers between hold
		} else {
			send(t, conn, "GET /assets/index.js HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
		}
	}
	for deadline := time.Now().Add(30 * time.Second); busy() > 0; time.Sleep(10 * time.Millisecond) { // between two questions
		if time.Now().After(deadline) {
			t.Fatalf("%v requests aren't over", busy())
		}
	}
	if status, body := g.get(t, "/api/activity", token); status != http.StatusOK {
		t.Errorf("whoever asks gets %d %s", status, body)
	}
	goesOn(t, pool, s)
}

// dial opens a connection that holds little until it is read.
func dial(t *testing.T, g *testGateway) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://")) //nolint:noctx // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil && !isClosed(err) {
		t.Fatal(err)
	}
}

// closes reads what is there until the gateway has closed the connection.
func closes(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && !isClosed(err) {
		t.Fatalf("a connection stays open: %v", err)
	}
}

func isClosed(err error) bool {
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}
