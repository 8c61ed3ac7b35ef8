package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
)

// Log reads pgfeed.log.
type Log struct {
	pool     *pgxpool.Pool
	silences silences
	// boot is the server start, in microseconds, that the epoch was last checked at. Another start may be another database.
	boot   atomic.Int64
	floors gateway.Floors
}

var _ gateway.Log = (*Log)(nil)

// NewLog makes a log over a pool that the caller closes.
func NewLog(pool *pgxpool.Pool) *Log { return &Log{pool: pool} }

// head is what every statement returns beside its rows: the snapshot that they were read with, and what is known of the log at
// that moment; parseHead takes it apart. There is no epoch where check_epoch has something to do first: the server has
// recovered from a crash, a dump was restored, or somebody is just emptying a slot, which this snapshot doesn't know of. Functions and sequences
// are read after the locks on the log were taken, so a slot that was emptied before shows. The last is the low half of the next
// xid to be given out, which age counts from; a standby's sequences are ahead of what has been drawn from them, so there it isn't asked.
const head = `(select array[
	pg_current_snapshot()::text,
	(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text,
	(case when pgfeed.recovered() or emptied <> pg_sequence_last_value('pgfeed.emptied') or table_oid <> state.tableoid
		or database_oid <> (select oid from pg_database where datname = current_database()) then 0 else epoch end)::text,
	coalesce(pg_sequence_last_value('pgfeed.busy') - (date_part('epoch', clock_timestamp()) * 1000)::bigint, 0)::text,
	coalesce((extract(epoch from kept_boot) * 1000000)::bigint, 0)::text,
	coalesce(kept_xid::text, '0'),
	array_to_string(kept_open, ','),
	pgfeed.hinting()::text,
	pgfeed.written()::text,
	(case when pg_is_in_recovery() then -1 else (age('3'::xid)::bigint + 3) & 4294967295 end)::text] as head from pgfeed.state state) s`

// A row is one of the log's, whose events have the numbers from seq on, or one event.
const (
	selectedRows = `select s.head, e.seq, e.xid, e.boot, e.tenant, e.recipient, e.event, e.data, e.at`
	selected     = `select s.head, e.seq, e.xid, e.boot, e.tenant, e.recipient, e.event, array[e.data], e.at`
)

const readSQL = selectedRows + `
  from ` + head + `
  left join pgfeed.read($1, $2, $3, $4) e on true
 order by e.seq`

const replaySQL = selected + `
  from ` + head + `
  left join pgfeed.replay($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) e on true
 order by e.seq
 limit $18`

// Read implements gateway.Log.
func (l *Log) Read(
	ctx context.Context, q gateway.Query, begin func(gateway.Position) error, each func(gateway.Event) error,
) error {
	c := q.Since
	check := func(p gateway.Position) error {
		if p.Epoch == c.Epoch && p.Kept.Lacks(c) {
			return gateway.ErrExpired
		}
		return begin(p)
	}
	since := c.Snapshot
	if q.Reader == nil {
		return l.readAll(ctx, q, check, each)
	}
	first, last := ends(since.Gaps)
	reachedFirst, reachedLast := ends(nil)
	var reached *string
	var reachedBoot time.Time
	var through int64
	if c.Replay != nil {
		to := c.Replay.To
		reachedFirst, reachedLast = ends(to.Gaps)
		text := snapshotText(to)
		reached, reachedBoot, through = &text, time.UnixMicro(to.Boot), c.Replay.Through
	}
	open, floor := c.Reach()
	limit := int64(math.MaxInt64)
	if q.Limit > 0 {
		limit = int64(q.Limit)
	}
	return l.query(ctx, check, each, replaySQL,
		notNil(open), first, last, since.Xmax, time.UnixMicro(since.Boot), floor, notNil(c.Ahead),
		reached, reachedFirst, reachedLast, reachedBoot, through,
		q.Reader.Tenant, q.Reader.Topics, q.Reader.User, q.Reader.Operator, q.After, limit)
}

// readAll reads without a Reader. A tenant whose name the database can't hold, in its encoding, must not keep the others from
// being read: then all are.
func (l *Log) readAll(ctx context.Context, q gateway.Query, begin func(gateway.Position) error, each func(gateway.Event) error) error {
	since, begun := q.Since.Snapshot, false
	read := func(tenants []string) error {
		return l.query(ctx, func(p gateway.Position) error {
			begun = true
			return begin(p)
		}, each, readSQL, notNil(since.Xip), since.Xmax, time.UnixMicro(since.Boot), tenants)
	}
	err := read(q.Tenants)
	if q.Tenants != nil && !begun && isClass(err, "22") { // data_exception
		err = read(nil)
	}
	return err
}

// BusyChannel is notified when hints are switched off: time to read the log.
const BusyChannel = "pgfeed_busy"

// ExtendBusy keeps hints off for that long from now, at most a minute. Any number of gateways may call it.
func (l *Log) ExtendBusy(ctx context.Context, lease time.Duration) error {
	if _, err := l.pool.Exec(ctx, `select pgfeed.extend_busy($1)`, lease); err != nil {
		return fmt.Errorf("keep hints off: %w", err)
	}
	return nil
}

