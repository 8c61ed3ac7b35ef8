package faults

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Balancer gives subscribers an address to connect to, as a load balancer does that asks gateways for their readiness.
type Balancer struct {
	mu      sync.Mutex
	addrs   []string // in the order of the gateways
	healthy []bool
}

// NewBalancer balances over addresses, all of which it takes for healthy until Watch knows better.
func NewBalancer(addrs []string) *Balancer {
	b := &Balancer{addrs: slices.Clone(addrs), healthy: make([]bool, len(addrs))}
	for i := range b.healthy {
		b.healthy[i] = true
	}
	return b
}

// Pick gives an address, not the one to avoid where there is a choice, and a healthy one where there is any.
func (b *Balancer) Pick(avoid string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, accept := range []func(i int) bool{
		func(i int) bool { return b.healthy[i] && b.addrs[i] != avoid },
		func(i int) bool { return b.addrs[i] != avoid },
	} {
		var choice []string
		for i, addr := range b.addrs {
			if accept(i) {
				choice = append(choice, addr)
			}
		}
		if len(choice) > 0 {
			return choice[rand.N(len(choice))] //nolint:gosec // to spread
		}
	}
	return avoid
}

// Watch asks every gateway for its readiness, again and again, until ctx ends.
func (b *Balancer) Watch(ctx context.Context, gateways []*Gateway, every time.Duration) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i, g := range gateways {
		wg.Go(func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				ask, cancel := context.WithTimeout(ctx, 2*every)
				status, _, err := g.Ready(ask)
				cancel()
				b.mu.Lock()
				b.healthy[i] = err == nil && status == http.StatusOK
				b.mu.Unlock()
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
}
