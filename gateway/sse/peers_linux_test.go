package sse_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// descriptors is how many this process has.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// dial opens a stream by hand and reads up to its hello.
func dial(t *testing.T, w *world, extra string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte("GET /?tenant=acme&user=ada HTTP/1.1\r\nHost: x\r\n\r\n" + extra)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	readUntil(t, c, r, "event: hello")
	return c.(*net.TCPConn), r
}

func readUntil(t *testing.T, c net.Conn, r *bufio.Reader, text string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("before %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

func plainWorld(t *testing.T, cfg gateway.Config) *world {
	t.Helper()
	return newWorld(t, "plain", cfg, sse.Options{})
}

func TestWhatAClientSendsBehindItsRequestIsDropped(t *testing.T) {
	w := plainWorld(t, gateway.Config{})
	c, r := dial(t, w, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 100))
	for range 10 {
		if _, err := c.Write(bytes.Repeat([]byte("x"), 3000)); err != nil {
			t.Fatal(err)
		}
	}
	w.publish("acme", "still here")
	readUntil(t, c, r, "still here")
	if n := w.hub.Subscribers(); n != 1 {
		t.Errorf("%d subscribers", n)
	}
}

func TestAClientThatSendsOnAndOnIsClosed(t *testing.T) {
	w := plainWorld(t, gateway.Config{})
	c, _ := dial(t, w, "")
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	for err := error(nil); err == nil; {
		_, err = c.Write(chunk)
	}
	w.await(t, "it has left", func() bool { return w.hub.Subscribers() == 0 })
}

func TestAClientThatClosesItsHalfIsGone(t *testing.T) {
	w := plainWorld(t, gateway.Config{})
	c, r := dial(t, w, "")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	w.await(t, "it has left", func() bool { return w.hub.Subscribers() == 0 })
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for err := error(nil); err == nil; {
		_, err = r.ReadByte()
		if err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error("the connection stays open")
		}
	}
}

func TestAConnectionResetInTheMiddleOfAFrameLeavesNothingBehind(t *testing.T) {
	w := plainWorld(t, gateway.Config{MaxPending: 8 << 20})
	reader := w.stream(t, "tenant=acme&user=gus")
	before := descriptors(t)
	for n := range 20 {
		c, r := dial(t, w, "")
		if err := c.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		long := fmt.Sprint(n) + strings.Repeat("x", 6<<20) // more than its socket takes
		w.publish("acme", long)
		if _, err := r.ReadByte(); err != nil {
			t.Fatal(err)
		}
		if err := c.SetLinger(0); err != nil { // RST
			t.Fatal(err)
		}
		_ = c.Close()
		w.await(t, "it has left", func() bool { return w.hub.Subscribers() == 1 })
		expect(t, reader, long)
	}
	w.await(t, "no descriptor is left", func() bool { return descriptors(t) <= before })
}

// With a frame that its socket has taken in part, a subscriber that is told to go can't be told why; the others are.
func TestAByeNeverFollowsHalfAFrame(t *testing.T) {
	w := plainWorld(t, gateway.Config{MaxPending: 16 << 20})
	c, r := dial(t, w, "")
	w.publish("acme", strings.Repeat("x", 10<<20))
	w.await(t, "the socket is full", func() bool { return w.counters.Stats().Bytes > 100<<10 })
	w.hub.CloseSession("", gateway.CloseSession)
	w.await(t, "it has left", func() bool { return w.hub.Subscribers() == 0 })
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil {
		t.Log(err) // a reset is as good an end
	}
	if bytes.Contains(got.Bytes(), []byte("bye")) {
		t.Error("a bye within a frame")
	}
}

// When no descriptor is left, those who come wait or are told to come again, those who are here don't notice, and afterwards all
// is as before.
func TestNoDescriptorsAreLeftForAWhile(t *testing.T) {
	w := plainWorld(t, gateway.Config{})
	here := w.stream(t, "tenant=acme&user=ada")
	before := descriptors(t)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	reserve, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = uint64(highest(t)) + 1 + 5 // for two connections and a half: each takes one here, and one or two in the gateway
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) //nolint:errcheck // as it was
	var conns []net.Conn
	for {
		c, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			break // none is left for us either
		}
		conns = append(conns, c)
		_, _ = c.Write([]byte("GET /?tenant=acme&user=gus HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	w.publish("acme", "meanwhile")
	expect(t, here, "meanwhile")
	for _, c := range conns {
		_ = c.Close()
	}
	_ = reserve.Close()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	w.await(t, "those that came have left", func() bool { return w.hub.Subscribers() == 1 })
	again := w.stream(t, "tenant=acme&user=gus")
	w.publish("acme", "afterwards")
	expect(t, again, "afterwards")
	expect(t, here, "afterwards")
	again.Close()
	w.await(t, "no descriptor is left", func() bool {
		w.client.(*http.Transport).CloseIdleConnections()
		return descriptors(t) <= before
	})
}

// The very descriptor that a stream would need is missing: the client is told to come again, and the operator why.
func TestWithoutADescriptorForAStreamTheAnswerIs503(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, "plain", gateway.Config{}, sse.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	before := descriptors(t)
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the test is over
	w.await(t, "it is accepted", func() bool { return descriptors(t) == before+2 })
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = uint64(highest(t)) + 1
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) //nolint:errcheck // as it was
	var holes []int
	for { // in between
		fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			break
		}
		holes = append(holes, fd)
	}
	if _, err := c.Write([]byte("GET /?tenant=acme&user=gus HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	status, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(status, " 503 ") {
		t.Errorf("%q %v", status, err)
	}
	for _, fd := range holes {
		_ = syscall.Close(fd)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if n := w.hub.Subscribers(); n != 0 {
		t.Errorf("%d subscribers", n)
	}
	if !strings.Contains(log.String(), "raise the limit on open files") {
		t.Errorf("the log has %q", log.String())
	}
	s := w.stream(t, "tenant=acme&user=gus")
	w.publish("acme", "afterwards")
	expect(t, s, "afterwards")
}

func highest(t *testing.T) (most int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		var fd int
		if _, err := fmt.Sscan(entry.Name(), &fd); err == nil {
			most = max(most, fd)
		}
	}
	return most
}

func TestAnIdleStreamHasNoGoroutine(t *testing.T) {
	w := plainWorld(t, gateway.Config{})
	w.stream(t, "tenant=acme&user=ada").Close()
	w.await(t, "it has left", func() bool { return w.hub.Subscribers() == 0 })
	w.client.(*http.Transport).CloseIdleConnections()
	before := runtime.NumGoroutine()
	for range 50 {
		dial(t, w, "")
	}
	w.await(t, "there are no more goroutines than before", func() bool { return runtime.NumGoroutine() <= before })
}

// A stream that a ping will soon be written to isn't written a comment just before.
func TestAPingTakesTheCommentsPlace(t *testing.T) {
	w := newWorld(t, "plain", gateway.Config{}, sse.Options{Heartbeat: 400 * time.Millisecond, KeepAlive: 200 * time.Millisecond})
	var streams []*ssetest.Stream
	for range 16 { // whose times are shortened differently
		streams = append(streams, w.stream(t, "tenant=acme&user=ada"))
	}
	for _, s := range streams {
		for comments, pings := 0, 0; pings < 2; {
			f, err := s.Next(t)
			if err != nil {
				t.Fatal(err)
			}
			if f.Comment != "" {
				comments++
			}
			if f.Event == "ping" {
				comments, pings = 0, pings+1
			}
			if comments > 1 {
				t.Fatal("two comments before a ping that is due with the second")
			}
		}
	}
}
