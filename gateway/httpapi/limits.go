package httpapi

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/gateway/limit"
)

// Limits bound what clients may take. The zero value has none but the sizes.
type Limits struct {
	Streams *limit.Streams // nil: not counted
	// Connections has to be told of the server's connections as well; nil: not bounded.
	Connections *limit.Connections
	Rate        *limit.Rate // nil: not bounded
	MaxURL      int         // bytes; 0: 8 KiB
	MaxBody     int         // bytes; 0: 64 KiB
	// Proxies are believed where they say whom they ask for (X-Forwarded-For); none: nobody is.
	Proxies []*net.IPNet
}

const (
	defaultMaxURL  = 8 << 10
	defaultMaxBody = 64 << 10
)

// clientAddress reads the address that limits count by. A client can write what it wants into X-Forwarded-For: only the part
// that a trusted proxy has added counts.
func clientAddress(proxies []*net.IPNet) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, network := range proxies {
		options = append(options, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// address is the client's, or the zero one where it can't be told.
func address(c echo.Context) netip.Addr {
	addr, _ := netip.ParseAddr(c.RealIP())
	return addr
}

// limitURL refuses addresses that no client of ours makes.
func (a *api) limitURL(next echo.HandlerFunc) echo.HandlerFunc {
	longest := a.Limits.MaxURL
	if longest == 0 {
		longest = defaultMaxURL
	}
	return func(c echo.Context) error {
		if len(c.Request().RequestURI) > longest {
			return newProblem(http.StatusRequestURITooLong, fmt.Sprintf("the URL is longer than %d bytes", longest))
		}
		return next(c)
	}
}

// limitAddress refuses streams that come too fast from one address, before anything is looked up for them.
func (a *api) limitAddress(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if a.Limits.Rate != nil {
			if err := a.Limits.Rate.AllowAddress(address(c), time.Now()); err != nil {
				return err
			}
		}
		return next(c)
	}
}

// limitTotal refuses streams of known users that come too fast in all: who has no session takes nothing from those who have.
func (a *api) limitTotal(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if a.Limits.Rate != nil {
			if err := a.Limits.Rate.AllowTotal(time.Now()); err != nil {
				return err
			}
		}
		return next(c)
	}
}

// countStream counts a stream of a known user and has its session watched, until the stream's end.
func (a *api) countStream(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		pass, _ := c.Get(passKey).(auth.Pass)
		w := &watch{}
		if a.Limits.Streams != nil {
			var err error
			if w.lease, err = a.Limits.Streams.Acquire(pass.Tenant, pass.User, address(c)); err != nil {
				return err
			}
		}
		if connections, ctx := a.Limits.Connections, c.Request().Context(); connections != nil {
			defer func() {
				if connections.Stream(ctx) {
					w.goOn(connections)
				}
			}()
		}
		c.Set(watchKey, func(id *gateway.Identity) { w.begin(pass, id) })
		c.Set(releaseKey, w.end)
		return next(c)
	}
}

// watch holds a pass between the stream's joining and its end, whichever order these two are told in, and what else ends with
// the stream. There is one for every open stream.
type watch struct {
	mu          sync.Mutex
	over        bool
	lease       limit.Lease
	connections *limit.Connections // nil: the stream has no connection of its own
	hold        auth.Hold
}

// begin is called once the hub can close the stream: a session that has ended meanwhile is found out now.
func (w *watch) begin(pass auth.Pass, id *gateway.Identity) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.hold = pass.Hold(id)
	}
}

// goOn is called when a request is over and its stream has the connection.
func (w *watch) goOn(connections *limit.Connections) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		connections.StreamOver()
		return
	}
	w.connections = connections
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.hold.Release()
	w.lease.Release()
	if w.connections != nil {
		w.connections.StreamOver()
	}
}

// asRefusal makes a problem of a limit that was met.
func asRefusal(r *limit.Refusal) *problem {
	status := http.StatusTooManyRequests
	if r.Scope == limit.Total {
		status = http.StatusServiceUnavailable
	}
	p := newProblem(status, r.Error()+": try again later")
	p.retryAfter = strconv.Itoa(max(1, int(r.RetryAfter.Round(time.Second)/time.Second)))
	return p
}
