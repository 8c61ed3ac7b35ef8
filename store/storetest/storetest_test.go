package storetest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestEachTestGetsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	first, second := storetest.Database(t), storetest.Database(t)
	run(t, first, "create table mine (id int)")

	if n := count(t, first, "select count(*) from pg_tables where schemaname = 'public'"); n != 1 {
		t.Errorf("the first database has %d tables, want 1", n)
	}
	if n := count(t, second, "select count(*) from pg_tables where schemaname = 'public'"); n != 0 {
		t.Errorf("the second database has %d tables, want 0", n)
	}
}

func TestTheDatabaseGoesWithItsTestEvenWhileInUse(t *testing.T) {
	t.Parallel()
	var url, name string
	var held *pgx.Conn
	t.Run("inner", func(t *testing.T) {
		url = storetest.Database(t)
		held = connect(t, url)
		if err := held.QueryRow(t.Context(), "select current_database()").Scan(&name); err != nil {
			t.Fatal(err)
		}
	})
	defer func() { _ = held.Close(context.Background()) }()

	if err := held.Ping(t.Context()); err == nil {
		t.Error("a connection to the dropped database still answers")
	}
	if n := count(t, storetest.Database(t), "select count(*) from pg_database where datname = '"+name+"'"); n != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestManyConnectionsAndPreparedTransactionsAreAllowed(t *testing.T) {
	t.Parallel()
	url := storetest.Database(t)
	if n := count(t, url, "select current_setting('max_connections')::bigint"); n < 100 {
		t.Errorf("max_connections is %d, want at least 100", n)
	}
	run(t, url, "create table prepared (id int)")
	run(t, url, "begin; insert into prepared values (1); prepare transaction 'storetest'")
	run(t, url, "rollback prepared 'storetest'")
}

func TestAServerOfItsOwnCanBeCrashed(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	url := server.URL("postgres")
	run(t, url, "create table kept (id int)")
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, url, "select count(*) from pg_tables where tablename = 'kept'"); n != 1 {
		t.Error("the table didn't survive the crash")
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// run uses the simple protocol, which takes several statements at once.
func run(t *testing.T, url, sql string) {
	t.Helper()
	conn := connect(t, url)
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t *testing.T, url, query string) (n int64) {
	t.Helper()
	conn := connect(t, url)
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
