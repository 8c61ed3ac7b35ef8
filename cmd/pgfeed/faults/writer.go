package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// WritersConfig says what is written.
type WritersConfig struct {
	URL     string
	Writers int
	Every   time.Duration // between two transactions of one writer; 0: none
	Tenants []string
	Users   []string // who get notifications, in every tenant
}

// Writers insert as applications do: single rows, many at once, in transactions that stay open, roll back, or roll back to
// savepoints. They reconnect when their connection breaks.
type Writers struct {
	WritersConfig

	committed atomic.Int64 // transactions whose commit was confirmed
	failed    atomic.Int64
	lastError atomic.Value // string
	wg        sync.WaitGroup
	stopping  chan struct{}
	stop      func()
}

// StartWriters starts them.
func StartWriters(ctx context.Context, c WritersConfig) *Writers {
	w := &Writers{WritersConfig: c, stopping: make(chan struct{})}
	w.stop = sync.OnceFunc(func() { close(w.stopping) })
	for range c.Writers {
		w.wg.Go(func() { w.write(ctx) })
	}
	return w
}

// Stop ends them after the transaction that each is in, since nobody could tell whether one that is cut off in its commit has
// committed, and gives how many committed and how many failed.
func (w *Writers) Stop() (committed, failed int64) {
	w.stop()
	w.wg.Wait()
	return w.committed.Load(), w.failed.Load()
}

// Committed is how many transactions have been confirmed.
func (w *Writers) Committed() int64 { return w.committed.Load() }

// LastError is the newest of a transaction that failed.
func (w *Writers) LastError() string {
	text, _ := w.lastError.Load().(string)
	return text
}

func (w *Writers) write(ctx context.Context) {
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	next := time.Now()
	for {
		if err := w.once(ctx, &conn); err != nil && ctx.Err() == nil {
			w.failed.Add(1)
			w.lastError.Store(err.Error())
			next = time.Now().Add(50 * time.Millisecond)
		}
		next = next.Add(w.Every)
		if late := time.Since(next); late > time.Second {
			next = time.Now() // what a fault kept from being written is not made up for
		}
		select {
		case <-ctx.Done():
			return
		case <-w.stopping:
			return
		case <-time.After(time.Until(next)):
		}
	}
}

// transactionTimeout bounds a transaction: its server may have gone silent.
const transactionTimeout = 20 * time.Second

func (w *Writers) once(ctx context.Context, conn **pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	if *conn == nil || (*conn).IsClosed() {
		c, err := pgx.Connect(ctx, w.URL)
		if err != nil {
			return err
		}
		*conn = c
	}
	// Every thirtieth is held open: it commits after others that began later.
	shape, held := rand.N(30), time.Duration(0) //nolint:gosec // any will do
	if shape == 0 {
		held = rand.N(400 * time.Millisecond) //nolint:gosec // likewise
	}
	if shape > 8 {
		_, err := (*conn).Exec(ctx, insertActivity, w.tenant(), text(), 1)
		if err == nil {
			w.committed.Add(1)
		}
		return err
	}
	tx, err := (*conn).Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := w.fill(ctx, tx); err != nil {
		return err
	}
	if held > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(held):
		}
	}
	if shape == 1 {
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	w.committed.Add(1)
	return nil
}

const (
	insertActivity = `insert into "activityLogs" ("tenantId", "userId", action, description, metadata)
		select $1, 'writer', 'wrote', $2, '{"by":"a writer"}' from generate_series(1, $3::int)`
	insertNotification = `insert into notifications ("tenantId", "userId", type, category, title, body)
		values ($1, $2, 'info', 'task_assigned', 'something', $3)`
)

// fill does a few inserts, some of which a savepoint takes back.
func (w *Writers) fill(ctx context.Context, tx pgx.Tx) error {
	for range 1 + rand.N(3) { //nolint:gosec // any will do
		inner, err := tx.Begin(ctx) // a savepoint
		if err != nil {
			return err
		}
		if len(w.Users) > 0 && rand.N(2) == 0 { //nolint:gosec // likewise
			_, err = inner.Exec(ctx, insertNotification, w.tenant(), w.Users[rand.N(len(w.Users))], text()) //nolint:gosec // likewise
		} else {
			_, err = inner.Exec(ctx, insertActivity, w.tenant(), text(), 1+rand.N(5)) //nolint:gosec // likewise
		}
		if err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		if rand.N(3) == 0 { //nolint:gosec // likewise
			err = inner.Rollback(ctx)
		} else {
			err = inner.Commit(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *Writers) tenant() string { return w.Tenants[rand.N(len(w.Tenants))] } //nolint:gosec // any will do

func text() string { return strings.Repeat("said ", 1+rand.N(20)) } //nolint:gosec // of any length
