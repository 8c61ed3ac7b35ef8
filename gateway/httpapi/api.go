package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/gateway/sse"
)

// Notifications is what the notification routes need of the store.
type Notifications interface {
	List(ctx context.Context, id gateway.Identity, unread bool, before int64, limit, bytes int) (gateway.NotificationPage, error)
	MarkRead(ctx context.Context, id gateway.Identity, notification int64) (row json.RawMessage, unread int, err error)
	MarkAllRead(ctx context.Context, id gateway.Identity) (int64, error)
}

// Demo logs anyone in, and is therefore only given by `pgfeed demo`.
type Demo interface {
	Tenants() any
	Login(ctx context.Context, tenant, user string) (token, userName string, err error)
	Insert(ctx context.Context, id gateway.Identity, description string) (rowID string, err error)
	Notify(ctx context.Context, id gateway.Identity, n DemoNotification) error
}

// Options are what the routes work with. All are required but Page, Demo and Observe.
type Options struct {
	Hub           *gateway.Hub
	Log           gateway.Log
	Notifications Notifications
	Verifier      auth.Verifier
	Ready         func(ctx context.Context) (degraded []string, err error)
	Stream        *sse.Engine
	Logger        *slog.Logger
	Page          fs.FS // the web page, served at /
	Demo          Demo
	Observe       func(Observation) // told of every request that was answered; nil: nobody is
	Limits        Limits
	Origins       []string // other sites whose pages may use the API: see CheckOrigin
}

// Observation is one request that was answered. Its route is the pattern, never the path: paths have no end.
type Observation struct {
	Method, Route string
	Status        int
	Stream        bool // the answer is a stream: Took says nothing
	Took          time.Duration
}

type api struct {
	Options
	log      *slog.Logger
	refusals *rate.Limiter // of lines in the log
}

// New makes the handler of a gateway's public address. The error names an origin that isn't one.
func New(o Options) (http.Handler, error) {
	a := &api{Options: o, log: o.Logger, refusals: newRefusals()}
	origins, err := newOrigins(o.Origins)
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = a.handleError
	e.Use(a.observe, middleware.RecoverWithConfig(middleware.RecoverConfig{DisableStackAll: true, LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
		a.log.Error("panic", "path", c.Path(), "error", err, "stack", string(stack))
		return newProblem(http.StatusInternalServerError, "an error in the gateway; its log has more")
	}}), saneRequestID, middleware.RequestID(), securityHeaders, origins.cors(), a.limitURL, middleware.BodyLimit(strconv.Itoa(cmp.Or(o.Limits.MaxBody, defaultMaxBody))+"B"),
		origins.guard)
	e.IPExtractor = clientAddress(o.Limits.Proxies)

	a.routes(e)
	if o.Limits.Connections != nil {
		return o.Limits.Connections.Handler(e), nil
	}
	return e, nil
}

// getAndHead are what load balancers and link checkers ask with; the server leaves out the body of an answer to HEAD.
var getAndHead = []string{http.MethodGet, http.MethodHead}

// routes are described in docs/api/openapi.yaml.
func (a *api) routes(e *echo.Echo) {
	e.Match(getAndHead, "/healthz", func(c echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": "ok"}) })
	e.Match(getAndHead, "/readyz", a.ready)

	e.GET("/api/activity/stream", a.stream, a.limitAddress, a.authenticate, a.limitTotal, a.countStream)
	g := e.Group("/api", a.authenticate)
	g.GET("/activity", a.activity)
	g.GET("/notifications", a.notifications)
	g.POST("/notifications/:id/read", a.readOne)
	g.POST("/notifications/read", a.readAll)
	if a.Demo != nil {
		a.demoRoutes(e)
	}
	if a.Page != nil {
		// The names of its files say nothing of their contents, so browsers have to ask.
		e.Match(getAndHead, "/*", echo.StaticDirectoryHandler(a.Page, false), noCache)
	}
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
