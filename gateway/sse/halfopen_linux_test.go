package sse_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse"
)

// A peer whose network swallows everything from one moment on, so that neither FIN nor RST comes, is given up once it hasn't
// acknowledged a ping for long enough.
func TestAPeerWhoseNetworkIsGoneIsGivenUp(t *testing.T) {
	for _, transport := range []string{"plain", "portable"} {
		t.Run(transport, func(t *testing.T) { testNetworkGone(t, transport) })
	}
}

func testNetworkGone(t *testing.T, transport string) {
	n := newNetwork(t)
	w := newWorld(t, transport, gateway.Config{}, sse.Options{Heartbeat: 200 * time.Millisecond, KeepAlive: 100 * time.Millisecond, WriteTimeout: 500 * time.Millisecond})
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", n.here+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w.server.Config.Handler, ConnContext: sse.ConnContext} //nolint:gosec // no strangers come here
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	stays := w.stream(t, "tenant=acme&user=ada")
	var c net.Conn
	n.inside(t, func() { c, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // nobody hears of it
	if _, err := c.Write([]byte("GET /?tenant=acme&user=gus HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var got strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(got.String(), "event: ping"); {
		k, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got.Write(buf[:k])
	}
	n.cut(t)
	w.await(t, "it has been given up", func() bool { return w.hub.Subscribers() == 1 })
	w.publish("acme", "goes on")
	expect(t, stays, "goes on")
}

// network is a namespace with one link to here.
type network struct{ name, here string }

// newNetwork makes one. It skips the test where that can't be had.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a network that can be cut needs root")
	}
	id := os.Getpid() % 10_000
	n := &network{name: fmt.Sprintf("pgfeed-test-%d", id), here: fmt.Sprintf("198.18.%d.%d", id/40%250, 4*(id%40)+1)}
	there := fmt.Sprintf("198.18.%d.%d", id/40%250, 4*(id%40)+2)
	link := fmt.Sprintf("pf%d", id)
	remove := func() {
		// The link would go with the namespace, but that stays for as long as a connection of it waits for its peer.
		_ = exec.CommandContext(context.Background(), "ip", "link", "del", link).Run()
		_ = exec.CommandContext(context.Background(), "ip", "netns", "del", n.name).Run()
	}
	remove() // what a test that was killed has left
	t.Cleanup(remove)
	for _, command := range []string{
		"netns add " + n.name,
		"link add " + link + " type veth peer name peer netns " + n.name,
		"addr add " + n.here + "/30 dev " + link, "link set " + link + " up",
		"-n " + n.name + " addr add " + there + "/30 dev peer", "-n " + n.name + " link set peer up",
	} {
		if out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(command)...).CombinedOutput(); err != nil {
			t.Skipf("a network that can be cut isn't to be had here: ip %s: %v %s", command, err, out)
		}
	}
	return n
}

// inside runs something on a thread in the namespace: sockets stay where they were made.
func (n *network) inside(t *testing.T, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine: it isn't fit for others
		f, err := os.Open("/run/netns/" + n.name)
		if err == nil {
			defer f.Close() //nolint:errcheck // it was only named
			if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
				do()
			}
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("can't enter a network namespace: %v", err)
	}
}

// cut has the other side swallow what comes: its address is gone, and whoever sends there is told nothing.
func (n *network) cut(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", "-n", n.name, "addr", "flush", "dev", "peer").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
