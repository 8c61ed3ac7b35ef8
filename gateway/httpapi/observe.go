package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// observe tells Options.Observe of each request, and the log of those that failed or, at level debug, of all. It is the
// outermost middleware, so that what the others refuse is seen too.
func (a *api) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begun := time.Now()
		if err := next(c); err != nil {
			c.Error(err) // answers, so that the status is known
		}
		r := c.Request()
		o := Observation{
			Method: method(r.Method), Route: c.Path(), Status: c.Response().Status, Took: time.Since(begun),
			Stream: strings.HasPrefix(c.Response().Header().Get(echo.HeaderContentType), "text/event-stream"),
		}
		if o.Route == "" {
			o.Route = "none"
		}
		if a.Observe != nil {
			a.Observe(o)
		}
		a.log.Debug("request", "request", c.Response().Header().Get(echo.HeaderXRequestID), "method", o.Method, "route", o.Route,
			"status", o.Status, "took", o.Took)
		return nil
	}
}

// method keeps what anyone may send from becoming labels without end.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
