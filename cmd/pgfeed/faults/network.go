package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// given are the ports that FreePort has given.
var given sync.Map

// FreePort gives a port of 127.0.0.1 that nobody uses, and never one twice. It is for a program that takes it only once it has started: until
// then nobody else may get it, so it is none of those that the system gives to whoever asks for any, from 32768 on.
func FreePort(ctx context.Context) (int, error) {
	for range 1000 {
		port := 20_000 + rand.N(12_000) //nolint:gosec // any will do
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		if l, err := new(net.ListenConfig).Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close() // it is only a number now
		}
	}
	return 0, errors.Join(errors.New("no port is free"), ctx.Err())
}

// Network makes links that can be cut, muted and slowed.
type Network struct {
	server *toxiproxy.ApiServer

	mu    sync.Mutex
	links []*Link
}

// NewNetwork makes a network without links.
func NewNetwork() *Network {
	return &Network{server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.New(io.Discard).Level(zerolog.Disabled))}
}

// Link leads from an address of its own to another one.
type Link struct {
	mu       sync.Mutex
	proxy    *toxiproxy.Proxy
	listen   string
	upstream string
}

// Link makes a link to an address, host and port.
func (n *Network) Link(upstream string) (*Link, error) {
	l := &Link{proxy: toxiproxy.NewProxy(n.server, upstream, "127.0.0.1:0", upstream), upstream: upstream}
	if err := l.proxy.Start(); err != nil {
		return nil, fmt.Errorf("link to %s: %w", upstream, err)
	}
	l.listen = l.proxy.Listen
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links = append(n.links, l)
	return l, nil
}

// Close ends all links.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.Cut()
	}
}

// Addr is where the link begins.
func (l *Link) Addr() string { return l.listen }

// Cut closes what is connected, and refuses connections until Heal.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proxy.Stop()
}

// Mute lets connections stand, and be made, but carries nothing over them until Heal: to both ends they look half-open.
func (l *Link) Mute() error {
	return errors.Join(
		l.toxic(`{"name":"mute-up","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`),
		l.toxic(`{"name":"mute-down","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`))
}

// Delay makes every byte take that much longer, each way, until Heal.
func (l *Link) Delay(d time.Duration) error {
	const format = `{"name":"delay-%[1]s","type":"latency","stream":"%[1]s","attributes":{"latency":%[2]d,"jitter":%[3]d}}`
	return errors.Join(
		l.toxic(fmt.Sprintf(format, "upstream", d.Milliseconds(), d.Milliseconds()/3)),
		l.toxic(fmt.Sprintf(format, "downstream", d.Milliseconds(), d.Milliseconds()/3)))
}

func (l *Link) toxic(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
		return fmt.Errorf("link to %s: %w", l.upstream, err)
	}
	return nil
}

// Heal ends whatever was done to the link. Connections that were muted are closed.
func (l *Link) Heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proxy.Toxics.ResetToxics(context.Background())
	return l.start()
}

// Lead leads new connections, and none of those there were, to another address.
func (l *Link) Lead(upstream string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proxy.Stop()
	l.upstream = upstream
	return l.start()
}

// start needs the lock. The address may be taken for a moment, by a connection that the system gave the port to.
func (l *Link) start() error {
	for attempt := 0; ; attempt++ {
		err := l.proxy.Update(&toxiproxy.Proxy{Listen: l.listen, Upstream: l.upstream, Enabled: true})
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EADDRINUSE) || attempt == 100:
			return fmt.Errorf("link to %s: %w", l.upstream, err)
		}
		time.Sleep(100 * time.Millisecond) // between two attempts
	}
}
