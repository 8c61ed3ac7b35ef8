package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// oldest is the first PostgreSQL that pgfeed works with, as server_version_num writes it.
const oldest = 140000

func version(ctx context.Context, p *patient) ([]Finding, error) {
	var number int
	var text string
	err := p.db.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('server_version')`).Scan(&number, &text)
	if err != nil {
		return nil, err
	}
	return judgeVersion(number, text), nil
}

func judgeVersion(number int, text string) []Finding {
	if number < oldest {
		return one(Fail, "Upgrade the server: pgfeed needs PostgreSQL 14 or later.", "PostgreSQL %s is too old", text)
	}
	return ok("PostgreSQL %s", text)
}

func primary(ctx context.Context, p *patient) ([]Finding, error) {
	var standby bool
	if err := p.db.QueryRow(ctx, `select pg_is_in_recovery()`).Scan(&standby); err != nil {
		return nil, err
	}
	if standby {
		return one(Fail, "Point --database-url, and --notify-database-url, at the primary.",
			"this server is a standby in recovery: it takes no LISTEN and no writes"), nil
	}
	return ok("not in recovery"), nil
}

func encryption(_ context.Context, p *patient) ([]Finding, error) {
	conn := p.db.PgConn().Conn()
	_, encrypted := conn.(*tls.Conn)
	return judgeEncryption(encrypted, conn.RemoteAddr()), nil
}

func judgeEncryption(encrypted bool, peer net.Addr) []Finding {
	if encrypted {
		return ok("the connection is encrypted")
	}
	if tcp, isTCP := peer.(*net.TCPAddr); isTCP && !tcp.IP.IsLoopback() {
		return one(Warn, "Add sslmode=verify-full to the URL (and sslrootcert, for an authority of your own), unless the network between is private.",
			"the connection to %s is not encrypted", peer)
	}
	return ok("the server is on this machine")
}

// durability is whether what was committed, and so was delivered, survives a crash of the server.
func durability(ctx context.Context, p *patient) ([]Finding, error) {
	var fsync, commit string
	var elsewhere []string
	err := p.db.QueryRow(ctx, `
select current_setting('fsync'), current_setting('synchronous_commit'),
       array(select coalesce('role ' || quote_ident(r.rolname), 'every role')
               from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
              where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
                and 'synchronous_commit=off' = any (s.setconfig))`).Scan(&fsync, &commit, &elsewhere)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	if fsync == "off" {
		findings = append(findings, one(Warn, "Set fsync = on.", "fsync is off: a crash of the machine can destroy the database")...)
	}
	const mend = "Set synchronous_commit = on for whoever inserts into attached tables."
	if commit == "off" {
		findings = append(findings, one(Warn, mend, "synchronous_commit is off: a crash can take back events that were already delivered")...)
	}
	for _, who := range elsewhere {
		findings = append(findings, one(Warn, mend, "synchronous_commit is off for %s: a crash can take back events that were already delivered", who)...)
	}
	if len(findings) == 0 {
		return ok("commits are on disk before they are delivered"), nil
	}
	return findings, nil
}

// clockTolerance is what two clocks may differ by, beside what the question took to be answered.
const clockTolerance = 2 * time.Second

func clock(ctx context.Context, p *patient) ([]Finding, error) {
	var theirs time.Time
	before := p.Now()
	if err := p.db.QueryRow(ctx, `select clock_timestamp()`).Scan(&theirs); err != nil {
		return nil, err
	}
	after := p.Now()
	off := before.Add(after.Sub(before) / 2).Sub(theirs)
	if off.Abs() > clockTolerance+after.Sub(before) {
		word := "ahead of"
		if off < 0 {
			word = "behind"
		}
		return one(Warn, "Synchronise both clocks (NTP): sessions end, and latency is measured, by both.",
			"this machine's clock is %s %s the database's", off.Abs().Round(time.Millisecond), word), nil
	}
	return ok("within %s of the database's", clockTolerance), nil
}

func connections(ctx context.Context, p *patient) ([]Finding, error) {
	var used, most int
	err := p.db.QueryRow(ctx, `
select (select count(*) from pg_stat_activity where datid is not null and coalesce(backend_type, 'client backend') = 'client backend'), -- null: another role's
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int`).Scan(&used, &most)
	if err != nil {
		return nil, err
	}
	if used*10 >= most*9 {
		return one(Warn, "Raise max_connections, or put a pooler in front of the applications; a gateway needs its pool and one more for LISTEN.",
			"%d of %d connections are taken", used, most), nil
	}
	return ok("%d of %d taken", used, most), nil
}
