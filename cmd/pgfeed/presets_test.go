package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

const betterAuthSecret = "a secret of the application, long enough"

// signed is the value that better-auth gives its cookie.
func signed(token, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	return url.QueryEscape(token + "." + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// The tables as better-auth's own migrations make them, and as Drizzle does.
var betterAuthTables = map[string]string{
	"camelCase": `
create table "user" (id text primary key, email text, banned boolean, "banExpires" timestamptz);
create table session (id text primary key, token text unique, "userId" text references "user" on delete cascade, "expiresAt" timestamptz, "activeOrganizationId" text);
create table member (id text primary key, "userId" text, "organizationId" text)`,
	"snake_case": `
create table "user" (id text primary key, email text, banned boolean, ban_expires timestamp);
create table session (id text primary key, token text unique, user_id text references "user" on delete cascade, expires_at timestamp, active_organization_id text);
create table member (id text primary key, user_id text, organization_id text)`,
}

func naming(style, sql string) string {
	if style == "snake_case" {
		sql = strings.NewReplacer(`"userId"`, "user_id", `"expiresAt"`, "expires_at", `"activeOrganizationId"`, "active_organization_id",
			`"banExpires"`, "ban_expires", `"organizationId"`, "organization_id", "now()", "(now() at time zone 'UTC')").Replace(sql)
	}
	return sql
}

func TestBetterAuthsSessionsOpenStreamsAndLoseThem(t *testing.T) {
	for style, tables := range betterAuthTables {
		t.Run(style, func(t *testing.T) {
			url, pool := database(t)
			do := func(sql string) {
				t.Helper()
				exec(t, pool, naming(style, sql))
			}
			// A server whose own time zone is far from UTC: what is without a zone is still UTC.
			exec(t, pool, `do $$ begin execute format('alter database %I set timezone = ''Pacific/Auckland''', current_database()); end $$`)
			for _, table := range strings.Split(tables, ";") {
				exec(t, pool, table)
			}
			if code, out, err := command(t, "session", "watch", "--database-url", url, "--session-preset", "better-auth"); code != 0 || !strings.Contains(out, "member") {
				t.Fatalf("watch: %d %s %s", code, out, err)
			}
			pool.Reset()
			g := startReady(t, url, append(told, "--session-preset", "better-auth", "--better-auth-secret", betterAuthSecret)...)
			for how, end := range map[string]string{
				"deleted": `delete from session where token = 'tok'`, "expired": `update session set "expiresAt" = now() where token = 'tok'`,
				"banned": `update "user" set banned = true where id = 'ada'`, "no member any more": `delete from member where "userId" = 'ada'`,
				"another organization": `update session set "activeOrganizationId" = 'globex' where token = 'tok'`, "user deleted": `delete from "user" where id = 'ada'`,
			} {
				do(`insert into "user" values ('ada', 'a@x', false, null), ('bob', 'b@x', true, now() - interval '1 hour')`)
				do(`insert into member values ('1', 'ada', 'acme'), ('2', 'bob', 'acme')`)
				do(`insert into session values ('1', 'tok', 'ada', now() + interval '1 hour', 'acme'), ('2', 'bobs', 'bob', now() + interval '1 hour', 'acme'),
					('3', 'none', 'bob', now() + interval '1 hour', null), ('4', 'foreign', 'bob', now() + interval '1 hour', 'globex'),
					('5', 'old', 'bob', now() - interval '1 minute', 'acme')`)
				ada := cookieStream(t, g, "better-auth.session_token="+signed("tok", betterAuthSecret))
				bob := cookieStream(t, g, "__Secure-better-auth.session_token="+signed("bobs", betterAuthSecret)) // his ban is over
				for _, cookie := range []string{
					"tok", signed("tok", "another secret of somebody else"), signed("none", betterAuthSecret), signed("foreign", betterAuthSecret),
					signed("old", betterAuthSecret), signed("unknown", betterAuthSecret), signed("tok", betterAuthSecret)[:40], "tok." + strings.Repeat("A", 43) + "%3D",
				} {
					if resp, body := g.ask(t, http.MethodGet, "/api/activity", "", "Cookie", "better-auth.session_token="+cookie); resp.StatusCode != 401 {
						t.Errorf("cookie %.30q: %d %s", cookie, resp.StatusCode, body)
					}
				}
				do(end)
				endsForItsSession(t, ada)
				goesOn(t, pool, bob)
				bob.Close()
				t.Log(how)
				exec(t, pool, `delete from session`)
				exec(t, pool, `delete from member`)
				exec(t, pool, `delete from "user"`)
			}
		})
	}
}

func TestWhoOwnsTheTablesNeedsOnlyTheGatewaysRightsToWatchSessions(t *testing.T) {
	url, pool := database(t)
	for _, table := range strings.Split(betterAuthTables["camelCase"], ";") {
		exec(t, pool, table)
	}
	for _, table := range []string{`"user"`, "session", "member"} {
		exec(t, pool, `alter table `+table+` owner to `+gatewayLogin)
	}
	if code, out, err := command(t, "session", "watch", "--database-url", asGateway(t, url), "--session-preset", "better-auth"); code != 0 || !strings.Contains(out, "member") {
		t.Errorf("status %d %s %s", code, out, err)
	}
}

func cookieStream(t *testing.T, g *testGateway, cookie string) *ssetest.Stream {
	t.Helper()
	s := ssetest.Open(t, g.URL+"/api/activity/stream", "", "Cookie", cookie)
	s.Until(t, "hello")
	return s
}

func TestAuthJSSessionsAndOnesOwnOpenStreams(t *testing.T) {
	url, pool := database(t)
	exec(t, pool, `drop table sessions`)
	exec(t, pool, `create table users (id serial primary key, email text, "tenantId" text)`)
	exec(t, pool, `create table sessions (id serial primary key, "sessionToken" text, "userId" int, expires timestamptz)`)
	exec(t, pool, `insert into users values (7, 'a@x', 'acme')`)
	exec(t, pool, `insert into sessions values (1, 'raw-token', 7, now() + interval '1 hour')`)
	exec(t, pool, `create table own (id uuid, org text, who text, until timestamptz)`)
	exec(t, pool, `insert into own values ('6f1c1f3e-0000-4000-8000-000000000001', 'acme', 'ada', null)`)
	exec(t, pool, `grant select on own to pgfeed_gateway`)
	flags := []string{"--session-preset", "authjs", "--session-tenant-column", "tenantId"}
	if code, _, err := command(t, append([]string{"session", "watch", "--database-url", url}, flags...)...); code != 0 {
		t.Fatal(err)
	}
	g := startReady(t, url, append(told, flags...)...)
	s := cookieStream(t, g, "authjs.session-token=raw-token")
	goesOn(t, pool, s)
	exec(t, pool, `delete from sessions`)
	endsForItsSession(t, s)

	own := startReady(t, url, "--heartbeat", "1s", "--session-preset", "query",
		"--session-query", "select id::text as token, org as tenant, who as user_id, until as expires_at from own where id = any($1) -- by its key")
	good := "6f1c1f3e-0000-4000-8000-000000000001"
	ofOwn := own.stream(t, good)
	goesOn(t, pool, ofOwn)
	// A token that isn't even a uuid fails its own lookup and nobody else's.
	if status, body := own.get(t, "/api/activity", "not-a-uuid"); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	exec(t, pool, `delete from own`)
	endsForItsSession(t, ofOwn)
	for query, says := range map[string]string{
		"select 1": "$1", "select token from own where id = any($1)": "refused", "select id as token, org as tenant from own where id = any($1)": "user_id",
	} {
		if code, _, err := command(t, "serve", "--database-url", asGateway(t, url), "--http-addr", "127.0.0.1:0", "--admin-addr", "", "--session-preset", "query", "--session-query", query); code != exitUsage || !strings.Contains(err, says) {
			t.Errorf("%s: %d %s", query, code, err)
		}
	}
}

func TestTheGatewaysRoleMayDoNoMoreThanItNeeds(t *testing.T) {
	url, pool := database(t)
	// As pg_restore --no-acl leaves them, before the roles' rights are renewed.
	exec(t, pool, `grant execute on all functions in schema pgfeed to public`)
	exec(t, pool, `select pgfeed.create_roles()`)
	exec(t, pool, `revoke create on schema public from public`) // as docs/security.md says; from PostgreSQL 15 on it is so
	g, err := openPool(t, asGateway(t, url))
	if err != nil {
		t.Fatal(err)
	}
	var writer string
	if err := pool.QueryRow(t.Context(), `select 'pgfeed.' || proname from pgfeed.trigger_functions() limit 1`).Scan(&writer); err != nil {
		t.Fatal(err)
	}
	refuses(t, g, `create temp table mine (org text); create trigger t after insert on mine referencing new table as new_rows for each statement execute function `+writer+`('activity', 'org')`,
		`select pgfeed.turn('1 s', 1)`, `select pgfeed.empty_slot('1 s', 1)`)
	refuses(t, g, `insert into "activityLogs" ("tenantId", action) values ('acme', 'x')`, `delete from notifications`,
		`update notifications set title = 'x'`, `insert into sessions select * from sessions`, `delete from sessions`, `select * from "activityLogs"`,
		`delete from pgfeed.log`, `insert into pgfeed.log_0 select * from pgfeed.log`, `update pgfeed.state set epoch = 1`,
		`create table public.mine (a int)`, `create table pgfeed.mine (a int)`, `select pgfeed.create_roles()`,
		`truncate pgfeed.log_0`, `update pgfeed.slots set closed = now()`)
	exec(t, pool, `do $$ begin create role pgfeed_test_application login password 'pgfeed_test_application'; exception when duplicate_object then null; end $$`)
	exec(t, pool, `grant pgfeed_application to pgfeed_test_application`)
	app, err := openPool(t, strings.ReplaceAll(asGateway(t, url), gatewayLogin, "pgfeed_test_application"))
	if err != nil {
		t.Fatal(err)
	}
	insert(t, app, "acme", "as the application") // whose trigger writes the log
	refuses(t, app, `select * from pgfeed.events`, `select * from pgfeed.state`, `select pgfeed.check_epoch()`, `truncate "activityLogs"`)
	var may bool
	if err := app.QueryRow(t.Context(), `select has_function_privilege(oid, 'execute') from pg_proc where proname = 'maintain' and pronamespace = to_regnamespace('pgfeed')`).Scan(&may); err != nil || may {
		t.Errorf("the application may empty the log: %t, %v", may, err)
	}
}

func refuses(t *testing.T, pool *pgxpool.Pool, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v, want insufficient privilege", sql, err)
		}
	}
}
