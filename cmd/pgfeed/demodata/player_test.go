package demodata

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// recorder is a DB that keeps what it is given; fail may refuse a statement.
type recorder struct {
	fail          func(n int) error // n counts the statements from 0
	n             int
	activities    [][]any
	notifications [][]any
}

type row struct{ err error }

func (r row) Scan(...any) error { return r.err }

func (r *recorder) next() error {
	defer func() { r.n++ }()
	if r.fail == nil {
		return nil
	}
	return r.fail(r.n)
}

func (r *recorder) QueryRow(_ context.Context, _ string, args ...any) pgx.Row {
	err := r.next()
	if err == nil {
		r.activities = append(r.activities, args)
	}
	return row{err}
}

func (r *recorder) Exec(_ context.Context, _ string, args ...any) (pgconn.CommandTag, error) {
	err := r.next()
	if err == nil {
		r.notifications = append(r.notifications, args)
	}
	return pgconn.CommandTag{}, err
}

// playFor runs a player for a time of the test's own clock.
func playFor(t *testing.T, d time.Duration, db DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := (Player{DB: db, Pace: time.Second}).Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Run gave %v", err)
	}
}

func TestPlayerGivesEveryItemAndGoesRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &recorder{}
		playFor(t, 12*time.Minute, db)
		items := load(t)
		if len(db.activities) < 2*len(items) {
			t.Fatalf("%d activities in 12 minutes at a pace of 1s", len(db.activities))
		}
		played := map[string]int{}
		for n, args := range db.activities[:2*len(items)] {
			if want := Tenants()[n%2].ID; args[0] != want {
				t.Fatalf("activity %d is of tenant %v, want %s", n, args[0], want)
			}
			played[*args[7].(*string)]++
		}
		for _, item := range items {
			if played[string(item.Payload)] < 2 {
				t.Errorf("a %s was not played twice in two rounds", item.Event)
			}
		}
		users := map[any]bool{}
		for _, args := range db.notifications {
			users[args[1]] = true
		}
		if len(users) != 4 {
			t.Errorf("notifications reached %d users, want all 4", len(users))
		}
	})
}

func TestPlayerOutlivesADatabaseThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := &recorder{fail: func(n int) error {
			if n < 20 {
				return errors.New("connection refused")
			}
			return nil
		}}
		playFor(t, 8*time.Minute, away)
		untroubled := &recorder{}
		playFor(t, 30*time.Second, untroubled)
		for n, args := range untroubled.activities {
			if *args[7].(*string) != *away.activities[n][7].(*string) {
				t.Fatalf("activity %d was lost or repeated", n)
			}
		}
	})
}

func TestPlayerLeavesOutWhatTheDatabaseRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &recorder{fail: func(n int) error {
			if n == 0 {
				return &pgconn.PgError{Code: "23514"}
			}
			return nil
		}}
		playFor(t, time.Minute, db)
		if items := load(t); *db.activities[0][7].(*string) != string(items[stride].Payload) {
			t.Error("the refused item was tried again")
		}
	})
}

func TestPlayerWithoutADatabase(t *testing.T) {
	if err := (Player{}).Run(t.Context()); err == nil {
		t.Error("Run without a database gave no error")
	}
}
