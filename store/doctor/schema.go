package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/store"
)

// migrated compares what the database has with what this program knows. A failure means that the checks of the schema
// would say nothing.
func migrated(ctx context.Context, p *patient) ([]Finding, error) {
	known, err := store.KnownVersions()
	if err != nil {
		return nil, err
	}
	applied := map[int64]bool{}
	rows, err := p.db.Query(ctx, `select version_id from public.pgfeed_migrations where is_applied and version_id > 0`)
	if err == nil {
		for rows.Next() {
			var v int64
			if err := rows.Scan(&v); err != nil {
				return nil, err
			}
			applied[v] = true
		}
		err = rows.Err()
	}
	switch {
	case isCode(err, "42501"): // insufficient_privilege: the check of grants says more
		return one(Warn, grantsMend, "the role may not read which migrations are applied"), nil
	case err != nil && !isCode(err, "42P01"): // undefined_table
		return nil, err
	}
	missing := 0
	for _, v := range known {
		if !applied[v] {
			missing++
		}
		delete(applied, v)
	}
	switch {
	case missing > 0:
		return one(Fail, "Run: pgfeed migrate up", "%d of %d migrations are missing", missing, len(known)), nil
	case len(applied) > 0:
		return one(Warn, "Upgrade this program: gateways should not stay older than the database.",
			"the database has %d migrations that this version of pgfeed doesn't know", len(applied)), nil
	}
	return ok("all %d are applied", len(known)), nil
}

const grantsMend = "As the owner: select pgfeed.create_roles(), and grant pgfeed_gateway to the role (see docs/security.md)."

// grantsSQL gives what the role lacks of what a gateway does. It goes by oid: by name, a role without rights on the schema
// couldn't even ask.
const grantsSQL = `
with needs(kind, schema, name, privilege) as (values
    ('schema', 'pgfeed', '', 'usage'),
    ('table', 'pgfeed', 'log', 'select'), ('table', 'pgfeed', 'state', 'select'), ('table', 'pgfeed', 'kept', 'select'),
    ('table', 'pgfeed', 'busy', 'select'), ('table', 'pgfeed', 'emptied', 'select'), ('table', 'pgfeed', 'events_seq', 'select'),
    ('function', 'pgfeed', 'extend_busy', 'execute'), ('function', 'pgfeed', 'maintain', 'execute'),
    ('table', 'public', 'pgfeed_migrations', 'select'), ('function', 'pgfeed', 'check_epoch', 'execute'),
    ('table', 'public', 'notifications', 'select'), ('table', 'public', 'notifications', 'update')
)
select needs.privilege || ' on ' || needs.kind || ' ' ||
       case when needs.kind = 'schema' then quote_ident(n.nspname) else quote_ident(n.nspname) || '.' || quote_ident(needs.name) end
  from needs
  join pg_namespace n on n.nspname = needs.schema
  left join pg_class c on c.relnamespace = n.oid and c.relname = needs.name and needs.kind = 'table'
   and (needs.schema <> 'public' or needs.name = 'pgfeed_migrations' or obj_description(c.oid, 'pg_class') = 'pgfeed reference table') -- or the application's own
  left join pg_proc f on f.pronamespace = n.oid and f.proname = needs.name and needs.kind = 'function'
 where not case needs.kind
           when 'schema' then has_schema_privilege(n.oid, needs.privilege)
           when 'table' then coalesce(has_any_column_privilege(c.oid, needs.privilege), true)
           else coalesce(has_function_privilege(f.oid, needs.privilege), true) end
 order by 1`

