package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// StreamsConfig says how many streams may be open at a time; 0: no limit.
type StreamsConfig struct {
	PerUser    int
	PerTenant  int
	PerAddress int // of a client: an IPv4 address, or the /64 of an IPv6 address
	Total      int
}

// Streams counts the open streams of a gateway.
type Streams struct {
	cfg StreamsConfig

	mu        sync.Mutex
	total     int
	seed      maphash.Seed
	users     map[uint64]int // by a hash of tenant and name: there may be as many as streams
	tenants   map[string]int
	addresses map[netip.Addr]int
	refused   map[Scope]uint64
}

type userKey struct{ tenant, user string }

// NewStreams makes a counter without streams.
func NewStreams(cfg StreamsConfig) *Streams {
	return &Streams{cfg: cfg, seed: maphash.MakeSeed(), users: map[uint64]int{}, tenants: map[string]int{}, addresses: map[netip.Addr]int{}, refused: map[Scope]uint64{}}
}

// fullRetry is after what time a client that met a limit on open streams may try again: streams end at any time.
const fullRetry = 10 * time.Second

// Acquire counts one more stream, or gives a *Refusal. The stream's end calls release; calling it again does nothing.
func (s *Streams) Acquire(tenant, user string, address netip.Addr) (release func(), err error) {
	key, from := maphash.Comparable(s.seed, userKey{tenant, user}), Client(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range []struct {
		scope     Scope
		open, max int
	}{
		{Total, s.total, s.cfg.Total},
		{Address, s.addresses[from], s.cfg.PerAddress},
		{Tenant, s.tenants[tenant], s.cfg.PerTenant},
		{User, s.users[key], s.cfg.PerUser},
	} {
		if l.max > 0 && l.open >= l.max {
			s.refused[l.scope]++
			return nil, &Refusal{Scope: l.scope, What: "open streams", RetryAfter: fullRetry}
		}
	}
	s.total++
	s.users[key]++
	s.tenants[tenant]++
	s.addresses[from]++
	over := false
	return func() { // there is one for every open stream
		s.mu.Lock()
		defer s.mu.Unlock()
		if over {
			return
		}
		over = true
		s.total--
		decrease(s.users, key)
		decrease(s.tenants, tenant)
		decrease(s.addresses, from)
	}, nil
}

func decrease[K comparable](counts map[K]int, key K) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// StreamsStats is a snapshot of Streams.
type StreamsStats struct {
	Open, Users, Tenants, Addresses int              // now
	Refused                         map[Scope]uint64 // since the start
}

// Stats gives the figures of the moment.
func (s *Streams) Stats() StreamsStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	refused := make(map[Scope]uint64, len(s.refused))
	for scope, n := range s.refused {
		refused[scope] = n
	}
	return StreamsStats{s.total, len(s.users), len(s.tenants), len(s.addresses), refused}
}

// Client is what limits count a client address by. Whoever has an IPv6 address has 2⁶⁴ of them: its /64 stands for all.
func Client(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return address
}
