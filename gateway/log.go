package gateway

import (
	"context"
	"errors"
	"time"
)

// Position is a snapshot of the log with the epoch that it belongs to, and what was known of the log then.
type Position struct {
	Epoch    int64
	Snapshot Snapshot
	Kept     Kept
	Busy     time.Duration // for how much longer hints are off because writers are many; 0: they aren't
	Hints    bool          // hints are sent otherwise
	Written  int64         // goes up by numbersPerRow with each row of the log; no event that is written by then, committed or not, has a greater sequence number
}

// numbersPerRow is how many sequence numbers a row of the log takes, whether it holds one event or as many.
const numbersPerRow = 1000

// ErrExpired says that something is no longer kept that came after a cursor.
var ErrExpired = errors.New("what came after the cursor is no longer kept")

// Cursor is the cursor of a client that has been sent all that the position can see.
func (p Position) Cursor() Cursor { return Cursor{Epoch: p.Epoch, Snapshot: p.Snapshot} }

// after reports whether the snapshot may be one that was taken before.
func (p Position) after(s Snapshot) bool {
	return p.Snapshot.Covers(s) && (s.Boot != p.Snapshot.Boot || s.Floor <= p.Written)
}

// Query selects events of the log.
type Query struct {
	// Since is the cursor that lacks them; its epoch must be that of the log. Without a Reader it is a Position's.
	Since  Cursor
	Reader *Reader
	After  int64 // with a Reader: only greater sequence numbers
	Limit  int   // with a Reader: at most that many; 0: all
	// Tenants narrows a query without a Reader to these; nil: all. A Log may give more than is asked for.
	Tenants []string
}

// Reader narrows a query to what one user may see.
type Reader struct {
	Tenant string
	User   string
	Topics []string
	// Operator includes what is meant for other users.
	Operator bool
}

// Log is the truth: the table of committed events.
type Log interface {
	// Read calls begin once with the position that the rows were read at, then each for every event in order of sequence
	// numbers, from one statement. An error of begin or each ends the reading and is returned. ErrExpired comes instead of
	// begin, where events that the query would give are gone.
	Read(ctx context.Context, q Query, begin func(Position) error, each func(Event) error) error
	// Position is the position of the log now.
	Position(ctx context.Context) (Position, error)
	// Newest is Read of up to limit events with sequence numbers below before (0: no bound), newest first.
	Newest(ctx context.Context, r Reader, before int64, limit int, begin func(Position) error, each func(Event) error) error
}
