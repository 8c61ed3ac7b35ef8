package store

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Retention is how long the log is kept. Both bounds are kept to within a slot: a sixth of the age more, a seventh of the size less.
type Retention struct {
	Age   time.Duration
	Bytes int64
}

// Maintain does what is due at the log: it turns the ring of slots, and empties those that have come round. It gives how many it
// emptied. Any number of gateways may call it: one works at a time, the others find nothing to do.
func (r Retention) Maintain(ctx context.Context, pool *pgxpool.Pool) (emptied int, err error) {
	for {
		var did *int
		// Each slot in a transaction of its own: its lock is let go at once.
		err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, `select pgfeed.maintain($1, $2)`, r.Age, r.Bytes).Scan(&did)
		})
		if err != nil {
			return emptied, fmt.Errorf("maintain the log: %w", err)
		}
		if did == nil || *did == 0 {
			return emptied, nil
		}
		emptied += *did
	}
}

// maintainEvery is far less than a slot's share of any sensible retention. It is short for the sake of the size: a fast writer
// fills gigabytes in minutes.
const maintainEvery = 30 * time.Second

// Run maintains the log until ctx ends.
func (r Retention) Run(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) {
	wait := 5*time.Second + rand.N(5*time.Second) //nolint:gosec // so that gateways started at once don't work at once
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		switch emptied, err := r.Maintain(ctx, pool); {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("the log can't be maintained, trying again", "error", err)
		case emptied > 0:
			log.Info("emptied the oldest part of the log", "slots", emptied)
		}
		wait = maintainEvery/2 + rand.N(maintainEvery) //nolint:gosec // as above
	}
}

// Kept is what there is of the log.
type Kept struct {
	Bytes   int64
	Age     time.Duration // since when events are kept, at the longest
	Emptied int64         // slots, since the schema was made
}

// ReadKept asks for it, which costs the same whatever the size.
func ReadKept(ctx context.Context, pool *pgxpool.Pool) (Kept, error) {
	var k Kept
	var seconds float64
	err := pool.QueryRow(ctx, `
select coalesce(sum(k.bytes), 0)::bigint, coalesce(extract(epoch from clock_timestamp() - min(k.opened)), 0)::float8,
       (select emptied from pgfeed.state)
  from pgfeed.kept k`).Scan(&k.Bytes, &seconds, &k.Emptied)
	if err != nil {
		return k, fmt.Errorf("ask what is kept of the log: %w", err)
	}
	k.Age = time.Duration(seconds * float64(time.Second))
	return k, nil
}
