package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	gaugeTimeout = 2 * time.Second
	gaugeFresh   = 10 * time.Second
)

// Gauge reads figures of the database for metrics: one short query, at most every ten seconds, however often it is asked.
type Gauge struct {
	pool *pgxpool.Pool

	mu   sync.Mutex
	last Reading
	at   time.Time
}

// Reading is what a Gauge has read. With Err set, the database didn't answer and the rest says nothing.
type Reading struct {
	QueueUsage        float64 // part of the NOTIFY queue that is in use, 0 to 1
	LogBytes          int64
	OldestTransaction *time.Duration // age of the oldest open transaction that has written in this database; nil: the role may not see
	Busy              bool           // hints are off, since gateways read the log anyway
	LogAge            time.Duration  // since when events are kept, at the longest
	Emptied           int64          // slots of the log, since the schema was made
	Err               error
}

// NewGauge makes a gauge over a pool that the caller closes.
func NewGauge(pool *pgxpool.Pool) *Gauge { return &Gauge{pool: pool} }

const gaugeSQL = `
select pg_notification_queue_usage(),
       (select coalesce(sum(pg_total_relation_size(r)), 0)::bigint
          from (select 'pgfeed.log'::regclass union all select inhrelid from pg_inherits where inhparent = 'pgfeed.log'::regclass) log(r)),
       (select case when pg_has_role('pg_read_all_stats', 'usage')
                    then coalesce(extract(epoch from clock_timestamp() - min(xact_start)), 0)::float8 end
          from pg_stat_activity where datname = current_database() and backend_xid is not null),
       coalesce(pg_sequence_last_value('pgfeed.busy') > date_part('epoch', clock_timestamp()) * 1000, false),
       (select coalesce(extract(epoch from clock_timestamp() - min(opened)), 0)::float8 from pgfeed.kept),
       (select emptied from pgfeed.state)`

// Read gives the figures; they are up to ten seconds old. It waits no longer than two seconds for the database.
func (g *Gauge) Read() Reading {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.at) < gaugeFresh && g.last.Err == nil {
		return g.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), gaugeTimeout)
	defer cancel()
	var r Reading
	var oldest *float64
	var logAge float64
	if err := g.pool.QueryRow(ctx, gaugeSQL).Scan(&r.QueueUsage, &r.LogBytes, &oldest, &r.Busy, &logAge, &r.Emptied); err != nil {
		r = Reading{Err: fmt.Errorf("read the database's figures: %w", err)}
	}
	r.LogAge = time.Duration(logAge * float64(time.Second))
	if oldest != nil {
		age := time.Duration(*oldest * float64(time.Second))
		r.OldestTransaction = &age
	}
	g.last, g.at = r, time.Now()
	return r
}
