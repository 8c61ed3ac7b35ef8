package limit_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway/limit"
)

func refusedBy(t *testing.T, err error) limit.Scope {
	t.Helper()
	var refusal *limit.Refusal
	if err == nil {
		return ""
	}
	if !errors.As(err, &refusal) || refusal.RetryAfter < time.Second {
		t.Fatalf("%v is not a refusal that says when to try again", err)
	}
	return refusal.Scope
}

func TestOpenStreamsAreBoundedByUserTenantAddressAndInAll(t *testing.T) {
	s := limit.NewStreams(limit.StreamsConfig{PerUser: 2, PerTenant: 3, PerAddress: 4, Total: 5})
	var leases []limit.Lease
	for _, c := range []struct {
		tenant, user, address string
		refused               limit.Scope
	}{
		{"acme", "ada", "192.0.2.1", ""},
		{"acme", "ada", "192.0.2.2", ""},
		{"acme", "ada", "192.0.2.3", limit.User},
		{"globex", "ada", "192.0.2.1", ""}, // the same name in another tenant is another user
		{"acme", "grace", "192.0.2.1", ""},
		{"acme", "hal", "192.0.2.4", limit.Tenant},
		{"globex", "gus", "::ffff:192.0.2.1", ""},
		{"initech", "ian", "192.0.2.9", limit.Total},
	} {
		lease, err := s.Acquire(c.tenant, c.user, netip.MustParseAddr(c.address))
		if got := refusedBy(t, err); got != c.refused {
			t.Errorf("%+v: refused by %q", c, got)
		}
		if err == nil {
			leases = append(leases, lease)
		}
	}
	leases[1].Release() // one of ada's
	leases[1].Release()
	if _, err := s.Acquire("globex", "gus", netip.MustParseAddr("192.0.2.7")); err != nil {
		t.Errorf("after a release: %v", err)
	}
	if got := s.Stats(); got.Open != 5 || got.Refused[limit.User] != 1 || got.Refused[limit.Tenant] != 1 || got.Refused[limit.Total] != 1 {
		t.Errorf("stats %+v", got)
	}
}

func TestReleasedStreamsLeaveNothingBehind(t *testing.T) {
	s := limit.NewStreams(limit.StreamsConfig{})
	for n := range 1000 {
		lease, err := s.Acquire("t", "u", netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}))
		if err != nil {
			t.Fatal(err)
		}
		lease.Release()
	}
	if got := s.Stats(); got.Open != 0 || got.Users != 0 || got.Tenants != 0 || got.Addresses != 0 {
		t.Errorf("left: %+v", got)
	}
}

func TestAnIPv6NetworkIsOneClient(t *testing.T) {
	s := limit.NewStreams(limit.StreamsConfig{PerAddress: 1})
	if _, err := s.Acquire("t", "u", netip.MustParseAddr("2001:db8:1:2::1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Acquire("t", "u", netip.MustParseAddr("2001:db8:1:2:ffff::9")); refusedBy(t, err) != limit.Address {
		t.Errorf("another address of the same network: %v", err)
	}
	if _, err := s.Acquire("t", "u", netip.MustParseAddr("2001:db8:1:3::1")); err != nil {
		t.Errorf("another network: %v", err)
	}
}

func TestNewStreamsAreBoundedByAddressAndInAll(t *testing.T) {
	r := limit.NewRate(limit.RateConfig{PerAddress: 1, Total: 1})
	now := time.Now()
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range 4 {
		if err := r.AllowAddress(one, now); err != nil {
			t.Fatalf("within the burst: %v", err)
		}
	}
	for range 100 {
		if refusedBy(t, r.AllowAddress(one, now)) != limit.Address {
			t.Fatal("beyond the burst of an address")
		}
	}
	for range 4 {
		if err := errors.Join(r.AllowAddress(two, now), r.AllowTotal(now)); err != nil { // the other has taken nothing of all
			t.Fatalf("another address: %v", err)
		}
	}
	if refusedBy(t, r.AllowTotal(now)) != limit.Total {
		t.Error("beyond the burst of all")
	}
	if err := errors.Join(r.AllowAddress(one, now.Add(time.Second)), r.AllowTotal(now.Add(time.Second))); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if got := r.Stats().Refused; got[limit.Address] != 100 || got[limit.Total] != 1 {
		t.Errorf("refused: %v", got)
	}
}

func TestManyAddressesTakeBoundedMemoryAndDontFreeTheBusyOne(t *testing.T) {
	r := limit.NewRate(limit.RateConfig{PerAddress: 1, Remember: 100})
	now := time.Now()
	busy := netip.MustParseAddr("2001:db8::1")
	for refusedBy(t, r.AllowAddress(busy, now)) == "" { //nolint:revive // until it has used up its burst
	}
	for n := range uint32(10_000) {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], n)
		_ = r.AllowAddress(netip.AddrFrom4(a), now)
		if n%50 == 0 && refusedBy(t, r.AllowAddress(busy, now)) != limit.Address {
			t.Fatalf("after %d other addresses the busy one starts anew", n)
		}
	}
	if n := r.Stats().Remembered; n > 200 {
		t.Errorf("%d addresses are kept", n)
	}
}
