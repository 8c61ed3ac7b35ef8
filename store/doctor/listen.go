package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// pooler finds out whether one is in between, and whether statements that are prepared by name, as the gateway's are, get
// through it: one in transaction mode may run them on another connection than they were prepared on.
func pooler(ctx context.Context, p *patient) ([]Finding, error) {
	between, err := pooled(ctx, p.db)
	if err != nil {
		return nil, err
	}
	if !between {
		return ok("none: the connection is direct"), nil
	}
	var isolation string
	if err := p.db.QueryRow(ctx, `show default_transaction_isolation`).Scan(&isolation); err != nil {
		return nil, err
	}
	if isolation == "serializable" { // directly, gateways say otherwise
		return one(Warn, "Give gateways' role its own: alter role … set default_transaction_isolation = 'read committed'",
			"there is one, and transactions through it are serializable: gateways' reading can make an application's fail (40001)"), nil
	}
	config, err := pgx.ParseConfig(p.DatabaseURL)
	if err != nil {
		return nil, err
	}
	if config.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
		return ok("there is one; --database-url says to prepare nothing by name"), nil
	}
	kept, err := keepsStatements(ctx, config, p)
	if err != nil {
		return nil, err
	}
	if !kept {
		return one(Fail, "Add default_query_exec_mode=cache_describe to --database-url, or let the pooler keep prepared statements (PgBouncer 1.21 and later: max_prepared_statements).",
			"there is one, and it loses prepared statements"), nil
	}
	return ok("there is one, and it keeps prepared statements"), nil
}

// pooled compares the process that the connection was announced with the one that answers.
func pooled(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var answers uint32
	if err := conn.QueryRow(ctx, `select pg_backend_pid()`).Scan(&answers); err != nil {
		return false, err
	}
	return answers != conn.PgConn().PID(), nil
}

// keepsStatements prepares on one connection, lets another one take the server behind it, and executes.
func keepsStatements(ctx context.Context, config *pgx.ConnConfig, p *patient) (bool, error) {
	config.RuntimeParams["application_name"] = "pgfeed doctor"
	first, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer p.close(first)
	name := "pgfeed_doctor_" + rand.Text()
	if _, err := first.Prepare(ctx, name, `select 1`); err != nil {
		return false, err
	}
	tx, err := p.db.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // it has done nothing
	if _, err := tx.Exec(ctx, `select 1`); err != nil {
		return false, err
	}
	_, err = first.Exec(ctx, name)
	if isCode(err, "26000") { // invalid_sql_statement_name
		return false, nil
	}
	return true, err
}

// listen is the one that matters most: whether a notification really arrives.
func listen(ctx context.Context, p *patient) ([]Finding, error) {
	config, err := pgx.ParseConfig(p.NotifyURL)
	if err != nil {
		return nil, err
	}
	prepareConfig(config)
	// Half of the time is for waiting: what is slow to connect isn't deaf.
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return one(Fail, "Correct --notify-database-url: it is a direct connection to the same database.", "the connection for LISTEN can't be made: %v", err), nil
	}
	defer p.close(conn)
	channel := "pgfeed_doctor_" + rand.Text()
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return one(Fail, "Let --notify-database-url lead to the primary, directly.", "LISTEN is refused: %v", err), nil
	}
	begun := time.Now()
	if _, err := p.db.Exec(ctx, `select pg_notify($1, 'pgfeed doctor')`, channel); err != nil {
		return one(Fail, "See the queue below: while it is full, applications' commits fail.", "NOTIFY is refused: %v", err), nil
	}
	wait, cancel := context.WithTimeout(ctx, p.Timeout/2)
	defer cancel()
	if _, err := conn.WaitForNotification(wait); err != nil {
		return judgeSilence(ctx, p, err)
	}
	return ok("a notification arrived after %s", time.Since(begun).Round(100*time.Microsecond)), nil
}

// judgeSilence says why no notification has come.
func judgeSilence(ctx context.Context, p *patient, err error) ([]Finding, error) {
	if !errors.Is(err, context.DeadlineExceeded) {
		return one(Fail, "See why the server, or what is in between, closes the connection.", "the listening connection broke: %v", err), nil
	}
	found := "LISTEN was accepted, and no notification came"
	config, err := pgx.ParseConfig(p.NotifyURL)
	if err != nil {
		return nil, err
	}
	prepareConfig(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("look for a pooler: %w", err)
	}
	defer p.close(conn)
	if between, err := pooled(ctx, conn); err == nil && between {
		return one(Fail, "Give --notify-database-url, a connection past the pooler; in transaction mode it can't carry LISTEN. Until then events come by reading the log, within two seconds.",
			"%s: a pooler is in between", found), nil
	}
	return one(Fail, "See that both URLs lead to the same database of the same server.", "%s: the two URLs may lead to different databases", found), nil
}
