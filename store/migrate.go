package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/migrations"
)

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string
	Applied time.Time // zero: not yet
}

// Migrator applies the migrations, under an advisory lock, so that several pods may do so at once.
type Migrator struct {
	provider *goose.Provider
	close    func() error
}

// NewMigrator works on the database at url. The caller closes it.
func NewMigrator(url string) (*Migrator, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	db := stdlib.OpenDB(*config)
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS,
		goose.WithSessionLocker(locker), goose.WithTableName("public.pgfeed_migrations"))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Migrator{provider, provider.Close}, nil
}

// Close gives the connection back.
func (m *Migrator) Close() error { return m.close() }

// Up applies what is missing and gives its names.
func (m *Migrator) Up(ctx context.Context) ([]string, error) {
	results, err := m.provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate up: %w", err)
	}
	var names []string
	for _, r := range results {
		names = append(names, r.Source.Path)
	}
	return names, nil
}

// Down takes back the newest migration and gives its name, "" where there is none.
func (m *Migrator) Down(ctx context.Context) (string, error) {
	result, err := m.provider.Down(ctx)
	if errors.Is(err, goose.ErrNoNextVersion) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("migrate down: %w", err)
	}
	return result.Source.Path, nil
}

// Status lists all migrations.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	status, err := m.provider.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate status: %w", err)
	}
	var list []Migration
	for _, s := range status {
		list = append(list, Migration{s.Source.Version, s.Source.Path, s.AppliedAt})
	}
	return list, nil
}

// KnownVersions are the versions of the migrations in this program, in order.
func KnownVersions() ([]int64, error) {
	entries, err := migrations.FS.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var versions []int64
	for _, e := range entries {
		version, err := goose.NumericComponent(e.Name())
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", e.Name(), err)
		}
		versions = append(versions, version)
	}
	return versions, nil
}

// ErrNotMigrated says that the database lacks pgfeed's schema, or a part of it.
var ErrNotMigrated = errors.New("the database isn't migrated: run `pgfeed migrate up`, or serve with --migrate")

// CheckMigrated gives ErrNotMigrated where a migration of this program is missing.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool) error {
	entries, err := migrations.FS.ReadDir(".")
	if err != nil {
		return err
	}
	applied := 0
	err = pool.QueryRow(ctx, `select count(distinct version_id) from public.pgfeed_migrations where is_applied and version_id > 0`).Scan(&applied)
	if isCode(err, "42P01") || err == nil && applied < len(entries) { // undefined_table
		return ErrNotMigrated
	}
	if isCode(err, "42501") { // insufficient_privilege
		return fmt.Errorf("check migrations: %w; the role has to be a member of pgfeed_gateway", err)
	}
	if err != nil {
		return fmt.Errorf("check migrations: %w", err)
	}
	return nil
}
