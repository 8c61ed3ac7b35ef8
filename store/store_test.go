package store_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/migrations"
	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func migrated(t *testing.T) (*pgxpool.Pool, string) {
	t.Helper()
	url := storetest.Database(t)
	return migratedAt(t, url), url
}

func migratedAt(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	storetest.Migrate(t, url)
	pool, err := store.NewPool(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestChannelsAreTheSameInGoAndInSQL(t *testing.T) {
	pool, _ := migrated(t)
	sameChannels(t, pool,
		"", "acme", "Acme", " ", `"`, "'", "💡", "a:b", "\n", strings.Repeat("x", 56), strings.Repeat("x", 57), strings.Repeat("x", 300),
		strings.Repeat("x", 299)+"y", strings.Repeat("é", 28), strings.Repeat("é", 29), strings.Repeat("💡", 14), strings.Repeat("💡", 15))
	// There é has one byte.
	sameChannels(t, migratedAt(t, storetest.DatabaseIn(t, "LATIN1")), "café", strings.Repeat("é", 28), strings.Repeat("é", 29), strings.Repeat("é", 57))
}

func TestATenantWhoseNameIsLongerOrBrokenInTheDatabasesEncodingFailsNoInsert(t *testing.T) {
	pool := migratedAt(t, storetest.DatabaseIn(t, "EUC_JP")) // where é has three bytes
	exec(t, pool, `insert into "activityLogs" ("tenantId", action) values ($1, 'x')`, strings.Repeat("é", 28))
	pool = migratedAt(t, storetest.DatabaseIn(t, "SQL_ASCII"))
	for _, times := range []string{"1", "100"} {
		exec(t, pool, `insert into "activityLogs" ("tenantId", action) values (repeat(E'\351', `+times+`), 'x')`)
	}
}

// Postgres sends no text that it has no UTF-8 for: one such row in the log would keep gateways from reading what is behind it.
func TestWhatCantBeHadInUTF8KeepsNobodyFromReading(t *testing.T) {
	for encoding, broken := range map[string]string{"SQL_ASCII": `E'\351'`, "WIN1252": `chr(129)`} {
		url := storetest.DatabaseIn(t, encoding)
		pool := migratedAt(t, url)
		log := store.NewLog(pool)
		since := position(t, log).Cursor()
		conn, notices := noticing(t, url)
		for n, insert := range []string{
			`insert into "activityLogs" ("tenantId", action, "entityType") values ('acme', 'b' || ` + broken + `, 'é')`,
			`insert into "activityLogs" ("tenantId", action) select 'acme', ` + broken + ` from generate_series(1, 30)`,
			`insert into "activityLogs" ("tenantId", action) values (` + broken + `, 'whose?')`,
			`insert into notifications ("tenantId", "userId", title) values ('acme', ` + broken + `, 'for whom?')`,
			`insert into "activityLogs" ("tenantId", action) values ('globex', 'good')`,
		} {
			*notices = nil
			if _, err := conn.Exec(t.Context(), insert); err != nil {
				t.Errorf("%s: %s: %v", encoding, insert, err)
			}
			if warned := len(*notices) == 1 && strings.Contains((*notices)[0], "UTF-8"); warned != (n == 2 || n == 3) {
				t.Errorf("%s: %s: %q", encoding, insert, *notices)
			}
		}
		events, _ := read(t, log, gateway.Query{Since: since})
		if len(events) != 32 || events[31].Tenant != "globex" {
			t.Fatalf("%s: %d events", encoding, len(events))
		}
		var row struct{ Action, EntityType string }
		if err := json.Unmarshal(events[0].Data, &row); err != nil || row.Action != "b?" || !strings.Contains(row.EntityType, "?") {
			t.Errorf("%s: %s, %v", encoding, events[0].Data, err)
		}
	}
}

func sameChannels(t *testing.T, pool *pgxpool.Pool, tenants ...string) {
	t.Helper()
	seen := map[string]string{}
	for _, tenant := range tenants {
		var inSQL string
		if err := pool.QueryRow(t.Context(), `select pgfeed.channel($1)`, tenant).Scan(&inSQL); err != nil {
			t.Fatal(err)
		}
		if inGo := gateway.Channel(tenant); inGo != inSQL || len(inGo) > 63 {
			t.Errorf("%.20q: %q in Go, %q in SQL", tenant, inGo, inSQL)
		}
		if other, taken := seen[inSQL]; taken {
			t.Errorf("%.20q and %.20q share channel %q", tenant, other, inSQL)
		}
		seen[inSQL] = tenant
	}
}

// Not all encodings of databases have more.
func TestMigrationsAreASCII(t *testing.T) {
	files, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(migrations.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
			t.Errorf("%s: %q", file, text[max(0, i-20):i+3])
		}
	}
}

func TestMigrationsCanBeTakenBackAndAppliedAgainFromAnyOnwards(t *testing.T) {
	m, err := store.NewMigrator(storetest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close() //nolint:errcheck // the test's own connection
	all, err := m.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := range all {
		for range n + 1 {
			if _, err := m.Down(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if again, err := m.Up(t.Context()); err != nil || len(again) != n+1 {
			t.Fatalf("%d migrations taken back, then applied %q: %v", n+1, again, err)
		}
	}
}

func TestSeveralPodsMayMigrateAtOnce(t *testing.T) {
	url := storetest.Database(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { storetest.Migrate(t, url) })
	}
	wg.Wait()
	pool, err := store.NewPool(url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := store.CheckMigrated(t.Context(), pool); err != nil {
		t.Error(err)
	}
}

// read gives all events of the log since a cursor, and the position they were read at.
func read(t *testing.T, log *store.Log, q gateway.Query) (events []gateway.Event, at gateway.Position) {
	t.Helper()
	err := log.Read(t.Context(), q, func(p gateway.Position) error { at = p; return nil },
		func(e gateway.Event) error { events = append(events, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return events, at
}

func position(t *testing.T, log *store.Log) gateway.Position {
	t.Helper()
	at, err := log.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// noticing is a connection that notes what the server warns of.
func noticing(t *testing.T, url string) (conn *pgx.Conn, notices *[]string) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	notices = new([]string)
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { *notices = append(*notices, n.Severity+": "+n.Message) }
	conn, err = pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn, notices
}

func TestARowWithoutATenantIsAWarningAndTheRowIsKept(t *testing.T) {
	pool, url := migrated(t)
	log := store.NewLog(pool)
	conn, notices := noticing(t, url)
	random := make([]byte, 1500)
	_, _ = rand.Read(random)
	tooLong := hex.EncodeToString(random) // and doesn't get shorter where Postgres compresses it
	const acme = "6b7ba0a6-3f2b-4d7c-9a55-0a3a5b1f0c11"
	for _, c := range []struct {
		column, constraint string
		bad                any
	}{
		{"text", "", nil}, {"uuid", "", nil}, {"varchar(40)", "", nil},
		{"text", "", tooLong}, {"text", "not null", tooLong}, {"varchar(3000)", "not null", tooLong}, {"json", "", `"` + tooLong + `"`},
	} {
		before := position(t, log)
		good := acme
		if c.column == "json" {
			good = `"acme"`
		}
		exec(t, pool, `drop table if exists t`)
		exec(t, pool, `create table t (org `+c.column+` `+c.constraint+`)`)
		if err := store.Attach(t.Context(), pool, store.Attachment{Table: "t", Topic: "activity", TenantColumn: "org"}); err != nil {
			t.Fatal(err)
		}
		*notices = nil
		if _, err := conn.Exec(t.Context(), `insert into t select org::`+c.column+` from unnest(array[$1, $2, $1]::text[]) org`, c.bad, good); err != nil {
			t.Errorf("%s: %v", c.column, err)
			continue
		}
		if len(*notices) != 1 || !strings.Contains((*notices)[0], `WARNING: pgfeed: rows without a tenant in column "org", or with one of more than 2000 bytes,`) {
			t.Errorf("%s: notices %q", c.column, *notices)
		}
		if events, _ := read(t, log, gateway.Query{Since: before.Cursor()}); len(events) != 1 || events[0].Tenant != good {
			t.Errorf("%s: events %+v", c.column, events)
		}
		var rows int
		if err := pool.QueryRow(t.Context(), `select count(*) from t`).Scan(&rows); err != nil || rows != 3 {
			t.Errorf("%s: %d rows, %v", c.column, rows, err)
		}
	}
}

func TestAKeyThatIsntUniqueIsAWarning(t *testing.T) {
	_, url := migrated(t)
	conn, notices := noticing(t, url)
	if _, err := conn.Exec(t.Context(), `create table t (id int primary key, org text, once int unique, part int, pair int, lower text, plain int, read_at date, unique (pair, org));
		create unique index on t (part) where part > 0; create unique index on t (lower(lower)); create index on t (plain)`); err != nil {
		t.Fatal(err)
	}
	for key, unique := range map[string]bool{"id": true, "once": true, "part": false, "pair": false, "lower": false, "plain": false} {
		*notices = nil
		if _, err := conn.Exec(t.Context(), `select pgfeed.attach('t', 'activity', 'org', null, 'read_at', $1)`, key); err != nil {
			t.Fatal(err)
		}
		if warned := len(*notices) == 1 && strings.Contains((*notices)[0], `WARNING: pgfeed: key column "`+key+`" of table public.t has no unique index of its own`); warned == unique || unique && len(*notices) > 0 {
			t.Errorf("%s: notices %q", key, *notices)
		}
	}
	*notices = nil
	if _, err := conn.Exec(t.Context(), `select pgfeed.attach('t', 'activity', 'org', null, null, 'plain')`); err != nil || len(*notices) > 0 {
		t.Errorf("without a read column: notices %q, %v", *notices, err)
	}
}

// A row for one user must not become one for all.
func TestARowWhoseRecipientCantBeFoundIsAWarningAndNotPublished(t *testing.T) {
	pool, url := migrated(t)
	log := store.NewLog(pool)
	conn, notices := noticing(t, url)
	exec(t, pool, `create table t (id int generated always as identity, org text not null, who text, read_at date)`)
	exec(t, pool, `select pgfeed.attach('t', 'notification', 'org', 'who', 'read_at')`)
	exec(t, pool, `insert into t (org, who) values ('acme', 'ada')`)
	for _, change := range []string{`alter table t rename who to whom`, `alter table t drop whom`} {
		exec(t, pool, change)
		before := position(t, log)
		for _, sql := range []string{`insert into t (org) values ('acme'), ('acme')`, `update t set read_at = now()`} {
			*notices = nil
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s, %s: %v", change, sql, err)
			}
			if len(*notices) != 1 || !strings.Contains((*notices)[0], `WARNING: pgfeed: table public.t has no column "who" any more: its rows are not published`) {
				t.Errorf("%s, %s: notices %q", change, sql, *notices)
			}
		}
		if events, _ := read(t, log, gateway.Query{Since: before.Cursor()}); len(events) != 0 {
			t.Errorf("%s: published %+v", change, events)
		}
		exec(t, pool, `update t set read_at = null`)
	}
}

func TestTablesThatWouldFailTheirStatementsOrPublishNothingAreRefused(t *testing.T) {
	pool, _ := migrated(t)
	for _, sql := range []string{
		`create foreign data wrapper nowhere`, `create server nowhere foreign data wrapper nowhere`,
		`create table parted (id int, org text, read_at date) partition by list (id)`,
		`create foreign table parted_far partition of parted for values in (2) server nowhere`,
		`create table parent (id int, org text, read_at date)`, `create foreign table child () inherits (parent) server nowhere`,
		`create domain present as int not null`, `create table keys (place point, id present, org text, read_at date)`,
	} {
		exec(t, pool, sql)
	}
	type attachment = store.Attachment // less of a line
	for _, c := range []struct {
		a       attachment
		refused string
	}{
		{attachment{Table: "pgfeed.log", TenantColumn: "tenant"}, "table pgfeed.log is one of pgfeed's own"},
		{attachment{Table: "pgfeed.log_1", TenantColumn: "tenant"}, "table pgfeed.log_1 is one of pgfeed's own"},
		{attachment{Table: "nowhere.keys"}, `there is no schema`},
		{attachment{Table: "parted"}, "foreign table public.parted_far is a part of public.parted"},
		{attachment{Table: "parent"}, ""}, // an INSERT doesn't get as far as the child
		{attachment{Table: "parent", ReadColumn: "read_at"}, "foreign table public.child is a part of public.parent"},
		{attachment{Table: "keys", ReadColumn: "read_at", KeyColumn: "place"}, `key column "place" of table public.keys is of type point`},
		{attachment{Table: "keys", ReadColumn: "read_at", KeyColumn: "nr"}, `no column "nr". With read_column, key_column (--key-column)`},
		{attachment{Table: "keys", ReadColumn: "read_at"}, ""},
	} {
		c.a.Topic, c.a.TenantColumn = "activity", cmp.Or(c.a.TenantColumn, "org")
		err := store.Attach(t.Context(), pool, c.a)
		if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%+v: %v, want %q", c.a, err, c.refused)
		}
	}
}

func TestWhoLacksRightsIsToldWhichAreNeeded(t *testing.T) {
	pool, _ := migrated(t)
	cfg := pool.Config()
	role := poor(t, pool)
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `set role `+role)
		return err
	}
	other, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for what, says := range map[string]struct {
		err  error
		says string
	}{
		"attach":  {store.Attach(t.Context(), other, store.Attachment{Table: `"activityLogs"`, Topic: "activity", TenantColumn: "tenantId"}), "owns the table"},
		"migrate": {store.CheckMigrated(t.Context(), other), "pgfeed_gateway"},
	} {
		if says.err == nil || !strings.Contains(says.err.Error(), says.says) {
			t.Errorf("%s: %v, want %q", what, says.err, says.says)
		}
	}
}

func TestColumnsThatAreGeneratedWhenTheyAreReadAreRefused(t *testing.T) {
	pool, _ := migrated(t)
	var version int
	if err := pool.QueryRow(t.Context(), `select current_setting('server_version_num')::int`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version < 180000 {
		t.Skip("PostgreSQL 18 was the first to have them")
	}
	exec(t, pool, `create table t (id int primary key, doc json, org text generated always as (doc ->> 'org'), who text generated always as (doc ->> 'who'),
		kept text generated always as (doc ->> 'org') stored, read_at date)`)
	for name, a := range map[string]store.Attachment{
		"org":     {TenantColumn: "org"},
		"who":     {TenantColumn: "kept", RecipientColumn: "who"},
		"read_at": {TenantColumn: "kept", ReadColumn: "read_at", KeyColumn: "who"},
	} {
		a.Table, a.Topic = "t", "activity"
		if err := store.Attach(t.Context(), pool, a); err == nil || !strings.Contains(err.Error(), "STORED") {
			t.Errorf("%s: %v", name, err)
		}
	}
	log := store.NewLog(pool)
	before := position(t, log)
	exec(t, pool, `select pgfeed.attach('t', 'activity', 'kept')`)
	exec(t, pool, `insert into t (id, doc) values (1, '{"org": "acme"}')`)
	if events, _ := read(t, log, gateway.Query{Since: before.Cursor()}); len(events) != 1 || events[0].Tenant != "acme" {
		t.Errorf("a stored one: %+v", events)
	}
}

func TestATableThatIsInUseIsGivenUpAndItsWritersGoOn(t *testing.T) {
	pool, _ := migrated(t)
	exec(t, pool, `create table t (org text)`)
	user, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer user.Rollback(context.Background()) //nolint:errcheck // it changes nothing
	if _, err := user.Exec(t.Context(), `insert into t values ('acme')`); err != nil {
		t.Fatal(err)
	}
	if _, err := user.Exec(t.Context(), `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := store.Attach(ctx, pool, store.Attachment{Table: "t", Topic: "activity", TenantColumn: "org"}); !errors.Is(err, store.ErrTableInUse) {
		t.Errorf("attach: %v", err)
	}
	if _, err := store.Detach(ctx, pool, `"activityLogs"`); !errors.Is(err, store.ErrTableInUse) {
		t.Errorf("detach: %v", err)
	}
	exec(t, pool, `insert into t values ('acme')`)
	exec(t, pool, insertActivity, "x")
}

func TestOnlyACurrentSnapshotAttachesWhateverTheDatabasesDefaultIs(t *testing.T) {
	url := storetest.Database(t)
	pool, err := pgxpool.New(t.Context(), url) // as through a pooler, where store's sets nothing
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	exec(t, pool, `alter database `+pool.Config().ConnConfig.Database+` set default_transaction_isolation = 'repeatable read'`)
	pool.Reset()
	storetest.Migrate(t, url)
	exec(t, pool, `create table t (org text)`)
	if _, err := pool.Exec(t.Context(), `select pgfeed.attach('t', 'activity', 'org')`); err == nil || !strings.Contains(err.Error(), "read committed") {
		t.Errorf("by an older snapshot: %v", err)
	}
	if err := store.Attach(t.Context(), pool, store.Attachment{Table: "t", Topic: "activity", TenantColumn: "org"}); err != nil {
		t.Error(err)
	}
}

func TestNoRowFailsForWhatItHoldsOrHowItsTableChanged(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	at := position(t, log)
	exec(t, pool, `create table t (n int generated always as identity primary key, org uuid, doc json, bin bytea, read_at date)`)
	attachment := store.Attachment{Table: "t", Topic: "notification", TenantColumn: "org"}
	if err := store.Attach(t.Context(), pool, attachment); err != nil {
		t.Fatal(err)
	}
	published := func(want int) {
		t.Helper()
		events, now := read(t, log, gateway.Query{Since: at.Cursor()})
		if len(events) != want {
			t.Errorf("%d events, want %d", len(events), want)
		}
		at = now
	}
	const insert = `insert into t (org, doc) values ('6b7ba0a6-3f2b-4d7c-9a55-0a3a5b1f0c11', $1::text::json)`
	docs := []string{`"\u0000"`, `"\ud800"`, `{"n": 1, "n": 2}`, "{\n  \"a\": 1\n}", `null`, `"` + strings.Repeat("x", 1<<20) + `"`}
	for _, doc := range docs {
		exec(t, pool, insert, doc)
	}
	published(len(docs))
	exec(t, pool, `insert into t (org) select null where false`)
	published(0)
	exec(t, pool, `alter table t rename column org to organisation`)
	exec(t, pool, `insert into t (organisation) values ('6b7ba0a6-3f2b-4d7c-9a55-0a3a5b1f0c11')`)
	published(0)
	attachment.TenantColumn, attachment.ReadColumn, attachment.RecipientColumn = "organisation", "read_at", "bin"
	if err := store.Attach(t.Context(), pool, attachment); err == nil || !strings.Contains(err.Error(), `"id"`) {
		t.Errorf("a table without the key column was attached: %v", err)
	}
	exec(t, pool, `select pgfeed.attach('t', 'notification', 'organisation', 'bin', 'read_at', 'n')`)
	exec(t, pool, `update t set read_at = now()`)
	published(len(docs) + 1)
	exec(t, pool, `update t set read_at = now()`)
	published(0)
}

func TestPartitionedTablesPublishWhicheverWayTheyAreInsertedInto(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	exec(t, pool, `create table visits (org text not null, on_day date not null) partition by range (on_day)`)
	exec(t, pool, `create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01')`)
	attach := func(table string) error {
		return store.Attach(t.Context(), pool, store.Attachment{Table: table, Topic: "activity", TenantColumn: "org"})
	}
	if err := attach("visits_2026"); err == nil || !strings.Contains(err.Error(), "visits_2026 is a partition") {
		t.Errorf("a partition alone: %v", err)
	}
	for _, table := range []string{"visits", "visits_2026"} {
		if err := attach(table); err != nil {
			t.Fatal(err)
		}
		at := position(t, log)
		exec(t, pool, `insert into `+table+` values ('acme', '2026-07-01'), ('acme', '2026-07-02')`)
		exec(t, pool, `insert into visits values ('acme', '2026-07-03')`)
		if events, _ := read(t, log, gateway.Query{Since: at.Cursor()}); len(events) != 3 {
			t.Errorf("%d events of 3 rows, two of them inserted into %s", len(events), table)
		}
	}
}

// What the floors of cursors rely on.
func TestEventsDrawTheirNumbersOneByOneAndAfterTheirXids(t *testing.T) {
	pool, _ := migrated(t)
	var cache int
	var columns string
	if err := pool.QueryRow(t.Context(), `
select (select seqcache from pg_sequence where seqrelid = 'pgfeed.events_seq'::regclass),
       (select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = 'pgfeed.log_0'::regclass and attname in ('xid', 'seq'))`).
		Scan(&cache, &columns); err != nil {
		t.Fatal(err)
	}
	if cache != 1 || columns != "xid seq" {
		t.Errorf("numbers in store: %d; columns, which are filled in order: %s", cache, columns)
	}
}

// poor creates a role without rights.
func poor(t *testing.T, pool *pgxpool.Pool) (role string) {
	t.Helper()
	role = fmt.Sprintf("app_%d", position(t, store.NewLog(pool)).Epoch)
	exec(t, pool, `create role `+role)
	t.Cleanup(func() {
		_, err := pool.Exec(context.Background(), `drop owned by `+role+`; drop role `+role)
		if err != nil {
			t.Error(err)
		}
	})
	return role
}

func TestNobodyPublishesByAnAttachedTablesFunction(t *testing.T) {
	pool, _ := migrated(t)
	role := poor(t, pool)
	exec(t, pool, `grant usage on schema pgfeed to `+role)
	for range 2 {
		rows, err := pool.Query(t.Context(), `select proname::text from pgfeed.trigger_functions()`)
		if err != nil {
			t.Fatal(err)
		}
		functions, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(functions) != 3 {
			t.Fatalf("functions %q, %v", functions, err)
		}
		for _, function := range functions {
			err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), `set local role `+role+`; create temp table mine ("tenantId" text) on commit drop;
create trigger mine after insert on mine referencing new table as new_rows for each statement execute function pgfeed.`+function+`()`)
				return err
			})
			if !isDenied(err) {
				t.Errorf("%s: %v", function, err)
			}
		}
		exec(t, pool, insertActivity, "so that the ring has something to keep")
		age(t, pool)
		maintain(t, pool, day) // which rewrites them
	}
}

func isDenied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}

