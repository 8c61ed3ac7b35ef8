package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
)

// SessionQuery finds sessions in the application's tables with one query for many tokens.
//
// The query takes $1, an array of tokens as text, or of their SHA-256 as bytea where Hashed, and gives the columns token (as it
// was in $1), tenant, user_id, expires_at (null: never; a timestamp without zone is UTC), and, if it has that, refused: why the
// session doesn't count, or null.
type SessionQuery struct {
	pool  *pgxpool.Pool
	build func(ctx context.Context, pool *pgxpool.Pool) (plan, error)

	mu   sync.Mutex
	plan *plan // nil: not built yet
}

// plan is how sessions are found in the tables that there are.
type plan struct {
	query   string
	hashed  bool
	watched []sessionTable // whose changes end sessions
	reads   []sessionRead
}

var _ auth.Source = (*SessionQuery)(nil)

// NewSessionQuery makes a source of a query that is given. tables are those whose changes are watched, as in SQL.
func NewSessionQuery(pool *pgxpool.Pool, query string, hashed bool, tables ...string) *SessionQuery {
	p := plan{query: strings.TrimRight(strings.TrimSpace(query), ";"), hashed: hashed}
	for _, name := range tables {
		p.watched = append(p.watched, sessionTable{name: name})
	}
	return &SessionQuery{pool: pool, build: func(context.Context, *pgxpool.Pool) (plan, error) { return p, nil }}
}

// ErrSessionTables says that the sessions can't be found as they are set up: in the text is what to mend.
var ErrSessionTables = errors.New("sessions")

// Check reports what is wrong with the query or the tables. Other errors than ErrSessionTables say that the database is away.
func (q *SessionQuery) Check(ctx context.Context) error {
	_, err := q.ready(ctx)
	return err
}

// ready gives the plan, with a query that has the columns it needs.
func (q *SessionQuery) ready(ctx context.Context) (plan, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.plan != nil {
		return *q.plan, nil
	}
	p, err := q.build(ctx, q.pool)
	if err != nil {
		return plan{}, err
	}
	if p.query, err = wrap(ctx, q.pool, p.query); err != nil {
		return plan{}, err
	}
	q.plan = &p
	return p, nil
}

// wrap makes text of what the query gives. It asks Postgres which columns those are.
func wrap(ctx context.Context, pool *pgxpool.Pool, query string) (string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	described, err := conn.Conn().PgConn().Prepare(ctx, "", query, nil)
	if isClass(err, "42") { // syntax error or access rule violation
		return "", fmt.Errorf("%w: the query is refused: %w", ErrSessionTables, err)
	}
	if err != nil {
		return "", err
	}
	if len(described.ParamOIDs) != 1 {
		return "", fmt.Errorf("%w: the query needs $1, the array of tokens, and nothing else", ErrSessionTables)
	}
	has := map[string]bool{}
	for _, f := range described.Fields {
		has[f.Name] = true
	}
	for _, name := range []string{"token", "tenant", "user_id", "expires_at"} {
		if !has[name] {
			return "", fmt.Errorf("%w: the query gives no column %q: it needs token, tenant, user_id and expires_at", ErrSessionTables, name)
		}
	}
	refused := "null::text"
	if has["refused"] {
		refused = "s.refused::text"
	}
	// The line breaks keep a comment at the query's end from swallowing the rest.
	return "select s.token, s.tenant::text, s.user_id::text, s.expires_at, " + refused + " from (\n" + query + "\n) s", nil
}

