package demodata

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// TurnLock is the key of the advisory lock that the one who plays holds.
const TurnLock = 0x7067_6665_6564 // "pgfeed"

const turnInterval = 2 * time.Second

// Alone runs play in one of the processes that call it on the same database. The others wait, and one of them takes over
// when that process, or its connection, is gone. It returns ctx's error when ctx ends, or the first error of play.
func Alone(ctx context.Context, db *pgxpool.Pool, play func(context.Context) error) error {
	for {
		if err := turn(ctx, db, play); err != nil {
			return err
		}
		if !pause(ctx, jitter(turnInterval)) {
			return ctx.Err()
		}
	}
}

// turn plays if it is this process's turn, for as long as it is. A database that can't be reached only means that it isn't.
func turn(ctx context.Context, db *pgxpool.Pool, play func(context.Context) error) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil //nolint:nilerr // asked again
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", TurnLock).Scan(&mine); err != nil || !mine {
		return nil //nolint:nilerr // asked again
	}
	playing, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- play(playing) }()
	for {
		select {
		case err := <-ended:
			_, _ = conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", TurnLock)
			return err
		case <-time.After(turnInterval):
		}
		if err := held(ctx, conn); err != nil && ctx.Err() == nil {
			cancel()
			<-ended    //nolint:errcheck // whatever it says, the turn is over
			return nil // the lock went with the connection
		}
	}
}

func held(ctx context.Context, conn *pgxpool.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("the connection that holds the lock: %w", err)
	}
	return nil
}
