package httpapi

import (
	"context"
	"errors"
	"net/http"
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
