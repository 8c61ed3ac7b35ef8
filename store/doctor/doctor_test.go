package doctor

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/store/pgserver"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func database(t *testing.T) (url string, conn *pgx.Conn) {
	t.Helper()
	url = storetest.Database(t)
	storetest.Migrate(t, url)
	return url, connect(t, url)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func examine(t *testing.T, o Options) []Finding {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second // of a machine that has other things to do
	}
	findings, err := Examine(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if (f.Status == OK) != (f.Mend == "") {
			t.Errorf("a finding that isn't well says how to mend it, and no other does: %+v", f)
		}
	}
	return findings
}

// expect fails the test unless a check has that finding.
func expect(t *testing.T, findings []Finding, check string, status Status, says ...string) {
	t.Helper()
	var of []Finding
next:
	for _, f := range findings {
		if f.Check != check {
			continue
		}
		of = append(of, f)
		for _, s := range says {
			if !strings.Contains(f.Found+" -> "+f.Mend, s) {
				continue next
			}
		}
		if f.Status == status {
			return
		}
	}
	t.Errorf("%s: want %s with %q, got %+v", check, status, says, of)
}

func TestAWellDatabaseHasNothingToMend(t *testing.T) {
	server, err := pgserver.Open(t.Context(), pgserver.Options{}) // unlike storetest's, its settings are those of a fresh install
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	url := server.URL("postgres")
	storetest.Migrate(t, url)
	connect(t, url+"&application_name=pgfeed%20listener") // as a gateway would
	for _, f := range examine(t, Options{DatabaseURL: url}) {
		if f.Status != OK {
			t.Errorf("%+v", f)
		}
	}
}

func TestADatabaseThatCantBeReachedSaysWhy(t *testing.T) {
	url := storetest.Database(t)
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, examine(t, Options{DatabaseURL: "postgres://127.0.0.1:1/none"}), "database", Fail, "can't be reached", "host and port")
	missing := strings.Replace(url, "/"+config.Database, "/no_such_database", 1)
	expect(t, examine(t, Options{DatabaseURL: missing}), "database", Fail, "no_such_database", "Create the database")
}

func TestVersionsBefore14AreTooOld(t *testing.T) {
	// No such server is at hand: what the server says is judged apart from asking it.
	if f := judgeVersion(130018, "13.18")[0]; f.Status != Fail || !strings.Contains(f.Found, "13.18") {
		t.Errorf("13: %+v", f)
	}
	if f := judgeVersion(140000, "14.0")[0]; f.Status != OK {
		t.Errorf("14: %+v", f)
	}
}

func TestAnUnencryptedConnectionOverANetworkIsNoticed(t *testing.T) {
	// Test servers listen on this machine alone.
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5432}
	if f := judgeEncryption(false, remote)[0]; f.Status != Warn {
		t.Errorf("plain: %+v", f)
	}
	if f := judgeEncryption(true, remote)[0]; f.Status != OK {
		t.Errorf("TLS: %+v", f)
	}
}

