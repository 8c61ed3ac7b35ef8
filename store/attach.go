package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Attachment says how a table's rows become events.
type Attachment struct {
	Table           string // as in SQL: schema-qualified and quoted where that is needed
	Topic           string
	TenantColumn    string
	RecipientColumn string // optional: the user that alone may see a row
	ReadColumn      string // optional: publishes <topic>:read when it is set
	KeyColumn       string // with ReadColumn: tells rows apart, and so is unique; "id" where it is empty

	Warned func(text string) // optional: takes what the database warns of
}

// ErrTableInUse says that a table could not be locked within two seconds. Nothing has changed; trying again may do.
var ErrTableInUse = errors.New("a transaction that is still open has used the table, or is attaching another")

// Attach publishes the table's rows from now on. ErrTableInUse: it could not be locked.
func Attach(ctx context.Context, pool *pgxpool.Pool, a Attachment) error {
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	// Whatever the database's default is.
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if a.Warned != nil {
			data := tx.Conn().PgConn().CustomData()
			data[warned] = a.Warned
			defer delete(data, warned)
		}
		_, err := tx.Exec(ctx, `select pgfeed.attach($1::text::regclass, $2, $3, $4, $5, coalesce($6, 'id'))`,
			a.Table, a.Topic, a.TenantColumn, optional(a.RecipientColumn), optional(a.ReadColumn), optional(a.KeyColumn))
		return err
	})
	return tableError("attach", a.Table, err)
}

// Detach stops publishing the table's rows. False: it was not attached. ErrTableInUse: it could not be locked.
func Detach(ctx context.Context, pool *pgxpool.Pool, table string) (bool, error) {
	var was bool
	err := pool.QueryRow(ctx, `select pgfeed.detach($1::text::regclass)`, table).Scan(&was)
	return was, tableError("detach", table, err)
}

// warned is the key of a function, among a connection's own data, that takes what the server warns of.
const warned = "pgfeed.warned"

func passWarning(c *pgconn.PgConn, n *pgconn.Notice) {
	if take, ok := c.CustomData()[warned].(func(string)); ok && n.SeverityUnlocalized == "WARNING" {
		take(withHint((*pgconn.PgError)(n)))
	}
}

func withHint(e *pgconn.PgError) string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + ". " + e.Hint
}

func tableError(verb, table string, err error) error {
	switch {
	case err == nil:
		return nil
	case isCode(err, "42P01"):
		return fmt.Errorf("%s %s: there is no such table; write it as in SQL, quoted where its name has capitals: '\"activityLogs\"'", verb, table)
	case isCode(err, "42602"): // invalid_name
		return fmt.Errorf("%s: %q is no name of a table", verb, table)
	case isCode(err, "3F000") && !strings.Contains(err.Error(), `"pgfeed"`): // invalid_schema_name
		return fmt.Errorf("%s %s: there is no schema of that name", verb, table)
	case isCode(err, "3F000"), isCode(err, "42883"): // undefined_function
		return ErrNotMigrated
	case isCode(err, "42501"): // insufficient_privilege
		return fmt.Errorf("%s %s: %w; a role is needed that owns the table and is a member of the owner of the schema pgfeed (pgfeed_migration)", verb, table, err)
	case isCode(err, "55P03"): // lock_not_available
		return fmt.Errorf("%s %s: %w", verb, table, ErrTableInUse)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return fmt.Errorf("%s %s: %s", verb, table, withHint(pg))
	}
	return fmt.Errorf("%s %s: %w", verb, table, err)
}

func isCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}
