package limit

import (
	"hash/maphash"
	"net/netip"
	"strings"
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
	tenants   map[string]*crowd
	addresses map[netip.Addr]*crowd
	refused   map[Scope]uint64
}

// crowd is how many streams a tenant or an address has.
type crowd struct {
	streams int
	tenant  string
	address netip.Addr
}

type userKey struct{ tenant, user string }

// NewStreams makes a counter without streams.
func NewStreams(cfg StreamsConfig) *Streams {
	return &Streams{
		cfg: cfg, seed: maphash.MakeSeed(), users: map[uint64]int{}, tenants: map[string]*crowd{}, addresses: map[netip.Addr]*crowd{}, refused: map[Scope]uint64{},
	}
}

// fullRetry is after what time a client that met a limit on open streams may try again: streams end at any time.
const fullRetry = 10 * time.Second

// Acquire counts one more stream, or gives a *Refusal. The stream's end calls the lease's Release.
func (s *Streams) Acquire(tenant, user string, address netip.Addr) (Lease, error) {
	key, from := maphash.Comparable(s.seed, userKey{tenant, user}), Client(address)
	s.mu.Lock()
	defer s.mu.Unlock()
	ofTenant, ofAddress := s.tenants[tenant], s.addresses[from]
	for _, l := range []struct {
		scope     Scope
		open, max int
	}{
		{Total, s.total, s.cfg.Total},
		{Address, ofAddress.size(), s.cfg.PerAddress},
		{Tenant, ofTenant.size(), s.cfg.PerTenant},
		{User, s.users[key], s.cfg.PerUser},
	} {
		if l.max > 0 && l.open >= l.max {
			s.refused[l.scope]++
			return Lease{}, &Refusal{Scope: l.scope, What: "open streams", RetryAfter: fullRetry}
		}
	}
	s.total++
	s.users[key]++
	if ofTenant == nil {
		ofTenant = &crowd{tenant: strings.Clone(tenant)}
		s.tenants[ofTenant.tenant] = ofTenant
	}
	if ofAddress == nil {
		ofAddress = &crowd{address: from}
		s.addresses[from] = ofAddress
	}
	ofTenant.streams++
	ofAddress.streams++
	return Lease{s, key, ofTenant, ofAddress}, nil
}

func (c *crowd) size() int {
	if c == nil {
		return 0
	}
	return c.streams
}

// Lease is one stream that is counted. There is one for every open stream, so it is small. Its zero value counts nothing.
type Lease struct {
	streams         *Streams
	user            uint64
	tenant, address *crowd
}

// Release says that the stream has ended; calling it again on the same Lease does nothing.
func (l *Lease) Release() {
	s := l.streams
	if s == nil {
		return
	}
	l.streams = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.users[l.user]--; s.users[l.user] == 0 {
		delete(s.users, l.user)
	}
	if l.tenant.streams--; l.tenant.streams == 0 {
		delete(s.tenants, l.tenant.tenant)
	}
	if l.address.streams--; l.address.streams == 0 {
		delete(s.addresses, l.address.address)
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
