package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/pgfeed/pgfeed/gateway/httpapi"
	"github.com/pgfeed/pgfeed/gateway/limit"
)

// limitFlags bound what clients may take. 0 means no limit, but for --max-streams, --max-connections and sizes.
type limitFlags struct {
	MaxStreams            int           `default:"0" placeholder:"N" help:"Open streams in all; 0: nine tenths of what the limit on open files allows. More get 503."`
	MaxStreamsPerUser     int           `default:"50" placeholder:"N" help:"Open streams of one user; 0: no limit. More get 429, as with the two below."`
	MaxStreamsPerTenant   int           `default:"0" placeholder:"N" help:"Open streams of one tenant; 0: no limit."`
	MaxStreamsPerAddress  int           `default:"2000" placeholder:"N" help:"Open streams of one address, of which an office may have one for all, or one IPv6 /64; 0: no limit."`
	MaxConnects           float64       `default:"2000" placeholder:"N" help:"New streams a second in all, four times that in a burst; 0: no limit. More get 503."`
	MaxConnectsPerAddress float64       `default:"200" placeholder:"N" help:"New streams a second from one address, likewise; 0: no limit. More get 429."`
	MaxReplays            int           `default:"256" placeholder:"N" help:"Pages of what returning clients have missed, of 256 kB, that are read at a time. Clients that come wait for 5s for their turn, and get 503 then. Once as many pages wait for clients that read slowly, further ones have 16 kB."`
	MaxPendingBytes       int           `default:"1048576" placeholder:"BYTES" help:"How far a stream may be behind its tenant's newest event before it is closed as slow. Its client comes back and resumes."`
	MaxBufferedBytes      int           `default:"268435456" placeholder:"BYTES" help:"How much events for all streams may take in all before each tenant's streams may only be a sixteenth of --max-pending-bytes behind; past a quarter more, no more than the newest event."`
	MaxConnections        int           `default:"0" placeholder:"N" help:"TCP connections in all, streams included; 0: nineteen twentieths of what the limit on open files allows. One more ends the one that has gone longest without a request."`
	MaxHeaderBytes        int           `default:"32768" placeholder:"BYTES" help:"Longest request header; more gets 431."`
	MaxURLBytes           int           `default:"8192" placeholder:"BYTES" help:"Longest URL; more gets 414."`
	MaxBodyBytes          int           `default:"65536" placeholder:"BYTES" help:"Longest request body; more gets 413."`
	HeaderTimeout         time.Duration `default:"10s" help:"Time in which a request's header must have come, or the connection is closed."`
	RequestTimeout        time.Duration `default:"1m" help:"Time in which a request's body must have come and its answer must have been taken, or the connection is closed. Keep it above 25s: looking up a session and reading may take 10s each, and an answer that is ready later can't be sent. Streams have limits of their own."`
	TrustedProxies        []string      `placeholder:"CIDR" help:"Networks of the proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8. Without it all that come through a proxy count as one address."`
	CORSOrigin            []string      `placeholder:"ORIGIN" help:"Other sites whose pages may use the API with a visitor's credentials, such as https://app.example.com; exact, one by one."`
}

// validate names all that is wrong.
func (f limitFlags) validate() error {
	var s settings
	atLeast(&s, "max-streams", f.MaxStreams, 0)
	atLeast(&s, "max-streams-per-user", f.MaxStreamsPerUser, 0)
	atLeast(&s, "max-streams-per-tenant", f.MaxStreamsPerTenant, 0)
	atLeast(&s, "max-streams-per-address", f.MaxStreamsPerAddress, 0)
	atLeast(&s, "max-connections", f.MaxConnections, 0)
	atLeast(&s, "max-connects", f.MaxConnects, 0)
	atLeast(&s, "max-connects-per-address", f.MaxConnectsPerAddress, 0)
	// A cursor has up to 2 kB, and travels in a header or in the URL.
	atLeast(&s, "max-header-bytes", f.MaxHeaderBytes, 8<<10)
	atLeast(&s, "max-url-bytes", f.MaxURLBytes, 3<<10)
	atLeast(&s, "max-body-bytes", f.MaxBodyBytes, 1<<10)
	atLeast(&s, "max-replays", f.MaxReplays, 1)
	atLeast(&s, "max-pending-bytes", f.MaxPendingBytes, 16<<10)
	atLeast(&s, "max-buffered-bytes", f.MaxBufferedBytes, 1<<20)
	atLeast(&s, "header-timeout", f.HeaderTimeout, time.Second)
	atLeast(&s, "request-timeout", f.RequestTimeout, time.Second)
	if _, err := f.proxies(); err != nil {
		s.addf("--trusted-proxies: %w", err)
	}
	for _, origin := range f.CORSOrigin {
		if err := httpapi.CheckOrigin(origin); err != nil {
			s.addf("--cors-origin: %w", err)
		}
	}
	return s.wrong
}

// proxies reads networks and single addresses.
func (f limitFlags) proxies() ([]*net.IPNet, error) {
	var list []*net.IPNet
	var wrong error
	for _, text := range f.TrustedProxies {
		cidr := text
		if ip := net.ParseIP(text); ip != nil {
			cidr += map[bool]string{true: "/32", false: "/128"}[ip.To4() != nil]
		}
		_, network, err := net.ParseCIDR(cidr)
		switch {
		case err != nil:
			wrong = errors.Join(wrong, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", text))
		case strings.HasSuffix(cidr, "/0"):
			wrong = errors.Join(wrong, fmt.Errorf("%q: then anyone could write any address", text))
		default:
			list = append(list, network)
		}
	}
	return list, wrong
}

// limits is what a gateway works with. The flags have been validated.
func (f limitFlags) limits() httpapi.Limits {
	total, connections := f.MaxStreams, f.MaxConnections
	if total == 0 {
		total = partOfFiles(18)
	}
	if connections == 0 {
		connections = partOfFiles(19)
	}
	proxies, _ := f.proxies()
	return httpapi.Limits{
		Streams: limit.NewStreams(limit.StreamsConfig{
			PerUser: f.MaxStreamsPerUser, PerTenant: f.MaxStreamsPerTenant, PerAddress: f.MaxStreamsPerAddress, Total: total,
		}),
		Connections: limit.NewConnections(connections),
		Rate:        limit.NewRate(limit.RateConfig{PerAddress: f.MaxConnectsPerAddress, Total: f.MaxConnects}),
		MaxURL:      f.MaxURLBytes, MaxBody: f.MaxBodyBytes, Proxies: proxies,
	}
}

// partOfFiles is that many twentieths of the files that the process may open; 0 where that isn't known. What is left is for the
// database and the listener.
func partOfFiles(twentieths uint64) int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur == 0 || files.Cur > 1<<30 {
		return 0
	}
	return int(files.Cur * twentieths / 20) //nolint:gosec // no more than 2³⁰
}