func TestAStandbyIsRefused(t *testing.T) {
	server := storetest.Server(t)
	url := server.URL("postgres")
	storetest.Migrate(t, url)
	signal := filepath.Join(server.DataDir(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	findings := examine(t, Options{DatabaseURL: url})
	expect(t, findings, "primary", Fail, "standby", "primary")
	expect(t, findings, "listen", Fail, "LISTEN is refused")
}

func TestSettingsThatLoseCommitsAreNoticed(t *testing.T) {
	url, conn := database(t)
	expect(t, examine(t, Options{DatabaseURL: url}), "durability", Warn, "fsync is off")
	exec(t, conn, `create role doctor_async`, `alter role doctor_async in database `+conn.Config().Database+` set synchronous_commit = off`)
	t.Cleanup(func() { _, _ = conn.Exec(context.Background(), `drop role doctor_async`) })
	expect(t, examine(t, Options{DatabaseURL: url}), "durability", Warn, "doctor_async", "delivered")
	expect(t, examine(t, Options{DatabaseURL: url + "&options=-csynchronous_commit%3Doff"}), "durability", Warn, "synchronous_commit is off:")
}

func TestClocksThatDifferAreNoticed(t *testing.T) {
	url, _ := database(t)
	// A minute more than what is looked for: the answer takes its time, which counts against a clock that is behind.
	for off, says := range map[time.Duration]string{time.Hour + time.Minute: "ahead of", -time.Hour - time.Minute: "behind"} {
		findings := examine(t, Options{DatabaseURL: url, Now: func() time.Time { return time.Now().Add(off) }})
		expect(t, findings, "clock", Warn, says, "1h")
	}
}

func TestAServerWithoutRoomForConnectionsIsNoticed(t *testing.T) {
	server, err := pgserver.Open(t.Context(), pgserver.Options{Settings: map[string]string{"max_connections": "6", "fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	for range 3 {
		connect(t, server.URL("postgres"))
	}
	expect(t, examine(t, Options{DatabaseURL: server.URL("postgres")}), "connections", Warn, "of 3 connections", "max_connections")
}

func TestOtherRolesConnectionsCount(t *testing.T) {
	server, err := pgserver.Open(t.Context(), pgserver.Options{Settings: map[string]string{"max_connections": "21", "superuser_reserved_connections": "1", "fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	exec(t, connect(t, server.URL("postgres")), `create role doctor_poor login password 'doctor_poor'`)
	for range 16 {
		connect(t, server.URL("postgres"))
	}
	expect(t, examine(t, Options{DatabaseURL: as(t, server.URL("postgres"), "doctor_poor")}), "connections", Warn, "of 20 connections")
}

func TestAPoolerThatSwallowsNotificationsIsFound(t *testing.T) {
	direct, _ := database(t)
	through := storetest.PgBouncer(t, direct, storetest.PoolTransaction)
	findings := examine(t, Options{DatabaseURL: through, Timeout: 10 * time.Second})
	expect(t, findings, "listen", Fail, "no notification came", "pooler", "--notify-database-url")
	findings = examine(t, Options{DatabaseURL: through, NotifyURL: direct})
	expect(t, findings, "listen", OK, "arrived")
	expect(t, findings, "grants", OK) // all other checks go through the pooler
}

func TestAPoolerThatLosesPreparedStatementsIsFound(t *testing.T) {
	direct, _ := database(t)
	through := storetest.PgBouncer(t, direct, storetest.PoolTransaction)
	expect(t, examine(t, Options{DatabaseURL: direct}), "pooler", OK, "direct")
	// What PgBouncer does depends on its version: 1.21 learnt to keep prepared statements.
	kept := keeps(t, through)
	if f := examine(t, Options{DatabaseURL: through, NotifyURL: direct}); kept {
		expect(t, f, "pooler", OK, "keeps prepared statements")
	} else {
		expect(t, f, "pooler", Fail, "loses prepared statements", "default_query_exec_mode=cache_describe")
	}
	expect(t, examine(t, Options{DatabaseURL: through + "&default_query_exec_mode=cache_describe", NotifyURL: direct}), "pooler", OK, "prepare nothing")
	session := storetest.PgBouncer(t, direct, storetest.PoolSession)
	expect(t, examine(t, Options{DatabaseURL: session}), "pooler", OK, "keeps prepared statements")
}

func TestSerializableTransactionsThroughAPoolerAreFound(t *testing.T) {
	direct, conn := database(t)
	exec(t, conn, `do $$ begin execute format('alter database %I set default_transaction_isolation = serializable', current_database()); end $$`)
	expect(t, examine(t, Options{DatabaseURL: direct}), "pooler", OK, "direct")
	through := storetest.PgBouncer(t, direct, storetest.PoolSession)
	expect(t, examine(t, Options{DatabaseURL: through, NotifyURL: direct}), "pooler", Warn, "serializable", "read committed")
}

// keeps asks PgBouncer itself.
func keeps(t *testing.T, url string) bool {
	t.Helper()
	config, err := pgx.ParseConfig(url + "&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	config.Database = "pgbouncer"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // the test's own
	rows, err := conn.Query(t.Context(), `show config`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		if values[0] == "max_prepared_statements" {
			return values[1] != "0"
		}
	}
	return false
}

func TestURLsOfTwoDatabasesAreFound(t *testing.T) {
	url, _ := database(t)
	findings := examine(t, Options{DatabaseURL: url, NotifyURL: storetest.Database(t), Timeout: 6 * time.Second})
	expect(t, findings, "listen", Fail, "no notification came", "same database")
	expect(t, examine(t, Options{DatabaseURL: url, NotifyURL: "postgres://127.0.0.1:1/none"}), "listen", Fail, "can't be made")
}

func TestAQueueThatFillsUpIsFoundWithWhoHoldsIt(t *testing.T) {
	server := storetest.Server(t) // the queue is the server's
	url := server.URL("postgres")
	storetest.Migrate(t, url)
	holder := connect(t, url+"&application_name=forgetful")
	exec(t, holder, `listen anything`, `begin`, `select 1`)
	filler := connect(t, url)
	for range 20 { // 20 × 10 × 7 kB: a few hundred pages
		exec(t, filler, `select pg_notify('anything', n || repeat('x', 7000)) from generate_series(1, 10) n`)
	}
	findings := examine(t, Options{DatabaseURL: url, QueueWarn: 1e-6, LongOpen: time.Millisecond})
	expect(t, findings, "queue", Warn, "% full", "pg_terminate_backend")
	expect(t, findings, "transactions", Warn, "forgetful")
	if f := judgeQueue(0.6, 0.1)[0]; f.Status != Fail || !strings.Contains(f.Found, "hints are off") {
		t.Errorf("%+v", f) // a default queue is 8 GB: too much to fill here
	}
	exec(t, holder, `commit`)
}

func TestLongTransactionsAreNamed(t *testing.T) {
	url, _ := database(t)
	conn := connect(t, url+"&application_name=nightly%20report")
	exec(t, conn, `begin`, `select pg_current_xact_id()`)
	expect(t, examine(t, Options{DatabaseURL: url, LongOpen: time.Millisecond}), "transactions", Warn, "nightly report", "idle in transaction", "pg_terminate_backend")
	expect(t, examine(t, Options{DatabaseURL: url}), "transactions", OK)
}

func TestForgottenPreparedTransactionsAreNamed(t *testing.T) {
	server := storetest.Server(t)
	url := server.URL("postgres")
	storetest.Migrate(t, url)
	conn := connect(t, url)
	exec(t, conn, `create table t (n int)`, `begin`, `insert into t values (1)`, `prepare transaction 'forgotten'`)
	expect(t, examine(t, Options{DatabaseURL: url, LongOpen: time.Millisecond}), "prepared", Warn, "forgotten", "rollback prepared")
	exec(t, conn, `rollback prepared 'forgotten'`)
	expect(t, examine(t, Options{DatabaseURL: url, LongOpen: time.Millisecond}), "prepared", OK)
}

func TestUnusedReplicationSlotsAreNamed(t *testing.T) {
	server := storetest.Server(t)
	url := server.URL("postgres")
	conn := connect(t, url)
	exec(t, conn, `select pg_create_physical_replication_slot('left_behind', true)`)
	expect(t, examine(t, Options{DatabaseURL: url}), "slots", Warn, "left_behind", "pg_drop_replication_slot")
}

func TestMigrationsThatAreMissingOrNewerAreFound(t *testing.T) {
	empty := storetest.Database(t)
	findings := examine(t, Options{DatabaseURL: empty})
	expect(t, findings, "migrations", Fail, "missing", "pgfeed migrate up")
	for _, f := range findings {
		if f.Check == "grants" {
			t.Errorf("without a schema, its checks say nothing: %+v", f)
		}
	}
	url, conn := database(t)
	expect(t, examine(t, Options{DatabaseURL: url}), "migrations", OK)
	exec(t, conn, `insert into pgfeed_migrations (version_id, is_applied) values (99999, true)`)
	expect(t, examine(t, Options{DatabaseURL: url}), "migrations", Warn, "doesn't know", "Upgrade")
	exec(t, conn, `delete from pgfeed_migrations where version_id in (2, 99999)`)
	expect(t, examine(t, Options{DatabaseURL: url}), "migrations", Fail, "1 of", "missing")
}

func TestAnAnswerThatDoesntComeEndsItsOwnCheckAlone(t *testing.T) {
	url, conn := database(t)
	exec(t, conn, `begin`, `lock table pgfeed_migrations, pgfeed.state in access exclusive mode`)
	findings := examine(t, Options{DatabaseURL: url, Timeout: 3 * time.Second})
	for _, check := range []string{"migrations", "epoch"} {
		expect(t, findings, check, Warn, "could not be checked", "slow to answer")
	}
	for _, check := range []string{"grants", "tables", "numbers", "busy", "log"} {
		expect(t, findings, check, OK)
	}
}

func TestARoleWithoutRightsIsToldWhichItLacks(t *testing.T) {
	url, conn := database(t)
	exec(t, conn, `create role doctor_poor login password 'doctor_poor'`)
	t.Cleanup(func() {
		_, _ = conn.Exec(context.Background(), `drop owned by doctor_poor; drop role doctor_poor`, pgx.QueryExecModeSimpleProtocol)
	})
	poor := as(t, url, "doctor_poor")
	findings := examine(t, Options{DatabaseURL: poor})
	expect(t, findings, "migrations", Warn, "may not read")
	expect(t, findings, "grants", Fail, "doctor_poor", "usage on schema pgfeed", "select on table pgfeed.log", "pgfeed.create_roles()")
	exec(t, conn, `select pgfeed.create_roles()`, `grant pgfeed_gateway to doctor_poor`)
	for _, f := range examine(t, Options{DatabaseURL: poor}) { // the gateway's rights are enough for all checks
		if strings.Contains(f.Found, "could not be checked") || f.Status == Fail {
			t.Errorf("%+v", f)
		}
	}
	exec(t, conn, `revoke update ("readAt") on notifications from pgfeed_gateway`, `revoke select on pgfeed_migrations from pgfeed_gateway`)
	expect(t, examine(t, Options{DatabaseURL: poor}), "grants", Fail, "lacks select on table public.pgfeed_migrations, update on table public.notifications")
}

// as is a database's URL with another role, whose password is its name.
func as(t *testing.T, databaseURL, role string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, role)
	return u.String()
}

func TestTablesThatDontPublishAreNamed(t *testing.T) {
	url, conn := database(t)
	expect(t, examine(t, Options{DatabaseURL: url}), "tables", OK, `"activityLogs"`, "notifications")
	exec(t, conn,
		`create table orders (id int primary key, org text)`, `select pgfeed.attach('orders', 'activity', 'org')`, `alter table orders rename org to organisation`,
		`alter table "activityLogs" disable trigger pgfeed_insert`,
		`drop trigger pgfeed_insert on notifications`,
		`create table letters (nr int unique, org text, read_at date)`, `select pgfeed.attach('letters', 'activity', 'org', null, 'read_at', 'nr')`, `alter table letters drop nr`,
		`create table invoices (org uuid not null)`, `select pgfeed.attach('invoices', 'activity', 'org')`, `alter table invoices alter org drop not null`,
		`create table bills (org varchar(50))`, `select pgfeed.attach('bills', 'activity', 'org')`, `alter table bills alter org type text`,
		`create foreign data wrapper nowhere`, `create server nowhere foreign data wrapper nowhere`,
		`create table parcels (id int, org text) partition by list (id)`, `select pgfeed.attach('parcels', 'activity', 'org')`,
		`create foreign table parcels_far partition of parcels for values in (2) server nowhere`,
		`create table offers (org text)`, `select pgfeed.attach('offers', 'activity', 'org')`,
		`create table visits (org text not null, day date) partition by range (day)`, `create table visits_old partition of visits for values from ('1970-01-01') to ('2020-01-01')`,
		`select pgfeed.attach('visits', 'activity', 'org')`, `select pgfeed.attach('visits_old', 'activity', 'org')`, `select pgfeed.detach('visits')`)
	findings := examine(t, Options{DatabaseURL: url})
	expect(t, findings, "tables", Fail, "orders", `"org"`, "no row is published", "Attach it again")
	expect(t, findings, "tables", Fail, "letters", `"nr"`, "nothing is published as read", "Attach it again")
	expect(t, findings, "tables", Fail, `"activityLogs"`, "disabled", `alter table "activityLogs" enable trigger pgfeed_insert`)
	expect(t, findings, "tables", Fail, "notifications", "pgfeed_insert is gone")
	expect(t, findings, "tables", Warn, "invoices", `"org" may be null`)
	expect(t, findings, "tables", Warn, "bills", "more than 2000 bytes")
	expect(t, findings, "tables", Fail, "parcels_far is a part of parcels", "pgfeed detach parcels")
	for _, f := range findings {
		if strings.Contains(f.Found, "offers") {
			t.Errorf("nothing is wrong there: %+v", f)
		}
	}
	expect(t, findings, "tables", Fail, "visits_old is a partition of visits", "pgfeed attach visits")
	exec(t, conn, `select pgfeed.detach('visits_old')`, `select pgfeed.detach('letters')`, `select pgfeed.detach('bills')`, `select pgfeed.detach('parcels')`, `select pgfeed.detach('invoices')`, `select pgfeed.detach('offers')`, `select pgfeed.detach('orders')`, `select pgfeed.detach('"activityLogs"')`, `select pgfeed.detach('notifications')`)
	expect(t, examine(t, Options{DatabaseURL: url}), "tables", Warn, "no table is attached", "pgfeed attach")
}

func TestATriggerThatWritesToAClosedSlotIsNamed(t *testing.T) {
	url, conn := database(t)
	exec(t, conn, `update pgfeed.slots set closed = now() where slot = 0`, `update pgfeed.slots set opened = now() where slot = 1`)
	expect(t, examine(t, Options{DatabaseURL: url}), "tables", Fail, `"activityLogs"`, "closed", "pgfeed attach")
}

func TestColumnsThatTriggersFindNullAreNamed(t *testing.T) {
	url, conn := database(t)
	var version int
	if err := conn.QueryRow(t.Context(), `select current_setting('server_version_num')::int`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version < 180000 {
		t.Skip("PostgreSQL 18 was the first to have columns that are generated when they are read")
	}
	exec(t, conn, `create table orders (id int, org text, who text)`, `select pgfeed.attach('orders', 'activity', 'org', 'who')`,
		`alter table orders drop who`, `alter table orders add who text generated always as ('ada') virtual`)
	expect(t, examine(t, Options{DatabaseURL: url}), "tables", Fail, "orders", `"who"`, "STORED")
}

func TestARestoredDatabaseIsNoticed(t *testing.T) {
	url, conn := database(t)
	expect(t, examine(t, Options{DatabaseURL: url}), "epoch", OK)
	exec(t, conn, `update pgfeed.state set system_identifier = system_identifier + 1`)
	expect(t, examine(t, Options{DatabaseURL: url}), "epoch", Warn, "restored", "new epoch")
}

func TestASequenceThatNumbersOutOfOrderIsFound(t *testing.T) {
	url, conn := database(t)
	for _, altered := range []string{"cache 100", "increment -1 maxvalue 9223372036854775807", "cycle"} {
		expect(t, examine(t, Options{DatabaseURL: url}), "numbers", OK)
		exec(t, conn, `alter sequence pgfeed.events_seq `+altered)
		expect(t, examine(t, Options{DatabaseURL: url}), "numbers", Fail, "pgfeed.events_seq")
		exec(t, conn, `alter sequence pgfeed.events_seq increment 1000 cache 1 no cycle`)
	}
}

func TestABusyLeaseThatIsStuckIsFound(t *testing.T) {
	url, conn := database(t)
	expect(t, examine(t, Options{DatabaseURL: url}), "busy", OK, "hints are on")
	exec(t, conn, `select setval('pgfeed.busy', (extract(epoch from now()) * 1000)::bigint + 30000)`)
	expect(t, examine(t, Options{DatabaseURL: url}), "busy", OK, "hints are off")
	exec(t, conn, `select setval('pgfeed.busy', (extract(epoch from now()) * 1000)::bigint + 86400000)`)
	expect(t, examine(t, Options{DatabaseURL: url}), "busy", Warn, "which no gateway asks for", "pgfeed.busy")
}

func TestHintsThatAreOffAreNoticed(t *testing.T) {
	url, conn := database(t) // its server allows prepared transactions
	watched := func(context.Context) (bool, error) { return false, nil }
	for _, hints := range []string{"", "off"} {
		exec(t, conn, `alter database `+conn.Config().Database+` set pgfeed.hints = '`+hints+`'`)
		findings := examine(t, Options{DatabaseURL: url, Sessions: watched})
		expect(t, findings, "busy", Warn, "hints are off", "no attached or watched table", "set pgfeed.hints = on")
		expect(t, findings, "sessions", Warn, "not reported", "set pgfeed.hints = on")
	}
	exec(t, conn, `alter database `+conn.Config().Database+` reset pgfeed.hints`)
	expect(t, examine(t, Options{DatabaseURL: url, Sessions: watched}), "sessions", Warn, "not reported", "pgfeed session watch")
}

func TestALogThatNobodyTurnsOverIsFound(t *testing.T) {
	url, conn := database(t)
	expect(t, examine(t, Options{DatabaseURL: url}), "log", OK)
	exec(t, conn, `update pgfeed.slots set opened = now() - interval '11 days' where slot = 0`)
	expect(t, examine(t, Options{DatabaseURL: url}), "log", Warn, "nobody has turned the log over", "--retention is 1584h", "pgfeed maintain")
	// Who keeps it for long has slots that were the current one for as long.
	exec(t, conn, `update pgfeed.slots set opened = now() - interval '30 days', closed = now() - interval '11 days' where slot = 7`)
	expect(t, examine(t, Options{DatabaseURL: url}), "log", OK)
}

func TestADatabaseWithoutGatewaysIsNoticed(t *testing.T) {
	url, _ := database(t)
	expect(t, examine(t, Options{DatabaseURL: url}), "gateways", Warn, "no gateway", "pgfeed serve")
	connect(t, url+"&application_name=pgfeed%20listener")
	expect(t, examine(t, Options{DatabaseURL: url}), "gateways", OK, "1 listening")
}

// As after a replication of all tables.
func TestALogThatIsAheadOfItsSequenceIsFound(t *testing.T) {
	url, conn := database(t)
	for range 3 {
		exec(t, conn, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`)
	}
	expect(t, examine(t, Options{DatabaseURL: url}), "numbers", OK)
	exec(t, conn, `alter sequence pgfeed.events_seq restart`)
	expect(t, examine(t, Options{DatabaseURL: url}), "numbers", Fail, "event 3000", "setval('pgfeed.events_seq', 4000)")
	exec(t, conn, `select setval('pgfeed.events_seq', 4000)`)
	expect(t, examine(t, Options{DatabaseURL: url}), "numbers", OK)
}
