package store_test

import (
	"testing"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/store"
)

// Where transactions are serializable by default, a gateway that reads the log could be the third whose reading makes Postgres give up
// an application's: its INSERT would fail because of pgfeed.
func TestReadingTheLogFailsNoSerializableTransaction(t *testing.T) {
	pool, url := migrated(t)
	exec(t, pool, `create table stock (n int)`)
	exec(t, pool, `insert into stock values (1)`)
	exec(t, pool, `do $$ begin execute format('alter database %I set default_transaction_isolation = serializable', current_database()); end $$`)
	gateways, err := store.NewPool(url)
	if err != nil {
		t.Fatal(err)
	}
	defer gateways.Close()
	log := store.NewLog(gateways)
	since := position(t, log)
	app, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer app.Rollback(t.Context()) //nolint:errcheck // it has been committed, unless the test has failed
	for _, sql := range []string{`set transaction isolation level serializable`, `select n from stock`} {
		if _, err := app.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, pool, `begin isolation level serializable; update stock set n = 2; commit`) // which app reads no more
	read(t, log, gateway.Query{Since: since.Cursor()})
	if _, err := app.Exec(t.Context(), `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`); err != nil {
		t.Fatal(err)
	}
	if err := app.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}