func grants(ctx context.Context, p *patient) ([]Finding, error) {
	rows, err := p.db.Query(ctx, grantsSQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var missing []string
	for rows.Next() {
		var what string
		if err := rows.Scan(&what); err != nil {
			return nil, err
		}
		missing = append(missing, what)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return one(Fail, grantsMend, "role %s lacks %s", p.db.Config().User, strings.Join(missing, ", ")), nil
	}
	return ok("role %s may do what a gateway does", p.db.Config().User), nil
}

// epoch is whether this is the database that gateways have last seen.
func epoch(ctx context.Context, p *patient) ([]Finding, error) {
	var same bool
	err := p.db.QueryRow(ctx, `
select s.system_identifier = c.system_identifier and s.timeline = pgfeed.timeline() and s.table_oid = s.tableoid
       and s.database_oid = (select oid from pg_database where datname = current_database())
  from pgfeed.state s, pg_control_system() c`).Scan(&same)
	if err != nil {
		return nil, err
	}
	if !same {
		return one(Warn, "Nothing, where gateways run: the next one that reads starts a new epoch, and clients reload once.",
			"the database was restored, or failed over, since a gateway last read it"), nil
	}
	return ok("the database is the one that gateways know"), nil
}

// numbers is whether events are numbered in the order in which they are written, on which cursors' floors rely.
func numbers(ctx context.Context, p *patient) ([]Finding, error) {
	var ordered bool
	err := p.db.QueryRow(ctx, `
select seqcache = 1 and seqincrement = 1000 and not seqcycle from pg_sequence where seqrelid = 'pgfeed.events_seq'::regclass`).Scan(&ordered)
	if err != nil {
		return nil, err
	}
	if !ordered {
		return one(Fail, "alter sequence pgfeed.events_seq increment 1000 cache 1 no cycle",
			"sequence pgfeed.events_seq was altered: events don't get numbers of their own, in order, and clients that resume miss some"), nil
	}
	var newest, written int64
	err = p.db.QueryRow(ctx, `
select coalesce((select seq from pgfeed.log order by xid desc, seq desc limit 1), 0), pgfeed.written()`).Scan(&newest, &written)
	if err != nil {
		return nil, err
	}
	if newest > written {
		return one(Fail, fmt.Sprintf("select setval('pgfeed.events_seq', %d)", newest/1000*1000+1000),
			"the log has event %d, and the next ones get numbers from %d on: rows came from another database, by replication, without the sequence; new events get numbers that there were", newest, written+1), nil
	}
	return ok("events are numbered in order"), nil
}

// hintsMend is for all that pgfeed.hinting asks about.
const hintsMend = "If max_prepared_transactions is above 0 and no attached or watched table takes part in two-phase commit: alter database … set pgfeed.hints = on. " +
	"If pgfeed.hints is off, take that away. Else empty the queue of notifications (see above)."

// longestLease is far more than a gateway ever asks for.
const longestLease = 5 * time.Minute

func busy(ctx context.Context, p *patient) ([]Finding, error) {
	var seconds float64
	var hinting bool
	err := p.db.QueryRow(ctx, `
select last_value / 1000.0::float8 - date_part('epoch', clock_timestamp()), pgfeed.hinting() from pgfeed.busy`).Scan(&seconds, &hinting)
	if err != nil {
		return nil, err
	}
	left := age(max(seconds, 0))
	switch {
	case left > longestLease:
		return one(Warn, "If the database's clock was set back: select setval('pgfeed.busy', 0)",
			"hints are off for another %s, which no gateway asks for", left), nil
	case !hinting:
		return one(Warn, hintsMend, "hints are off: events come by reading the log, four times a second"), nil
	case left > 0:
		return ok("writers are many: hints are off, and gateways read the log instead (for another %s, unless extended)", left), nil
	}
	return ok("hints are on"), nil
}

func gateways(ctx context.Context, p *patient) ([]Finding, error) {
	var n int
	err := p.db.QueryRow(ctx, `
select count(*) from pg_stat_activity where datname = current_database() and application_name = 'pgfeed listener'`).Scan(&n)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return one(Warn, "Start one: pgfeed serve. If one runs, see its log, and its /readyz.", "no gateway listens to this database"), nil
	}
	return ok("%d listening", n), nil
}

// turnsEvery is far longer than a slot of the log should stay the current one where gateways keep it for a week. How long they keep
// it isn't on record: slots that were the current one for longer show that it is for more.
const turnsEvery = 10 * 24 * time.Hour

func logSize(ctx context.Context, p *patient) ([]Finding, error) {
	var size string
	var seconds, current, longest float64
	err := p.db.QueryRow(ctx, `
select pg_size_pretty(coalesce(sum(bytes), 0)), coalesce(extract(epoch from clock_timestamp() - min(opened)), 0)::float8,
       coalesce(extract(epoch from clock_timestamp() - max(opened)), 0)::float8, coalesce(extract(epoch from max(closed - opened)), 0)::float8
  from pgfeed.kept`).Scan(&size, &seconds, &current, &longest)
	if err != nil {
		return nil, err
	}
	if age(current) > max(turnsEvery, 2*age(longest)) {
		return one(Warn, "Unless that is right: run a gateway, or pgfeed maintain now and then.",
			"%s, and nobody has turned the log over for %s: right only if --retention is %s or more; else nothing is emptied", size, age(current), 6*age(current)), nil
	}
	return ok("%s, it goes back %s", size, age(seconds)), nil
}
