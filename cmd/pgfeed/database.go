package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/store"
)

// databaseFlags are shared by all commands that need a database.
type databaseFlags struct {
	DatabaseURL string `required:"" placeholder:"URL" help:"Postgres to work on, such as postgres://user:password@host:5432/name."`
}

// open connects and makes sure that the database answers. The caller closes the pool.
func (f databaseFlags) open(ctx context.Context) (*pgxpool.Pool, error) {
	return reach(ctx, "database-url", f.DatabaseURL)
}

// reach is open for the URL of any flag.
func reach(ctx context.Context, flag, url string) (*pgxpool.Pool, error) {
	pool, err := newPool(flag, url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("--%s: the database can't be reached: %w", flag, err)
	}
	return pool, nil
}

func newPool(flag, url string) (*pgxpool.Pool, error) {
	if err := checkURL(flag, url); err != nil {
		return nil, err
	}
	return store.NewPool(url)
}

func checkURL(flag, url string) error {
	if _, err := pgx.ParseConfig(url); err != nil {
		// pgx's own message has the password replaced.
		return usageError{fmt.Errorf("--%s: not a Postgres URL: %w", flag, err)}
	}
	return nil
}

// migratedPool is open for commands that need the tables.
func (f databaseFlags) migratedPool(ctx context.Context) (*pgxpool.Pool, error) {
	pool, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := store.CheckMigrated(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// migrate does something with the database's migrations.
func (f databaseFlags) migrate(do func(*store.Migrator) error) error {
	if err := checkURL("database-url", f.DatabaseURL); err != nil {
		return err
	}
	m, err := store.NewMigrator(f.DatabaseURL)
	if err != nil {
		return err
	}
	return errors.Join(do(m), m.Close())
}

func migrateUp(ctx context.Context, url string) (applied []string, err error) {
	err = databaseFlags{url}.migrate(func(m *store.Migrator) (err error) {
		applied, err = m.Up(ctx)
		return err
	})
	return applied, err
}