// Position implements gateway.Log.
func (l *Log) Position(ctx context.Context) (gateway.Position, error) {
	var at gateway.Position
	err := l.query(ctx, func(p gateway.Position) error { at = p; return nil }, nil,
		`select s.head, null::bigint, null::xid8, null::timestamptz, null, null, null, null::json[], null::timestamptz from `+head)
	return at, err
}

// Newest implements gateway.Log.
func (l *Log) Newest(
	ctx context.Context, r gateway.Reader, before int64, limit int, begin func(gateway.Position) error, each func(gateway.Event) error,
) error {
	if before <= 0 {
		before = math.MaxInt64
	}
	return l.query(ctx, begin, each, selected+`
  from `+head+`
  left join pgfeed.newest($1, $2, $3, $4, $5) e on true
 order by e.seq desc`, r.Tenant, before, r.Topics, r.User, limit)
}

// query runs a statement whose rows are the head and a row of events or nulls. Where the server has been started anew since the
// last time, it first makes sure that the database is still the same one.
func (l *Log) query(
	ctx context.Context, begin func(gateway.Position) error, each func(gateway.Event) error, sql string, args ...any,
) error {
	for range 10 { // somebody may empty slot after slot
		again := errors.New("the server was started anew")
		seen := int64(0)
		err := l.rows(ctx, func(p gateway.Position) error {
			if seen = p.Snapshot.Boot; seen != l.boot.Load() || p.Epoch == 0 {
				return again
			}
			return begin(p)
		}, each, sql, args...)
		if !errors.Is(err, again) && !isCode(err, "40001") { // serialization_failure: a slot was emptied meanwhile
			return err
		}
		if _, err := l.pool.Exec(ctx, `select pgfeed.check_epoch()`); err != nil {
			return fmt.Errorf("check the epoch of the log: %w", err)
		}
		if seen != 0 {
			l.boot.Store(seen)
		}
	}
	return errors.New("read the log: connections lead to servers of different start times")
}

func (l *Log) rows(
	ctx context.Context, begin func(gateway.Position) error, each func(gateway.Event) error, sql string, args ...any,
) error {
	ctx, watch := l.silences.watch(ctx)
	err := l.scan(ctx, watch, begin, each, sql, args...)
	if watch.end() {
		l.pool.Reset() // what else is connected may hang as well
		return fmt.Errorf("%w: %w", errSilent, err)
	}
	return err
}

func (l *Log) scan(
	ctx context.Context, watch *watch, begin func(gateway.Position) error, each func(gateway.Event) error, sql string, args ...any,
) error {
	asked := l.floors.Ask()
	rows, err := l.pool.Query(ctx, sql, args...)
	if err != nil {
		return readError(err)
	}
	defer func() {
		watch.resume()
		rows.Close() // which reads what is left
	}()
	first := true
	for rows.Next() {
		watch.pause() // whoever takes the rows may take his time
		var seq *int64
		var xid *uint64
		var eventBoot, at *time.Time
		var tenant, name *string
		var e gateway.Event
		var data [][]byte
		var words []string
		var to any // nil: all rows have the same head
		if first {
			to = &words
		}
		if err := rows.Scan(to, &seq, &xid, &eventBoot, &tenant, &e.Recipient, &name, &data, &at); err != nil {
			return readError(err)
		}
		if first {
			first = false
			p, err := l.answered(asked, words)
			if err != nil {
				return err
			}
			if err := begin(p); err != nil {
				return err
			}
		}
		if seq == nil {
			break
		}
		e.Stamp = gateway.Stamp{Boot: eventBoot.UnixMicro(), XID: *xid}
		e.Tenant, e.Name, e.At = *tenant, *name, *at
		e.Topic, _, _ = strings.Cut(e.Name, ":")
		for i, data := range data {
			e.Seq, e.Data = *seq+int64(i), data
			if err := each(e); err != nil {
				return err
			}
		}
		watch.resume()
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return readError(err)
	}
	if first {
		return errors.New("read the log: pgfeed.state is empty; run: pgfeed migrate up")
	}
	return nil
}

// answered gives the position of a head, with its floor.
func (l *Log) answered(asked gateway.Asked, head []string) (gateway.Position, error) {
	p, next, err := parseHead(head)
	if err == nil {
		l.floors.Answer(asked, &p, next)
	}
	return p, err
}

func readError(err error) error {
	if isCode(err, "42P01") { // undefined_table
		return ErrNotMigrated
	}
	return fmt.Errorf("read the log: %w", err)
}

// ends gives the two ends of each range, which Postgres takes as two arrays.
func ends(gaps []gateway.Gap) (first, last []uint64) {
	first, last = make([]uint64, len(gaps)), make([]uint64, len(gaps))
	for i, g := range gaps {
		first[i], last[i] = g.First, g.Last
	}
	return first, last
}

// notNil keeps an empty list from becoming a NULL array, which no comparison is true for.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
