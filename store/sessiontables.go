package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sessionRead is what the query reads of a table.
type sessionRead struct {
	table   string
	columns []string // as in SQL
}

// Tenancy says which tenant a session belongs to, where the application's sessions don't say that by themselves.
type Tenancy struct {
	Column   string // of the table of sessions or of that of users
	Constant string // one tenant for all
}

// sessionTable is a table whose changes end sessions.
type sessionTable struct {
	name    string   // as in SQL
	kind    string   // what its key names: session (a token), hash (a token's SHA-256) or user
	key     string   // column
	columns []string // those that count when a row is updated
}

// PgfeedSessions finds sessions in pgfeed's own table.
func PgfeedSessions(pool *pgxpool.Pool) *SessionQuery {
	return &SessionQuery{pool: pool, build: func(context.Context, *pgxpool.Pool) (plan, error) {
		return plan{
			query: `
select "tokenHash" as token, "tenantId" as tenant, "userId" as user_id, "expiresAt" as expires_at
  from public."sessions" where "tokenHash" = any($1) and "expiresAt" > now()`,
			hashed:  true,
			watched: []sessionTable{{`public."sessions"`, "hash", "tokenHash", []string{"tenantId", "userId", "expiresAt"}}},
		}, nil
	}}
}

// BetterAuthSessions finds sessions where better-auth keeps them, in its own naming (camelCase) or that of Drizzle (snake_case).
// The tenant is the active organization, of which the user must be a member, unless the tenancy says otherwise.
func BetterAuthSessions(pool *pgxpool.Pool, tenancy Tenancy) *SessionQuery {
	return &SessionQuery{pool: pool, build: func(ctx context.Context, pool *pgxpool.Pool) (plan, error) {
		c := catalog{pool: pool}
		sessions := c.find(ctx, []string{"session", "sessions"}, "token", "userId", "expiresAt")
		users := c.find(ctx, []string{"user", "users"}, "id")
		q := sessionBuilder{sessions: sessions, users: users, token: "token", user: "userId", expires: "expiresAt"}
		if tenancy == (Tenancy{}) && c.err == nil {
			if sessions.column("activeOrganizationId") == "" {
				return plan{}, fmt.Errorf("%w: %s has no column activeOrganizationId: use better-auth's organization plugin, or say where tenants come from with --session-tenant-column or --session-tenant", ErrSessionTables, sessions.name)
			}
			members := c.find(ctx, []string{"member", "members"}, "userId", "organizationId")
			q.tenant, q.members = "activeOrganizationId", &members
		}
		if c.err != nil {
			return plan{}, c.err
		}
		return q.plan(tenancy)
	}}
}

// AuthJSSessions finds sessions where the database strategy of Auth.js (NextAuth) keeps them. It knows no tenants: the
// tenancy is required.
func AuthJSSessions(pool *pgxpool.Pool, tenancy Tenancy) *SessionQuery {
	return &SessionQuery{pool: pool, build: func(ctx context.Context, pool *pgxpool.Pool) (plan, error) {
		c := catalog{pool: pool}
		sessions := c.find(ctx, []string{"sessions", "session", "Session"}, "sessionToken", "userId", "expires")
		users := c.find(ctx, []string{"users", "user", "User"}, "id")
		if c.err != nil {
			return plan{}, c.err
		}
		q := sessionBuilder{sessions: sessions, users: users, token: "sessionToken", user: "userId", expires: "expires"}
		return q.plan(tenancy)
	}}
}

// sessionBuilder writes the query for the tables that there are.
type sessionBuilder struct {
	sessions, users      table
	members              *table
	token, user, expires string // columns of sessions, in camelCase
	tenant               string // likewise, where it isn't the tenancy's
}

