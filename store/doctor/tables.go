package doctor

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// attachment is a trigger that pgfeed.attach made.
type attachment struct {
	table    string
	trigger  string
	enabled  string   // pg_trigger.tgenabled: O and A fire for applications, D and R don't
	columns  []string // that the trigger reads, and the table has to have: the tenant's first
	has      []string // the table's columns
	nullable []string // those of them that may be null
	long     []string // those of them whose values may be too long for a tenant
	virtual  []string // those of them that triggers find null
	root     string   // the table that it is a partition of, where that isn't attached
	foreign  string   // a foreign table that it has become the parent of
	closed   bool     // it writes to a slot of the log that isn't the current one
	warns    bool     // of a row without a tenant; it needn't where that couldn't be null when the table was attached
	measures bool     // the tenant's length; it needn't where that was bounded when the table was attached
}

// tables looks at every attached table.
func tables(ctx context.Context, p *patient) ([]Finding, error) {
	rows, err := p.db.Query(ctx, `
select t.tgrelid::regclass::text, t.tgname::text, t.tgenabled::text, t.tgargs,
       array(select attname::text from pg_attribute where attrelid = t.tgrelid and attnum > 0 and not attisdropped),
       array(select attname::text from pg_attribute where attrelid = t.tgrelid and attnum > 0 and not attisdropped and not attnotnull),
       array(select attname::text from pg_attribute a where attrelid = t.tgrelid and attnum > 0 and not attisdropped and not pgfeed.always_short(a)),
       array(select attname::text from pg_attribute where attrelid = t.tgrelid and attnum > 0 and not attisdropped and attgenerated = 'v'),
       f.prosrc ~ 'pgfeed\.without_tenant', f.prosrc ~ 'octet_length\(rows\.tenant\)',
       strpos(f.prosrc, pgfeed.written_to(pgfeed.current_slot())) = 0,
       coalesce(pgfeed.foreign_child(t.tgrelid, t.tgname = 'pgfeed_read')::text, ''),
       coalesce((select root::text from pg_partition_root(t.tgrelid) root where root <> t.tgrelid
            and not exists (select from pg_trigger where tgrelid = root and tgname = 'pgfeed_insert')), '')
  from pg_trigger t join pg_proc f on f.oid = t.tgfoid and f.pronamespace = 'pgfeed'::regnamespace
 where t.tgname in ('pgfeed_insert', 'pgfeed_read')
 order by 1, 2`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var findings []Finding
	publishing := map[string]bool{}
	var reading []string
	for rows.Next() {
		var a attachment
		var args []byte
		if err := rows.Scan(&a.table, &a.trigger, &a.enabled, &args, &a.has, &a.nullable, &a.long, &a.virtual, &a.warns, &a.measures, &a.closed, &a.foreign, &a.root); err != nil {
			return nil, err
		}
		// The first argument is the topic, the others are columns; each ends with a zero byte.
		for i, arg := range bytes.Split(bytes.TrimSuffix(args, []byte{0}), []byte{0}) {
			if i > 0 && len(arg) > 0 {
				a.columns = append(a.columns, string(arg))
			}
		}
		if a.trigger == "pgfeed_insert" {
			publishing[a.table] = true
		} else {
			reading = append(reading, a.table)
		}
		findings = append(findings, a.examine()...)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, table := range reading {
		if !publishing[table] {
			findings = append(findings, one(Fail, "Attach it again: pgfeed attach, or pgfeed detach to be rid of it.",
				"%s publishes what is read, and not what is inserted: its trigger pgfeed_insert is gone", table)...)
		}
	}
	if len(findings) > 0 {
		return findings, nil
	}
	if len(publishing) == 0 {
		return one(Warn, "Attach one: pgfeed attach TABLE --topic activity --tenant-column COLUMN", "no table is attached: nothing is published"), nil
	}
	names := make([]string, 0, len(publishing))
	for table := range publishing {
		names = append(names, table)
	}
	slices.Sort(names)
	return ok("attached: %s", strings.Join(names, ", ")), nil
}

// examine gives what is wrong with one trigger.
func (a attachment) examine() []Finding {
	without := "no row is published"
	if a.trigger == "pgfeed_read" {
		without = "nothing is published as read"
	}
	if a.enabled == "D" || a.enabled == "R" {
		return one(Fail, fmt.Sprintf("alter table %s enable trigger %s", a.table, a.trigger),
			"%s: trigger %s is disabled: %s", a.table, a.trigger, without)
	}
	if a.root != "" {
		return one(Fail, "Attach it, and its partitions only where they are inserted into by their own names: pgfeed attach "+a.root+" …",
			"%s is a partition of %s, which isn't attached: what is inserted into that is not published", a.table, a.root)
	}
	if a.foreign != "" {
		return one(Fail, "Take it out of the table (alter table … detach partition, or no inherit), or pgfeed detach "+a.table,
			"the foreign table %s is a part of %s: what is written to it can't be published, and fails", a.foreign, a.table)
	}
	if a.closed {
		return one(Fail, "Attach it again: pgfeed attach "+a.table+" …",
			"%s: trigger %s writes to a part of the log that is closed: its events may be lost", a.table, a.trigger)
	}
	var gone []string
	for _, c := range a.columns {
		if slices.Contains(a.virtual, c) {
			return one(Fail, "Make it STORED, and attach the table again: pgfeed attach "+a.table+" …",
				"%s: column %q is generated when it is read: triggers find null in it", a.table, c)
		}
		if !slices.Contains(a.has, c) {
			gone = append(gone, fmt.Sprintf("%q", c))
		}
	}
	if len(gone) > 0 {
		return one(Fail, "Attach it again with the columns that it has: pgfeed attach "+a.table+" …",
			"%s has no column %s any more: %s", a.table, strings.Join(gone, ", "), without)
	}
	if a.trigger == "pgfeed_insert" && !a.warns && slices.Contains(a.nullable, a.columns[0]) {
		return one(Warn, "Attach it again, for a warning at each such INSERT, or have the column not null.",
			"%s: the tenant's column %q may be null now: such a row would not be published, and nobody be told", a.table, a.columns[0])
	}
	if a.trigger == "pgfeed_insert" && !a.measures && slices.Contains(a.long, a.columns[0]) {
		return one(Warn, "Attach it again, which leaves such rows out with a warning.",
			"%s: the tenant's column %q may hold more than 2000 bytes now: such an INSERT could fail", a.table, a.columns[0])
	}
	return nil
}
