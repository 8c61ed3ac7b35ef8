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
	table   string
	trigger string
	enabled string   // pg_trigger.tgenabled: O and A fire for applications, D and R don't
	columns []string // that the trigger reads, and the table has to have
	has     []string // the table's columns
}

// tables looks at every attached table.
func tables(ctx context.Context, p *patient) ([]Finding, error) {
	rows, err := p.db.Query(ctx, `
select t.tgrelid::regclass::text, t.tgname::text, t.tgenabled::text, t.tgargs,
       array(select attname::text from pg_attribute where attrelid = t.tgrelid and attnum > 0 and not attisdropped)
  from pg_trigger t
 where t.tgname in ('pgfeed_insert', 'pgfeed_read')
   and t.tgfoid in (select oid from pg_proc where pronamespace = 'pgfeed'::regnamespace)
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
		if err := rows.Scan(&a.table, &a.trigger, &a.enabled, &args, &a.has); err != nil {
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
	if a.enabled == "D" || a.enabled == "R" {
		return one(Fail, fmt.Sprintf("alter table %s enable trigger %s", a.table, a.trigger),
			"%s: trigger %s is disabled: nothing is published", a.table, a.trigger)
	}
	var gone []string
	for _, c := range a.columns {
		if !slices.Contains(a.has, c) {
			gone = append(gone, fmt.Sprintf("%q", c))
		}
	}
	if len(gone) > 0 {
		return one(Fail, "Attach it again with the columns that it has: pgfeed attach "+a.table+" …",
			"%s has no column %s any more: nothing is published", a.table, strings.Join(gone, ", "))
	}
	return nil
}
