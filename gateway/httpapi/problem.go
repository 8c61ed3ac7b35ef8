package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/gateway/limit"
	"github.com/pgfeed/pgfeed/gateway/sse"
)

// problem is an error answer (RFC 9457, "Problem Details for HTTP APIs").
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Field  string `json:"field,omitempty"` // the parameter that is at fault

	retryAfter string // seconds
}

func (p *problem) Error() string { return p.Detail }

func newProblem(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

func badField(field, detail string) *problem {
	p := newProblem(http.StatusBadRequest, detail)
	p.Field = field
	return p
}

func unavailable(detail string) *problem {
	p := newProblem(http.StatusServiceUnavailable, detail)
	p.retryAfter = "2"
	return p
}

// asProblem maps what handlers return. What isn't known is logged and not shown.
func (a *api) asProblem(err error, c echo.Context) *problem {
	var p *problem
	var he *echo.HTTPError
	var refusal *limit.Refusal
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, auth.ErrInvalid): // whatever its reason
		return newProblem(http.StatusUnauthorized, auth.ErrInvalid.Error())
	case errors.Is(err, auth.ErrNone):
		return newProblem(http.StatusUnauthorized, auth.ErrNone.Error())
	case errors.As(err, &refusal):
		return asRefusal(refusal)
	case errors.Is(err, gateway.ErrBusy), errors.Is(err, sse.ErrBusy):
		return unavailable("too many clients are connecting at present: try again")
	case errors.Is(err, gateway.ErrDraining), errors.Is(err, sse.ErrClosed):
		return unavailable("this gateway is going away: connect again")
	case errors.As(err, &he):
		detail, _ := he.Message.(string)
		if he.Code == http.StatusNotFound {
			detail = "nothing is at " + c.Request().URL.Path
		}
		return newProblem(he.Code, strings.ToLower(detail))
	}
	if c.Request().Context().Err() == nil {
		a.log.Error("request failed", "method", c.Request().Method, "path", c.Path(),
			"request", c.Response().Header().Get(echo.HeaderXRequestID), "error", err)
	}
	return unavailable("the database can't be reached at present: try again")
}

func (a *api) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := a.asProblem(err, c)
	h := c.Response().Header()
	if p.retryAfter != "" {
		h.Set(echo.HeaderRetryAfter, p.retryAfter)
	}
	if p.Status == http.StatusUnauthorized {
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="pgfeed"`)
	}
	body, err := json.Marshal(p)
	if err == nil {
		err = c.Blob(p.Status, "application/problem+json", body)
	}
	if err != nil {
		a.log.Debug("answer can't be sent", "error", err)
	}
}
