package sse_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse"
)

// Each event goes to 200 sockets. What allocates is the event, once, and not its deliveries: the more sockets, the less for each.
func BenchmarkAnEventToTwoHundredSockets(b *testing.B) {
	const sockets = 200
	w := newWorld(b, "plain", gateway.Config{}, sse.Options{})
	var readers sync.WaitGroup
	for range sockets {
		c, err := net.Dial("tcp", w.server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		if _, err := c.Write([]byte("GET /?tenant=acme&user=ada HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			b.Fatal(err)
		}
		readers.Go(func() { _, _ = io.Copy(io.Discard, c) })
	}
	w.await(b, "all are connected", func() bool { return w.hub.Subscribers() == sockets })
	delivered := w.counters.Stats().Deliveries
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		w.publish("acme", fmt.Sprint(n))
		delivered += sockets
		for w.counters.Stats().Deliveries < delivered {
			w.counters.Stats() // until all sockets have it
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sockets, "ns/delivery")
}
