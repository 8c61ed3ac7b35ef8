package demodata

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	defaultPace   = 3 * time.Second
	insertTimeout = 10 * time.Second // for one try
	firstRetry    = 500 * time.Millisecond
	lastRetry     = 15 * time.Second
	stride        = 100 // a step through the items that mixes the events; has no divisor in common with their number
)

// Player inserts the items into the reference tables, as if the tenants' users were at work. Fields other than DB may be
// left empty.
type Player struct {
	DB      DB            // a pool, so that a lost connection is replaced
	Pace    time.Duration // the mean time between two activities; default 3s
	Tenants []Tenant      // default Tenants()
	Logger  *slog.Logger  // default: silent
}

// Run plays until ctx ends and gives ctx's error. The tenants take turns; each round has every item once, in the same
// mixed order, and starts again at once. What can't be inserted is tried again with growing pauses, so that a database
// that is away only interrupts the play; a row that the database refuses for what it contains is left out.
// An insert whose answer was lost is done twice: in a demo that does less harm than a gap.
func (p Player) Run(ctx context.Context) error {
	if p.DB == nil {
		return errors.New("demo player: no database")
	}
	items, err := Load()
	if err != nil {
		return err
	}
	if len(p.Tenants) == 0 {
		p.Tenants = Tenants()
	}
	p.Pace = cmp.Or(max(p.Pace, 0), defaultPace)
	p.Logger = cmp.Or(p.Logger, slog.New(slog.DiscardHandler))

	for n := 0; ; n++ {
		// The first one comes at once: whoever opens the demo shouldn't look at an empty page.
		if n > 0 && !pause(ctx, jitter(p.Pace)) {
			return ctx.Err()
		}
		p.play(ctx, items[n*stride%len(items)], p.Tenants[n%len(p.Tenants)])
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// play inserts an item's activity and, where there is one, its notification for one of the tenant's users.
func (p Player) play(ctx context.Context, item Item, tenant Tenant) {
	p.insist(ctx, item, func(ctx context.Context) error {
		_, err := InsertActivity(ctx, p.DB, tenant.ID, item.Activity())
		return err
	})
	notification, ok := item.Notification()
	if !ok || len(tenant.Users) == 0 {
		return
	}
	user := tenant.Users[rand.IntN(len(tenant.Users))] //nolint:gosec // any user will do
	p.insist(ctx, item, func(ctx context.Context) error {
		return InsertNotification(ctx, p.DB, tenant.ID, user.ID, notification)
	})
}

// insist tries until it works, the row is refused, or ctx ends.
func (p Player) insist(ctx context.Context, item Item, insert func(context.Context) error) {
	for retry := firstRetry; ctx.Err() == nil; retry = min(retry*2, lastRetry) {
		attempt, cancel := context.WithTimeout(ctx, insertTimeout)
		err := insert(attempt)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case refused(err):
			p.Logger.Warn("demo item left out", "event", item.Event, "error", err)
			return
		}
		wait := jitter(retry)
		p.Logger.Warn("demo insert failed, trying again", "event", item.Event, "in", wait, "error", err)
		pause(ctx, wait)
	}
}

// refused tells errors in the row itself, which the next try would meet again: data exceptions and constraints.
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && len(answer.Code) == 5 && (answer.Code[:2] == "22" || answer.Code[:2] == "23")
}

// jitter gives a time between half and one and a half of d.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d+1) //nolint:gosec // spreads in time, keeps no secret
}

// pause is true when it was not cut short by ctx.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
