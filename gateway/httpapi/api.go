package httpapi

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/gateway/sse"
)

// Notifications is what the notification routes need of the store.
type Notifications interface {
	List(ctx context.Context, id gateway.Identity, unread bool, before int64, limit int) (gateway.NotificationPage, error)
	MarkRead(ctx context.Context, id gateway.Identity, notification int64) (row json.RawMessage, unread int, err error)
	MarkAllRead(ctx context.Context, id gateway.Identity) (int64, error)
}

// Demo logs anyone in, and is therefore only given by `pgfeed demo`.
type Demo interface {
	Tenants() any
	Login(ctx context.Context, tenant, user string) (token, userName string, err error)
	Insert(ctx context.Context, id gateway.Identity, description string) (rowID string, err error)
}

// Options are what the routes work with. All are required but Page, Demo and Observe.
type Options struct {
	Hub           *gateway.Hub
	Log           gateway.Log
	Notifications Notifications
	Verifier      auth.Verifier
	Ready         func(ctx context.Context) (degraded []string, err error)
	Stream        sse.Options
	Logger        *slog.Logger
	Page          fs.FS // the web page, served at /
	Demo          Demo
	Observe       func(Observation) // told of every request that was answered; nil: nobody is
}

// Observation is one request that was answered. Its route is the pattern, never the path: paths have no end.
type Observation struct {
	Method, Route string
	Status        int
	Stream        bool // the answer is a stream: Took is the stream's life
	Took          time.Duration
}

type api struct {
	Options
	log *slog.Logger
}

// New makes the handler of a gateway's public address.
func New(o Options) http.Handler {
	a := &api{Options: o, log: o.Logger}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = a.handleError
	e.Use(a.observe, middleware.RecoverWithConfig(middleware.RecoverConfig{DisableStackAll: true, LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
		a.log.Error("panic", "path", c.Path(), "error", err, "stack", string(stack))
		return newProblem(http.StatusInternalServerError, "an error in the gateway; its log has more")
	}}), middleware.RequestID(), middleware.BodyLimit("64K"), securityHeaders)

	a.routes(e)
	// A page of another site may not act with a visitor's cookie.
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.handleError(newProblem(http.StatusForbidden, "cross-origin requests may not change anything"), e.NewContext(r, w))
	}))
	return origin.Handler(e)
}

// routes are described in docs/api/openapi.yaml.
func (a *api) routes(e *echo.Echo) {
	e.GET("/healthz", func(c echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": "ok"}) })
	e.GET("/readyz", a.ready)

	g := e.Group("/api", a.authenticate)
	g.GET("/activity/stream", a.stream)
	g.GET("/activity", a.activity)
	g.GET("/notifications", a.notifications)
	g.POST("/notifications/:id/read", a.readOne)
	g.POST("/notifications/read", a.readAll)
	if a.Demo != nil {
		a.demoRoutes(e)
	}
	if a.Page != nil {
		// The names of its files say nothing of their contents, so browsers have to ask.
		e.GET("/*", echo.StaticDirectoryHandler(a.Page, false), noCache)
	}
}

func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		return next(c)
	}
}

func noCache(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-cache")
		return next(c)
	}
}

const identityKey = "identity"

func (a *api) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
		id, err := a.Verifier.Verify(ctx, c.Request())
		cancel()
		if err != nil {
			return err
		}
		c.Set(identityKey, id)
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		return next(c)
	}
}

// callTimeout bounds every call to the database that a request waits for.
const callTimeout = 10 * time.Second

func identity(c echo.Context) gateway.Identity {
	id, _ := c.Get(identityKey).(gateway.Identity)
	return id
}

func (a *api) ready(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	degraded, err := a.Ready(ctx)
	if err != nil {
		return unavailable(err.Error())
	}
	status := "ready"
	if len(degraded) > 0 {
		status = "degraded"
	} else {
		degraded = []string{}
	}
	return c.JSON(http.StatusOK, map[string]any{"status": status, "degraded": degraded})
}
