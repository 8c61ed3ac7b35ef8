package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pgfeed/pgfeed/gateway"
)

// demoRoutes let anyone log in as anyone. They exist only where Options.Demo is set.
func (a *api) demoRoutes(e *echo.Echo) {
	e.GET("/demo/tenants", func(c echo.Context) error {
		return c.JSON(http.StatusOK, map[string]any{"tenants": a.Demo.Tenants()})
	})
	e.POST("/demo/login", a.demoLogin)
	e.POST("/demo/activity", a.demoInsert, a.authenticate)
	e.POST("/demo/notification", a.demoNotify, a.authenticate)
}

// DemoNotification is what a visitor of the demo sends to themselves.
type DemoNotification struct {
	Type     string `json:"type"` // info, success, warning or urgent
	Category string `json:"category"`
	Title    string `json:"title"`
	Body     string `json:"body"`
}

func (a *api) demoLogin(c echo.Context) error {
	var in struct {
		Tenant string `json:"tenant"`
		User   string `json:"user"`
	}
	if err := c.Bind(&in); err != nil {
		return badField("body", "send JSON with tenant and user")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	token, name, err := a.Demo.Login(ctx, in.Tenant, in.User)
	if errors.Is(err, gateway.ErrNotFound) {
		return badField("user", "the demo has no such user: see /demo/tenants")
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"token": token, "tenant": in.Tenant, "user": in.User, "userName": name})
}

func (a *api) demoInsert(c echo.Context) error {
	var in struct {
		Description string `json:"description"`
	}
	if err := c.Bind(&in); err != nil || strings.TrimSpace(in.Description) == "" {
		return badField("description", "send JSON with a description that isn't empty")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	id, err := a.Demo.Insert(ctx, identity(c), in.Description)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]string{"id": id})
}

func (a *api) demoNotify(c echo.Context) error {
	var in DemoNotification
	if err := c.Bind(&in); err != nil || strings.TrimSpace(in.Title) == "" {
		return badField("title", "send JSON with a title that isn't empty")
	}
	if !slices.Contains([]string{"info", "success", "warning", "urgent"}, in.Type) {
		return badField("type", "type is info, success, warning or urgent")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	if err := a.Demo.Notify(ctx, identity(c), in); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]string{"user": identity(c).User})
}