func (q sessionBuilder) plan(tenancy Tenancy) (plan, error) {
	s, u := q.sessions, q.users
	counts := []string{s.column(q.user), s.column(q.expires)}
	var tenant string
	switch {
	case tenancy.Constant != "":
		tenant = quoteLiteral(tenancy.Constant)
	case tenancy.Column != "" && s.column(tenancy.Column) != "":
		tenant = s.quoted("s", tenancy.Column)
		counts = append(counts, s.column(tenancy.Column))
	case tenancy.Column != "" && u.column(tenancy.Column) != "":
		tenant = u.quoted("u", tenancy.Column)
	case tenancy.Column != "":
		return plan{}, fmt.Errorf("%w: neither %s nor %s has a column %q (--session-tenant-column)", ErrSessionTables, s.name, u.name, tenancy.Column)
	default:
		tenant = s.quoted("s", q.tenant)
		counts = append(counts, s.column(q.tenant))
	}
	refused := []string{}
	reads := []sessionRead{{s.name, s.list(append([]string{q.token}, counts...)...)}}
	userReads := []string{"id"}
	watched := []sessionTable{{s.name, "session", s.column(q.token), counts}}
	var userCounts []string
	if u.column("banned") != "" {
		banned := "coalesce(" + u.quoted("u", "banned") + ", false)"
		userCounts = append(userCounts, u.column("banned"))
		if u.column("banExpires") != "" {
			ends := u.at("u", "banExpires")
			banned += " and (" + ends + " is null or " + ends + " > now())"
			userCounts = append(userCounts, u.column("banExpires"))
		}
		refused = append(refused, "when "+banned+" then 'the user is banned'")
	}
	if tenancy.Constant == "" && tenancy.Column != "" && s.column(tenancy.Column) == "" {
		userCounts = append(userCounts, u.column(tenancy.Column))
	}
	userReads = append(userReads, userCounts...)
	reads = append(reads, sessionRead{u.name, u.list(userReads...)})
	if len(userCounts) > 0 {
		watched = append(watched, sessionTable{u.name, "user", u.column("id"), userCounts})
	}
	refused = append(refused, "when "+tenant+" is null then 'the session has no tenant: no organization is active'")
	if m := q.members; m != nil {
		refused = append(refused, fmt.Sprintf("when not exists (select from %s m where %s = %s and %s = %s) then 'the user is not a member of the active organization'",
			m.name, m.quoted("m", "organizationId"), tenant, m.quoted("m", "userId"), s.quoted("s", q.user)))
		reads = append(reads, sessionRead{m.name, m.list("organizationId", "userId")})
		watched = append(watched, sessionTable{m.name, "user", m.column("userId"), []string{m.column("organizationId")}})
	}
	// The join also drops sessions of users that are no more.
	query := fmt.Sprintf(`
select %[1]s as token, %[2]s as tenant, %[3]s as user_id, %[4]s as expires_at,
       case %[5]s end as refused
  from %[6]s s join %[7]s u on %[8]s = %[3]s
 where %[1]s = any($1) and %[4]s > now()`,
		s.quoted("s", q.token), tenant, s.quoted("s", q.user), s.at("s", q.expires), strings.Join(refused, " "), s.name, u.name, u.quoted("u", "id"))
	return plan{query: query, watched: watched, reads: reads}, nil
}

// table is one that exists: its name, schema included, as in SQL, and its columns.
type table struct {
	name    string
	columns map[string]string // column → type
}

// column gives a column that is called so in camelCase or in snake_case; "" where there is none.
func (t table) column(camel string) string {
	for _, name := range []string{camel, snake(camel)} {
		if _, ok := t.columns[name]; ok {
			return name
		}
	}
	return ""
}

func (t table) quoted(alias, camel string) string {
	return alias + "." + pgx.Identifier{t.column(camel)}.Sanitize()
}

// list gives columns as in SQL.
func (t table) list(names ...string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = pgx.Identifier{t.column(name)}.Sanitize()
	}
	return quoted
}

// at is a column of time. Without a zone it is in UTC, as JavaScript's libraries write it.
func (t table) at(alias, camel string) string {
	if t.columns[t.column(camel)] == "timestamp without time zone" {
		return "(" + t.quoted(alias, camel) + " at time zone 'UTC')"
	}
	return t.quoted(alias, camel)
}

// catalog looks for tables, and remembers the first error.
type catalog struct {
	pool *pgxpool.Pool
	err  error
}

// find gives the first table of these names, on the search path, that has all the columns.
func (c *catalog) find(ctx context.Context, names []string, columns ...string) table {
	if c.err != nil {
		return table{}
	}
	for _, name := range names {
		t, err := c.look(ctx, name)
		if err != nil {
			c.err = err
			return table{}
		}
		if !slices.ContainsFunc(columns, func(column string) bool { return t.column(column) == "" }) {
			return t
		}
	}
	c.err = fmt.Errorf("%w: there is no table %s with the columns %s, in camelCase or snake_case, that this role may read",
		ErrSessionTables, strings.Join(names, " or "), strings.Join(columns, ", "))
	return table{}
}

func (c *catalog) look(ctx context.Context, name string) (table, error) {
	t := table{columns: map[string]string{}}
	rows, err := c.pool.Query(ctx, `
select quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname, format_type(a.atttypid, null)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
 where c.oid = to_regclass(quote_ident($1)) and a.attnum > 0 and not a.attisdropped
   and has_column_privilege(c.oid, a.attnum, 'select')`, name)
	if err != nil {
		return t, fmt.Errorf("look for table %q: %w", name, err)
	}
	var column, typ string
	_, err = pgx.ForEachRow(rows, []any{&t.name, &column, &typ}, func() error {
		t.columns[column] = typ
		return nil
	})
	if err != nil {
		return t, fmt.Errorf("look for table %q: %w", name, err)
	}
	return t, nil
}

// snake is userId → user_id.
func snake(camel string) string {
	var b strings.Builder
	for _, r := range camel {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func quoteLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
