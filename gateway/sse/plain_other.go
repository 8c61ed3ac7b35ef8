//go:build !linux

package sse

import (
	"net"
	"net/http"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// plain is there on Linux only: elsewhere all streams go the portable way.
type plain struct{}

func newPlain(Options) (*plain, error) { return nil, nil } //nolint:nilnil // there is none

func (*plain) close() {}

func (e *Engine) takeOver(w http.ResponseWriter, r *http.Request, s *gateway.Subscriber, _ *net.TCPConn) error {
	defer s.Leave()
	return e.servePortable(w, r, s)
}

// giveUpAfter is done on Linux only.
func giveUpAfter(*net.TCPConn, time.Duration) error { return nil }
