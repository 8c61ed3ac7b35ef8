package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse"
)

var allTopics = []string{gateway.TopicActivity, gateway.TopicNotification}

// topics reads ?topics=; absent means the default.
func topics(c echo.Context, byDefault []string) ([]string, error) {
	if !c.QueryParams().Has("topics") {
		return byDefault, nil
	}
	list := strings.Split(c.QueryParam("topics"), ",")
	for _, t := range list {
		if !slices.Contains(allTopics, t) {
			return nil, badField("topics", fmt.Sprintf("unknown topic %q: topics is a comma-separated list of %s", t, strings.Join(allTopics, ", ")))
		}
	}
	return list, nil
}

const (
	defaultLimit = 50
	maxLimit     = 500
	// pageBytes is after how many bytes a page ends, however many rows it was asked for: pages lie in memory.
	pageBytes = 1 << 20
)

// errPage ends a reading whose page is full.
var errPage = errors.New("the page is full")

// eventPage is a page being filled.
type eventPage struct {
	most   int // events
	events []json.RawMessage
	bytes  int
}

// add appends an event; errPage: there is no room for it.
func (p *eventPage) add(e gateway.Event) error {
	if len(p.events) == p.most || p.bytes >= pageBytes {
		return errPage
	}
	data, err := e.Envelope()
	if err != nil {
		return err
	}
	p.events = append(p.events, data)
	p.bytes += len(data)
	return nil
}

func pageLimit(c echo.Context) (int, error) {
	if !c.QueryParams().Has("limit") {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(c.QueryParam("limit"))
	if err != nil || n < 1 || n > maxLimit {
		return 0, badField("limit", fmt.Sprintf("limit is a number from 1 to %d, not %q", maxLimit, c.QueryParam("limit")))
	}
	return n, nil
}

func before(c echo.Context) (int64, error) {
	if !c.QueryParams().Has("before") {
		return 0, nil
	}
	n, err := strconv.ParseInt(c.QueryParam("before"), 10, 64)
	if err != nil || n < 1 {
		return 0, badField("before", fmt.Sprintf("before is the id that a page ended with, not %q", c.QueryParam("before")))
	}
	return n, nil
}

func (a *api) stream(c echo.Context) error {
	release, _ := c.Get(releaseKey).(func())
	list, err := topics(c, allTopics)
	if err != nil {
		if release != nil {
			release()
		}
		return err
	}
	r := c.Request()
	// EventSource sends the header on its own reconnects, which are newer than the URL it was made with.
	cursor := r.Header.Get("Last-Event-ID")
	if cursor == "" {
		cursor = c.QueryParam("cursor")
	}
	id := identity(c)
	join, cancel := context.WithTimeout(r.Context(), callTimeout)
	s, err := a.Hub.Join(join, gateway.Request{Identity: id, Topics: list, Cursor: cursor, Release: release})
	cancel()
	if err != nil {
		return err
	}
	if watch, ok := c.Get(watchKey).(func(*gateway.Identity)); ok {
		watch(s.Identity)
	}
	sse.Header(c.Response().Header())
	switch err := a.Stream.Serve(c.Response(), r, s); {
	case errors.Is(err, sse.ErrBusy), errors.Is(err, sse.ErrClosed):
		c.Response().Header().Del(echo.HeaderContentType)
		return err
	case err != nil && r.Context().Err() == nil:
		a.log.Info("stream ended", "request", c.Response().Header().Get(echo.HeaderXRequestID), "subscriber", id.Session, "tenant", id.Tenant, "error", err)
	}
	c.Response().Status, c.Response().Committed = http.StatusOK, true // the engine may have taken over the connection
	return nil
}

// whom is the caller as the gateway knows it, as in a stream's hello: a page that polls learns whose events it gets.
type whom struct {
	Tenant string `json:"tenant"`
	User   string `json:"user"`
}

// listPage is a part of a feed, newest first. Before leads to the next older part; null: there is none.
type listPage struct {
	whom
	Events []json.RawMessage `json:"events"`
	Cursor string            `json:"cursor"`
	Before *string           `json:"before"`
}

// pollPage is what came since a cursor, oldest first.
type pollPage struct {
	whom
	Events []json.RawMessage `json:"events"`
	Cursor string            `json:"cursor"`
	More   bool              `json:"more"`
	Reset  *reset            `json:"reset,omitempty"`
}

type reset struct {
	Reason gateway.ResetReason `json:"reason"`
}

func (a *api) activity(c echo.Context) error {
	n, err := pageLimit(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), callTimeout)
	defer cancel()
	if c.QueryParams().Has("cursor") {
		if c.QueryParams().Has("before") {
			return badField("before", "before pages through the list, cursor polls what is new: give one of them")
		}
		return a.poll(ctx, c, n)
	}
	list, err := topics(c, []string{gateway.TopicActivity})
	if err != nil {
		return err
	}
	from, err := before(c)
	if err != nil {
		return err
	}
	id := identity(c)
	page, oldest := listPage{whom: whom{id.Tenant, id.User}}, int64(0)
	fill := eventPage{most: n, events: []json.RawMessage{}}
	reader := gateway.Reader{Tenant: id.Tenant, User: id.User, Topics: list}
	err = a.Log.Newest(ctx, reader, from, n+1, func(at gateway.Position) error {
		page.Cursor = at.Cursor().String()
		return nil
	}, func(e gateway.Event) error {
		err := fill.add(e)
		if err == nil {
			oldest = e.Seq
		}
		return err
	})
	if errors.Is(err, errPage) {
		last := strconv.FormatInt(oldest, 10)
		page.Before = &last
	} else if err != nil {
		return err
	}
	page.Events = fill.events
	return c.JSON(http.StatusOK, page)
}

var errEpoch = errors.New("the log is another one")

// poll gives what came since a cursor, oldest first.
func (a *api) poll(ctx context.Context, c echo.Context, n int) error {
	list, err := topics(c, allTopics)
	if err != nil {
		return err
	}
	now, err := a.Log.Position(ctx)
	if err != nil {
		return err
	}
	id := identity(c)
	page := pollPage{whom: whom{id.Tenant, id.User}, Events: []json.RawMessage{}}
	fill := eventPage{most: n, events: page.Events}
	startOver := func(from gateway.Position, reason gateway.ResetReason) error {
		page.Cursor, page.Reset = from.Cursor().String(), &reset{reason}
		return c.JSON(http.StatusOK, page)
	}
	since, reason := gateway.Resume(c.QueryParam("cursor"), now)
	if reason != "" {
		return startOver(now, reason)
	}
	at, read := since, now
	q := gateway.Query{Since: since, Limit: n + 1, Reader: &gateway.Reader{Tenant: id.Tenant, User: id.User, Topics: list}}
	err = a.Log.Read(ctx, q, func(p gateway.Position) error {
		if read = p; p.Epoch != since.Epoch { // since just now
			return errEpoch
		}
		return nil
	}, func(e gateway.Event) error {
		err := fill.add(e)
		if err == nil {
			at = at.Advance(read.Snapshot, e.Seq)
		}
		return err
	})
	switch {
	case errors.Is(err, errPage):
		page.More, err = true, nil
	case errors.Is(err, errEpoch):
		return startOver(read, gateway.ResetEpoch)
	case errors.Is(err, gateway.ErrExpired): // just now
		return startOver(now, gateway.ResetExpired)
	}
	if err != nil {
		return err
	}
	page.Events, page.Cursor = fill.events, read.Cursor().String()
	if page.More {
		page.Cursor = at.String()
	}
	return c.JSON(http.StatusOK, page)
}