// Find implements auth.Source.
func (q *SessionQuery) Find(ctx context.Context, tokens []string) (map[string]auth.Found, error) {
	p, err := q.ready(ctx)
	if err != nil {
		return nil, err
	}
	found, err := q.find(ctx, p, tokens)
	switch {
	case err == nil:
		return found, nil
	case isClass(err, "42"): // the application has migrated its tables: look at them again next time
		q.mu.Lock()
		q.plan = nil
		q.mu.Unlock()
		return nil, err
	case !isBadToken(err):
		return nil, err
	}
	// One of them can't even be compared, such as text with a column of type uuid. The others must not suffer for it.
	found = map[string]auth.Found{}
	for _, token := range tokens {
		one, err := q.find(ctx, p, []string{token})
		if isBadToken(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for token, f := range one {
			found[token] = f
		}
	}
	return found, nil
}

func (q *SessionQuery) find(ctx context.Context, p plan, tokens []string) (map[string]auth.Found, error) {
	var keys any = tokens
	token := make(map[string]string, len(tokens)) // by key
	if p.hashed {
		hashes := make([][]byte, len(tokens))
		bytes := make([]byte, 0, len(tokens)*sha256.Size)
		for _, t := range tokens {
			hash := sha256.Sum256([]byte(t))
			bytes = append(bytes, hash[:]...)
		}
		text := string(bytes)
		for i, t := range tokens {
			from, to := i*sha256.Size, (i+1)*sha256.Size
			hashes[i], token[text[from:to]] = bytes[from:to], t
		}
		keys = hashes
	} else {
		for _, t := range tokens {
			token[t] = t
		}
	}
	rows, err := q.pool.Query(ctx, p.query, keys)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]auth.Found, len(tokens))
	var key pgtype.DriverBytes // good until the next row
	var text string
	var tenant, user, refused *string
	var expires *time.Time
	targets := []any{&text, &tenant, &user, &expires, &refused}
	if p.hashed {
		targets[0] = &key
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSessionTables, err)
		}
		t, asked := token[text]
		if p.hashed {
			t, asked = token[string(key)]
		}
		if !asked {
			continue
		}
		f := auth.Found{Identity: gateway.Identity{Tenant: deref(tenant), User: deref(user)}, Refused: deref(refused)}
		if expires != nil {
			f.Expiry = *expires
		}
		found[t] = f
	}
	return found, rows.Err()
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// isBadToken recognises data that a column's type can't hold: class 22 of the server, or what pgx can't encode.
func isBadToken(err error) bool {
	return isClass(err, "22") || err != nil && strings.Contains(err.Error(), "failed to encode args[0]")
}

func isClass(err error, class string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, class)
}

// Watched implements auth.Source: it looks for the triggers of pgfeed.watch_sessions, which report nothing where hints are off.
func (q *SessionQuery) Watched(ctx context.Context) (bool, error) {
	p, err := q.ready(ctx)
	if err != nil || len(p.watched) == 0 {
		return false, err
	}
	names := make([]string, len(p.watched))
	for i, t := range p.watched {
		names[i] = t.name
	}
	var watched bool
	err = q.pool.QueryRow(ctx, `
select pgfeed.hinting() and coalesce(bool_and(exists (
           select from pg_trigger
            where tgrelid = to_regclass(name) and tgname = 'pgfeed_session_delete' and tgenabled in ('O', 'A'))), false)
  from unnest($1::text[]) as name`, names).Scan(&watched)
	if err != nil {
		return false, fmt.Errorf("look for the triggers on sessions: %w", err)
	}
	return watched, nil
}

// Watch makes the tables report changes of sessions, so that revoked sessions lose their streams at once, and lets gateways
// read what they need of them. It gives the names of the tables. The database role must own them. ErrTableInUse: one of
// them could not be locked.
func (q *SessionQuery) Watch(ctx context.Context) ([]string, error) {
	p, err := q.ready(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	err = pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		for _, t := range p.watched {
			if t.key == "" {
				return fmt.Errorf("%w: for a query of your own call pgfeed.watch_sessions in SQL, once for each table", ErrSessionTables)
			}
			_, err := tx.Exec(ctx, `select pgfeed.watch_sessions($1::text::regclass, $2, $3, $4)`, t.name, t.kind, t.key, t.columns)
			if err != nil {
				return tableError("watch", t.name, err)
			}
			names = append(names, t.name)
		}
		var role bool
		if err := tx.QueryRow(ctx, `select to_regrole('pgfeed_gateway') is not null`).Scan(&role); err != nil || !role {
			return err
		}
		for _, r := range p.reads {
			// Names of tables come quoted from the catalog.
			if _, err := tx.Exec(ctx, "grant select ("+strings.Join(r.columns, ", ")+") on "+r.table+" to pgfeed_gateway"); err != nil {
				return fmt.Errorf("let gateways read %s: %w", r.table, err)
			}
		}
		return nil
	})
	return names, err
}
