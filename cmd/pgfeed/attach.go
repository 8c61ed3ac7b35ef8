package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pgfeed/pgfeed/store"
)

type attachCmd struct {
	databaseFlags
	Table           string `arg:"" help:"Table, written as in SQL: orders, app.orders, '\"activityLogs\"'."`
	Topic           string `required:"" enum:"activity,notification" help:"What its rows are published as: ${enum}; 'activity' gives events 'activity:new'."`
	TenantColumn    string `required:"" placeholder:"COLUMN" help:"Column that holds the tenant; a row without one isn't published."`
	RecipientColumn string `placeholder:"COLUMN" help:"Column that holds the only user who may see a row. Without it, or where it is null, everyone in the tenant may."`
	ReadColumn      string `placeholder:"COLUMN" help:"Column whose change from null publishes '<topic>:read'."`
	KeyColumn       string `placeholder:"COLUMN" help:"Column that tells the rows apart when one is read: it must be unique. Only with --read-column. Default: id."`
}

func (c attachCmd) validate() error {
	var s settings
	if c.KeyColumn != "" && c.ReadColumn == "" {
		s.addf("--key-column: only with --read-column")
	}
	return s.err()
}

// Run attaches a table.
func (c attachCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	pool, err := c.migratedPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	attachment := store.Attachment{
		Table: c.Table, Topic: c.Topic, TenantColumn: c.TenantColumn, RecipientColumn: c.RecipientColumn,
		ReadColumn: c.ReadColumn, KeyColumn: c.KeyColumn,
		Warned: func(text string) { _, _ = fmt.Fprintf(io.err, "warning: %s\n", text) },
	}
	if err := locking(ctx, io, func() error { return store.Attach(ctx, pool, attachment) }); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(io.out, "attached %s: rows inserted from now on are published as %s:new\n", c.Table, c.Topic)
	return nil
}

type detachCmd struct {
	databaseFlags
	Table string `arg:"" help:"Table, written as in SQL."`
}

// Run detaches a table.
func (c detachCmd) Run(ctx context.Context, io streams) error {
	pool, err := c.migratedPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	var was bool
	if err := locking(ctx, io, func() (err error) {
		was, err = store.Detach(ctx, pool, c.Table)
		return err
	}); err != nil {
		return err
	}
	if !was {
		return fmt.Errorf("detach %s: it was not attached", c.Table)
	}
	_, _ = fmt.Fprintf(io.out, "detached %s: its rows are no longer published\n", c.Table)
	return nil
}

// locking tries again, a few times, what could not lock its table. In between, whoever writes to the table gets on.
func locking(ctx context.Context, io streams, do func() error) error {
	const attempts = 5
	for n := 1; ; n++ {
		err := do()
		switch {
		case !errors.Is(err, store.ErrTableInUse):
			return err
		case n == attempts:
			return fmt.Errorf("%w: try again when it has ended; pg_stat_activity shows since when transactions are open (xact_start)", err)
		}
		_, _ = fmt.Fprintf(io.err, "%v: trying again (%d of %d)\n", err, n+1, attempts)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
