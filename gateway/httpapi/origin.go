package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// origins are the other sites whose pages may use the API with a visitor's credentials.
type origins struct {
	listed map[string]bool
	check  *http.CrossOriginProtection
}

// CheckOrigin refuses what is not an origin as browsers send it: scheme://host or scheme://host:port, and nothing more. A
// pattern would be one that somebody else's host name can be made to match.
func CheckOrigin(origin string) error {
	if strings.ContainsAny(origin, "*?") || origin == "null" {
		return fmt.Errorf("origin %q: origins are listed one by one, without patterns", origin)
	}
	if origin != strings.ToLower(origin) {
		return fmt.Errorf("origin %q: browsers send it in lower case", origin)
	}
	if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
		return fmt.Errorf("origin %q: write scheme://host or scheme://host:port: %w", origin, err)
	}
	return nil
}

// newOrigins takes origins that CheckOrigin has passed.
func newOrigins(list []string) (origins, error) {
	o := origins{listed: map[string]bool{}, check: http.NewCrossOriginProtection()}
	for _, origin := range list {
		if err := o.check.AddTrustedOrigin(origin); err != nil {
			return o, err
		}
		o.listed[origin] = true
	}
	return o, nil
}

// cors answers preflights and lets the listed origins read answers, errors included (WHATWG Fetch, "CORS protocol").
func (o origins) cors() echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper:          func(c echo.Context) bool { return !isAPI(c.Request()) },
		AllowOriginFunc:  func(origin string) (bool, error) { return o.listed[origin], nil },
		AllowMethods:     []string{http.MethodGet, http.MethodPost},
		AllowHeaders:     []string{echo.HeaderAuthorization, echo.HeaderContentType, echo.HeaderCacheControl, "Last-Event-ID"},
		ExposeHeaders:    []string{"Date", echo.HeaderRetryAfter, echo.HeaderXRequestID},
		AllowCredentials: true,
		MaxAge:           7200, // seconds: the longest that Chromium keeps it
	})
}

// guard refuses requests that a page of an unlisted site made. Reading is refused too: the browser would withhold the answer,
// but a stream that nobody reads is a stream all the same.
func (o origins) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if isAPI(r) || r.Method != http.MethodGet && r.Method != http.MethodHead {
			asked := r.WithContext(r.Context())
			asked.Method = http.MethodPost // the check lets others pass
			if err := o.check.Check(asked); err != nil {
				return newProblem(http.StatusForbidden, "pages of this origin may not use the gateway: see --cors-origin")
			}
		}
		return next(c)
	}
}

func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/") }
