package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
)

const (
	passKey = "pass"
	// watchKey is where countStream leaves the func(*gateway.Identity) to be called when the stream has joined its feed.
	watchKey = "watch"
	// releaseKey is where it leaves the func() to be called once when the stream is over.
	releaseKey = "release"
)

// callTimeout bounds every call to the database that a request waits for.
const callTimeout = 10 * time.Second

// refusalsLogged a second: whoever sends bad tokens by the thousand shouldn't fill the disk.
const refusalsLogged = 10

func (a *api) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
		pass, err := a.Verifier.Verify(ctx, c.Request())
		cancel()
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		if err != nil {
			a.logRefusal(c, err)
			return err
		}
		c.Set(passKey, pass)
		return next(c)
	}
}

func identity(c echo.Context) gateway.Identity {
	pass, _ := c.Get(passKey).(auth.Pass)
	return pass.Identity
}

// logRefusal says why credentials were refused. Clients aren't told.
func (a *api) logRefusal(c echo.Context, err error) {
	var refusal *auth.Refusal
	if errors.As(err, &refusal) && a.refusals.Allow() {
		a.log.Info("credentials refused", "reason", refusal.Reason, "address", address(c).String(), "route", c.Path(),
			"request", c.Response().Header().Get(echo.HeaderXRequestID))
	}
}

func newRefusals() *rate.Limiter { return rate.NewLimiter(refusalsLogged, refusalsLogged) }
