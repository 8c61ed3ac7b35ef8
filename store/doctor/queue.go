package doctor

import (
	"context"
	"fmt"
	"time"
)

// queueFull is the part of the NOTIFY queue past which triggers stop hinting (migrations/00002_attach.sql).
const queueFull = 0.5

func queue(ctx context.Context, p *patient) ([]Finding, error) {
	var used float64
	if err := p.db.QueryRow(ctx, `select pg_notification_queue_usage()`).Scan(&used); err != nil {
		return nil, err
	}
	return judgeQueue(used, p.QueueWarn), nil
}

func judgeQueue(used, warn float64) []Finding {
	const mend = "End the transactions that are shown as long open: the queue is kept for a session that listens and sits in one. " +
		"select pg_terminate_backend(PID) ends a session."
	switch found := fmt.Sprintf("the queue of notifications is %.2g %% full", 100*used); {
	case used > queueFull:
		return one(Fail, mend, "%s: hints are off, and when it is full every commit that notifies fails", found)
	case used > warn:
		return one(Warn, mend, "%s", found)
	default:
		return ok("%s", found)
	}
}

// shown is how many of the oldest are named, each in a finding of its own.
const shown = 5

func transactions(ctx context.Context, p *patient) ([]Finding, error) {
	rows, err := p.db.Query(ctx, `
select pid, coalesce(usename, '?'), coalesce(nullif(application_name, ''), '?'), coalesce(state, '?'),
       extract(epoch from clock_timestamp() - xact_start)::float8, count(*) over ()
  from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
   and xact_start < clock_timestamp() - make_interval(secs => $1)
 order by xact_start limit $2`, p.LongOpen.Seconds(), shown)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var findings []Finding
	for rows.Next() {
		var pid, total int
		var role, application, state string
		var seconds float64
		if err := rows.Scan(&pid, &role, &application, &state, &seconds, &total); err != nil {
			return nil, err
		}
		findings = append(findings, one(Warn,
			fmt.Sprintf("Let the application commit sooner, and set idle_in_transaction_session_timeout. To end it now: select pg_terminate_backend(%d)", pid),
			"open for %s: process %d, role %s, application %s, %s (%d in all); it holds back vacuum and the queue of notifications",
			age(seconds), pid, role, application, state, total)...)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(findings) > 0 {
		return findings, nil
	}
	var all bool
	if err := p.db.QueryRow(ctx, `select pg_has_role('pg_read_all_stats', 'usage')`).Scan(&all); err != nil {
		return nil, err
	}
	if !all {
		return ok("none of this role's own is open for more than %s; others' can't be seen without pg_read_all_stats", p.LongOpen), nil
	}
	return ok("none is open for more than %s", p.LongOpen), nil
}

func prepared(ctx context.Context, p *patient) ([]Finding, error) {
	rows, err := p.db.Query(ctx, `
select gid, owner::text, extract(epoch from clock_timestamp() - prepared)::float8
  from pg_prepared_xacts
 where database = current_database() and prepared < clock_timestamp() - make_interval(secs => $1)
 order by prepared limit $2`, p.LongOpen.Seconds(), shown)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var findings []Finding
	for rows.Next() {
		var gid, owner string
		var seconds float64
		if err := rows.Scan(&gid, &owner, &seconds); err != nil {
			return nil, err
		}
		findings = append(findings, one(Warn,
			"If its coordinator has forgotten it: rollback prepared, or commit prepared, with its name.",
			"prepared transaction %q of %s has waited for %s: its events wait too, and it holds back vacuum", gid, owner, age(seconds))...)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(findings) > 0 {
		return findings, nil
	}
	return ok("no prepared transaction waits for more than %s", p.LongOpen), nil
}

func slots(ctx context.Context, p *patient) ([]Finding, error) {
	rows, err := p.db.Query(ctx, `
select slot_name::text, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))
  from pg_replication_slots
 where not active and restart_lsn is not null and (database is null or database = current_database())
 order by restart_lsn limit $1`, shown)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var findings []Finding
	for rows.Next() {
		var name, kept string
		if err := rows.Scan(&name, &kept); err != nil {
			return nil, err
		}
		findings = append(findings, one(Warn,
			"If nobody will come back for it: select pg_drop_replication_slot with its name; max_slot_wal_keep_size bounds what slots may keep.",
			"replication slot %q is not in use and keeps %s of WAL: the disk can fill up", name, kept)...)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(findings) > 0 {
		return findings, nil
	}
	return ok("every replication slot is in use"), nil
}

func age(seconds float64) time.Duration {
	d := time.Duration(seconds * float64(time.Second))
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
