package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/pgserver"
)

const (
	startTimeout = 5 * time.Minute // pulling an image or downloading a server takes its time
	callTimeout  = time.Minute
)

// settings are for speed and for many parallel tests. Nothing has to survive a power cut; but tests crash servers, and
// what was committed must survive that: synchronous_commit stays on.
var settings = map[string]string{
	"fsync":                     "off",
	"full_page_writes":          "off",
	"max_connections":           "300",
	"max_prepared_transactions": "10",
	"pgfeed.hints":              "on", // which prepared transactions switch off by themselves
}

// Database creates an empty database and returns its connection string. The database is dropped when the test ends,
// whoever is still connected to it.
func Database(t testing.TB) (url string) {
	t.Helper()
	return create(t, "encoding 'UTF8'")
}

// Migrate gives a database pgfeed's schema, or marks the test as failed. Any goroutine may call it.
func Migrate(t testing.TB, url string) {
	t.Helper()
	m, err := store.NewMigrator(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer m.Close() //nolint:errcheck // the test's own connection
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if _, err := m.Up(ctx); err != nil {
		t.Errorf("migrate the test's database: %v", err)
	}
}

// DatabaseIn is Database in another encoding, such as LATIN1.
func DatabaseIn(t testing.TB, encoding string) (url string) {
	t.Helper()
	return create(t, "encoding '"+encoding+"' lc_collate 'C' lc_ctype 'C'") // which goes with any
}

func create(t testing.TB, how string) (url string) {
	t.Helper()
	admin, err := shared.url(t)
	if err != nil {
		t.Fatalf("no PostgreSQL to test with: %v", err)
	}
	name := "pgfeed_test_" + strings.ToLower(rand.Text())
	// template0, since template1 may hold somebody's additions, and be in use.
	if err := execute(admin, "create database "+name+" template template0 "+how); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := execute(admin, "drop database if exists "+name+" with (force)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	url, err = withDatabase(admin, name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Server starts a server of the test's own, which the test may stop, crash and restart, and stops it when the test
// ends. It never is a container.
func Server(t testing.TB) *pgserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	server, err := pgserver.Open(ctx, pgserver.Options{Settings: maps.Clone(settings)})
	if err != nil {
		t.Fatalf("start a PostgreSQL server for the test: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Errorf("stop the test's PostgreSQL server: %v", err)
		}
	})
	return server
}

// Main runs the tests, stops the shared server, and exits. Call it from TestMain.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main that gives the exit status, for packages with more to clear away.
func Run(m *testing.M) int {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintf(os.Stderr, "storetest: stop the shared server: %v\n", err)
		if code == 0 {
			code = 1
		}
	}
	return code
}

// execute runs one statement on a connection of its own. Its context isn't the test's, which has ended in a cleanup.
func execute(url, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// withDatabase returns the connection string, a URL or keywords and values, with another database.
func withDatabase(conn, name string) (string, error) {
	if !strings.HasPrefix(conn, "postgres://") && !strings.HasPrefix(conn, "postgresql://") {
		return conn + " dbname=" + name, nil // the last of a keyword's values counts
	}
	u, err := url.Parse(conn)
	if err != nil {
		return "", fmt.Errorf("connection string: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}
