package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/pgfeed/pgfeed/store"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is missing, under a lock: safe from several pods at once."`
	Down   migrateDownCmd   `cmd:"" help:"Take back the newest migration. This deletes its tables with their data."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations and when each was applied."`
}

type migrateUpCmd struct{ databaseFlags }

// Run applies migrations.
func (c migrateUpCmd) Run(ctx context.Context, io streams) error {
	applied, err := migrateUp(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	for _, name := range applied {
		_, _ = fmt.Fprintln(io.out, "applied", name)
	}
	if len(applied) == 0 {
		_, _ = fmt.Fprintln(io.out, "nothing to do: the database is up to date")
	}
	return nil
}

type migrateDownCmd struct{ databaseFlags }

// Run takes one migration back.
func (c migrateDownCmd) Run(ctx context.Context, io streams) error {
	return c.migrate(func(m *store.Migrator) error {
		name, err := m.Down(ctx)
		if err != nil {
			return err
		}
		if name == "" {
			_, _ = fmt.Fprintln(io.out, "nothing to do: no migration is applied")
			return nil
		}
		_, _ = fmt.Fprintln(io.out, "took back", name)
		return nil
	})
}

type migrateStatusCmd struct{ databaseFlags }

// Run lists migrations.
func (c migrateStatusCmd) Run(ctx context.Context, io streams) error {
	return c.migrate(func(m *store.Migrator) error {
		list, err := m.Status(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
		for _, m := range list {
			applied := "missing"
			if !m.Applied.IsZero() {
				applied = m.Applied.Format(time.RFC3339)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\n", m.Name, applied)
		}
		return w.Flush()
	})
}
