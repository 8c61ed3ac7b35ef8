package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/pgfeed/pgfeed/gateway"
)

type notificationPage struct {
	Notifications []json.RawMessage `json:"notifications"`
	Unread        int               `json:"unread"`
	Cursor        string            `json:"cursor"`
	Before        *string           `json:"before"`
}

func (a *api) notifications(c echo.Context) error {
	n, err := pageLimit(c)
	if err != nil {
		return err
	}
	from, err := before(c)
	if err != nil {
		return err
	}
	unread := false
	if c.QueryParams().Has("unread") {
		if unread, err = strconv.ParseBool(c.QueryParam("unread")); err != nil {
			return badField("unread", fmt.Sprintf("unread is true or false, not %q", c.QueryParam("unread")))
		}
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	page, err := a.Notifications.List(ctx, identity(c), unread, from, n, pageBytes)
	if err != nil {
		return err
	}
	answer := notificationPage{Notifications: page.Rows, Unread: page.Unread, Cursor: page.At.Cursor().String()}
	if page.More {
		last := strconv.FormatInt(page.Last, 10)
		answer.Before = &last
	}
	return c.JSON(http.StatusOK, answer)
}

func (a *api) readOne(c echo.Context) error {
	notification, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return newProblem(http.StatusNotFound, "no such notification")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	row, unread, err := a.Notifications.MarkRead(ctx, identity(c), notification)
	if errors.Is(err, gateway.ErrNotFound) {
		return newProblem(http.StatusNotFound, "no such notification")
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"notification": row, "unread": unread})
}

func (a *api) readAll(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	n, err := a.Notifications.MarkAllRead(ctx, identity(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"updated": n, "unread": 0})
}
