package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pgfeed/pgfeed/store"
)

type sessionCmd struct {
	Create sessionCreateCmd `cmd:"" help:"Make a session and print its token, alone, on stdout."`
	Revoke sessionRevokeCmd `cmd:"" help:"End a session."`
	List   sessionListCmd   `cmd:"" help:"List the sessions that are valid; tokens can't be shown again."`
	Watch  sessionWatchCmd  `cmd:"" help:"Have the application's tables of sessions report changes, so that a revoked session loses its streams at once, and let pgfeed_gateway read them."`
}

type sessionCreateCmd struct {
	databaseFlags
	Tenant string        `required:"" help:"Tenant whose events the session may see."`
	User   string        `required:"" help:"User whose notifications the session may see."`
	TTL    time.Duration `default:"24h" help:"How long the session is valid, such as 30m or 24h."`
}

// Run makes a session.
func (c sessionCreateCmd) Run(ctx context.Context, io streams) error {
	var s settings
	if c.Tenant == "" {
		s.addf("--tenant is empty")
	}
	if c.User == "" {
		s.addf("--user is empty")
	}
	if c.TTL <= 0 {
		s.addf("--ttl must be more than zero, not %v", c.TTL)
	}
	if err := s.err(); err != nil {
		return err
	}
	pool, err := c.migratedPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	token, err := store.NewSessions(pool).Create(ctx, c.Tenant, c.User, c.TTL)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(io.out, token)
	return nil
}

type sessionRevokeCmd struct {
	databaseFlags
	Session string `arg:"" help:"The session's token, or its name as 'pgfeed session list' shows it; - reads it from stdin, so that no token is left in the shell's history."`
}

// Run ends a session.
func (c sessionRevokeCmd) Run(ctx context.Context, io streams) error {
	session := c.Session
	if session == "-" {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		session = strings.TrimSpace(line)
		switch {
		case session == "" && err != nil:
			return usageError{fmt.Errorf("no session on stdin: %w", err)}
		case session == "":
			return usageError{errors.New("no session on stdin: its first line is empty")}
		}
	}
	pool, err := c.migratedPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	found, err := store.NewSessions(pool).Revoke(ctx, session)
	if err != nil {
		return err
	}
	if !found {
		return errors.New("no such session: see pgfeed session list")
	}
	_, _ = fmt.Fprintln(io.out, "revoked")
	return nil
}

type sessionListCmd struct {
	databaseFlags
	Tenant string `help:"Only those of this tenant."`
}

// Run lists sessions.
func (c sessionListCmd) Run(ctx context.Context, io streams) error {
	pool, err := c.migratedPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	list, err := store.NewSessions(pool).List(ctx, c.Tenant)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SESSION\tTENANT\tUSER\tEXPIRES")
	for _, id := range list {
		_, _ = fmt.Fprintf(w, "%s\t%q\t%q\t%s\n", id.Session, id.Tenant, id.User, id.Expiry.Format(time.RFC3339))
	}
	return w.Flush()
}

type sessionWatchCmd struct {
	databaseFlags
	sessionSourceFlags
}

// Run adds the triggers. It works as an owner of the tables who may use pgfeed's schema.
func (c sessionWatchCmd) Run(ctx context.Context, io streams) error {
	var s settings
	s.add(c.validate())
	if c.SessionPreset == presetNone || c.SessionPreset == presetQuery {
		s.addf("--session-preset: for tables of your own call pgfeed.watch_sessions in SQL, once for each")
	}
	if err := s.err(); err != nil {
		return err
	}
	pool, err := c.migratedPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	source := c.source(pool)
	var tables []string
	if err := locking(ctx, io, func() (err error) {
		tables, err = source.Watch(ctx)
		return err
	}); err != nil {
		return err
	}
	for _, table := range tables {
		_, _ = fmt.Fprintf(io.out, "watching %s\n", table)
	}
	return nil
}
