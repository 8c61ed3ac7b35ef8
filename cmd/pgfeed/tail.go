package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

type tailCmd struct {
	databaseFlags
	NotifyDatabaseURL string   `placeholder:"URL" help:"Direct connection for LISTEN, where --database-url goes through a pooler. Default: --database-url."`
	Tenant            string   `required:"" help:"Tenant whose events are printed."`
	User              string   `help:"Only what this user may see. Default: everything in the tenant."`
	Topics            []string `default:"activity,notification" enum:"activity,notification" help:"Topics, separated by commas."`
	Cursor            *string  `help:"Go on from here: the 'cursor' of the last line that was taken in. Events of that line's reading may come again, with the same 'id'. Default: from now."`
	Count             int      `help:"Stop after that many events; 0: never."`
}

var errEnough = errors.New("enough events")

func (c tailCmd) validate() error {
	var s settings
	if c.Tenant == "" {
		s.addf("--tenant is empty")
	}
	atLeast(&s, "count", c.Count, 0)
	if c.Cursor != nil {
		if _, err := gateway.ParseCursor(*c.Cursor); err != nil {
			s.addf("--cursor: %w; take it from a line that tail printed, or leave it out to start from now", err)
		}
	}
	return s.err()
}

// Run prints events until it is told to stop. Each line is an event's envelope with the cursor to go on from.
func (c tailCmd) Run(ctx context.Context, io streams, log *slog.Logger) error {
	if err := c.validate(); err != nil {
		return err
	}
	pool, err := c.migratedPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	live, err := newEngine(pool, cmp.Or(c.NotifyDatabaseURL, c.DatabaseURL), 0, gateway.Config{Logger: log})
	if err != nil {
		return usageError{fmt.Errorf("--notify-database-url: %w", err)}
	}
	defer live.start(ctx)()

	id := gateway.Identity{Tenant: c.Tenant, User: c.User, Operator: c.User == ""}
	from := ""
	if c.Cursor != nil {
		from = *c.Cursor
	}
	s, err := joinWhenReady(ctx, live.hub, id, c.Topics, from)
	if err != nil {
		return err
	}
	defer s.Leave()
	if reason := s.Reset(); reason != "" {
		return fmt.Errorf("--cursor can't be gone on from (%s): leave it out to start from now", reason)
	}
	left := c.Count
	cursor := s.Start().String()
	emit := func(m gateway.Message) error {
		// Those that were read together have one, with the last: to go on from the one before repeats some, and misses none.
		if m.Cursor != "" {
			cursor = m.Cursor
		}
		if m.Name == gateway.MessageReset {
			return fmt.Errorf("events were missed: %s", m.Data)
		}
		if !strings.Contains(m.Name, ":") {
			return nil
		}
		line, err := withCursor(m.Data, cursor)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(io.out, "%s\n", line); err != nil {
			return err
		}
		if left--; left == 0 {
			return errEnough
		}
		return nil
	}
	err = s.Replay(ctx, func(_ context.Context, frames []byte, _ int) error { return gateway.ReadFrames(frames, emit) })
	ready := s.Alone()
	var round gateway.Round
	for err == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
		}
		for b := s.Take(&round); b.Subscriber != nil && err == nil; b = s.Take(&round) {
			if err = gateway.ReadFrames(b.Bytes, emit); err == nil && b.Close != "" {
				return errors.New("events come faster than they are taken: go on from the last cursor")
			}
		}
	}
	if errors.Is(err, errEnough) || ctx.Err() != nil {
		return nil
	}
	return err
}

// joinWhenReady waits for the hub's first reading of the log.
func joinWhenReady(ctx context.Context, hub *gateway.Hub, id gateway.Identity, topics []string, cursor string) (*gateway.Subscriber, error) {
	for {
		s, err := hub.Join(ctx, gateway.Request{Identity: id, Topics: topics, Cursor: cursor})
		if !errors.Is(err, gateway.ErrUnavailable) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// withCursor adds a cursor to an envelope.
func withCursor(envelope []byte, cursor string) ([]byte, error) {
	text, err := json.Marshal(cursor)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `%s,"cursor":%s}`, bytes.TrimSuffix(envelope, []byte("}")), text), nil
}