func TestTheApplicationNeedsNoRightsOnTheLog(t *testing.T) {
	pool, _ := migrated(t)
	before := position(t, store.NewLog(pool))
	role := poor(t, pool)
	exec(t, pool, `grant insert on "activityLogs" to `+role)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A search_path of the caller's must not lead the trigger elsewhere.
	for _, sql := range []string{
		`create schema evil`, `create function evil.pg_notify(text, text) returns void language sql as 'select 1/0'`,
		`grant usage on schema evil to ` + role, `set local role ` + role, `set local search_path = evil, public`,
		`insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`,
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if events, _ := read(t, store.NewLog(pool), gateway.Query{Since: before.Cursor()}); len(events) != 1 {
		t.Errorf("%d events", len(events))
	}
	tx, err = pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // its error is the test
	if _, err := tx.Exec(t.Context(), `set local role `+role); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `insert into pgfeed.log_0 (tenant, event, data) values ('acme', 'activity:new', '{}')`); !isDenied(err) {
		t.Errorf("the application may write events of its own making: %v", err)
	}
}

func TestCursorsGiveEachEventOnceWhateverTheCommitOrder(t *testing.T) {
	pool, _ := migrated(t)
	log := store.NewLog(pool)
	at := position(t, log)
	insert := `insert into "activityLogs" ("tenantId", action, description) values ('acme', 'x', $1)`
	var open []pgx.Tx
	for n := range 3 {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), insert, fmt.Sprint("open ", n)); err != nil {
			t.Fatal(err)
		}
		open = append(open, tx)
	}
	counts := map[int64]int{}
	step := func(want int) {
		t.Helper()
		events, now := read(t, log, gateway.Query{Since: at.Cursor()})
		if len(events) != want {
			t.Errorf("%d events, want %d", len(events), want)
		}
		for _, e := range events {
			counts[e.Seq]++
		}
		if !now.Snapshot.Covers(at.Snapshot) {
			t.Errorf("%v does not cover %v", now, at)
		}
		at = now
	}
	step(0)
	exec(t, pool, insert, "alone")
	step(1)
	for _, n := range []int{2, 0} {
		if err := open[n].Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		step(1)
	}
	if err := open[1].Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	step(0)
	for seq, n := range counts {
		if n != 1 {
			t.Errorf("event %d came %d times", seq, n)
		}
	}
}

func TestASessionMaySwitchHintsOffToPrepareATransaction(t *testing.T) {
	url := storetest.Server(t).URL("postgres")
	storetest.Migrate(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // the test's own
	for _, sql := range []string{
		`set pgfeed.hints = off`, `begin`, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`,
		`prepare transaction 'p'`, `commit prepared 'p'`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}
