package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// Statements of every size write rows of the log that hold one event or many. Whoever follows, live, in replays and by polling, is cut off
// within such rows and goes on from any id that it was given, on any gateway, while the ring of slots turns: it gets each
// event once, counted from the id that it named, and those of one statement that go to the same users in their order.
func TestStatementsOfAnySizeComeOnceAndInOrderThroughCuts(t *testing.T) {
	seeds := []uint64{1}
	if more, err := strconv.ParseUint(os.Getenv("PGFEED_STATEMENT_SEEDS"), 10, 64); err == nil {
		seeds = nil
		for n := range more {
			seeds = append(seeds, n)
		}
	}
	noLeaks(t)
	url, pool := database(t)
	exec(t, pool, `create table orders (id bigint generated always as identity primary key, statement bigint, n int, org text, who text, doc text)`)
	exec(t, pool, `select pgfeed.attach('orders', 'activity', 'org', 'who')`)
	gateways := []*testGateway{
		startReady(t, url, "--max-replay", "1000000", "--busy-rate", "0"), // told of each statement
		startReady(t, url, "--max-replay", "1000000", "--busy-rate", "1"), // which switches that off at times
	}
	var all []*follower
	for i, who := range [][2]string{{"acme", "ada"}, {"acme", "bob"}, {"globex", "ada"}} {
		f := &follower{tenant: who[0], user: who[1], token: session(t, pool, who[0], who[1]), gateways: gateways}
		s := gateways[i%2].stream(t, f.token)
		f.marks = []mark{{id: s.LastID}}
		s.Close()
		all = append(all, f, &follower{tenant: f.tenant, user: f.user, token: f.token, gateways: gateways, marks: slices.Clone(f.marks), polls: true})
	}
	for i, seed := range seeds {
		if i > 0 {
			emptyLog(t, pool) // which takes nothing from anyone who has come to its end
		}
		t.Logf("seed %d", seed)
		exec(t, pool, `select setval('pgfeed.busy', 0)`)
		followed(t, url, pool, seed, all)
		if t.Failed() {
			return
		}
	}
}

// sizes of statements: where the trigger takes another way, or begins another row of the log, and in between.
var sizes = []int{0, 1, 1, 1, 2, 19, 20, 21, 22, 100, 600, 999, 1000, 1001, 1999, 2001, 2500}

// writeStatements writes transactions of random statements, and takes part of them back.
func writeStatements(ctx context.Context, conn *pgx.Conn, rng *rand.Rand) error {
	statement := func(tx pgx.Tx, rows int) error {
		// Rows as JSON of about 1000 bytes, above which they have a row of the log for themselves; or all short.
		longest := []int{0, 0, 950}[rng.IntN(3)]
		sql := `insert into orders (statement, n, org, who, doc)
select $1, n, (array['acme', 'globex', 'initech'])[1 + floor(random() * $3)::int], (array[null, 'ada', 'bob', 'eve'])[1 + floor(random() * $4)::int],
       repeat('x', ($5 * (0.9 + random() / 8))::int)
  from generate_series(1, $2) n`
		switch rng.IntN(4) {
		case 0: // two INSERTs whose rows the trigger finds in one table, the former's last
			sql = `with later as (` + strings.Replace(sql, `$1, n`, `$1, $2 + n`, 1) + ` returning id) ` + sql
		case 1:
			sql += `, pg_sleep(0.002)` // or it would be over before the trigger counts rows, where hints are off
		}
		_, err := tx.Exec(ctx, sql, rng.Int64(), rows, 1+rng.IntN(3), 1+3*rng.IntN(2), longest)
		return err
	}
	for range 6 {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		for range 1 + rng.IntN(3) {
			part := tx
			if rng.IntN(3) == 0 {
				if part, err = tx.Begin(ctx); err != nil {
					return err
				}
			}
			if err := statement(part, sizes[rng.IntN(len(sizes))]); err != nil {
				return err
			}
			switch {
			case part == tx:
				continue
			case rng.IntN(2) == 0:
				err = part.Rollback(ctx)
			default:
				err = part.Commit(ctx)
			}
			if err != nil {
				return err
			}
		}
		if rng.IntN(5) == 0 {
			err = tx.Rollback(ctx)
		} else {
			err = tx.Commit(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func followed(t *testing.T, url string, pool *pgxpool.Pool, seed uint64, all []*follower) {
	var before int64
	if err := pool.QueryRow(t.Context(), `select coalesce(max(id), 0) from orders`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	var writers, followers sync.WaitGroup
	for i := range 3 {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		writers.Go(func() {
			defer conn.Close(context.Background())                                                             //nolint:errcheck // of the test's own
			if err := writeStatements(t.Context(), conn, rand.New(rand.NewPCG(seed, uint64(i)))); err != nil { //nolint:gosec // to be repeatable
				t.Error(err)
			}
		})
	}
	written := make(chan struct{})
	for i, f := range all {
		rng := rand.New(rand.NewPCG(seed, uint64(100+i))) //nolint:gosec // likewise
		followers.Go(func() { f.follow(t, rng, written) })
	}
	turned := 0
	turns := make(chan struct{})
	go func() {
		defer close(turns)
		for range 6 {
			// A second's retention turns the ring in a sixth of it. Nothing is emptied.
			if err := pool.QueryRow(t.Context(), `select $1 + pgfeed.turn(interval '1 second', 1000000000)::int from pg_sleep(0.2)`, turned).Scan(&turned); err != nil {
				t.Error(err)
			}
		}
	}()
	writers.Wait()
	<-turns
	t.Logf("the ring was turned %d times", turned)
	// Each follower waits for this one, and then for what it lacks yet.
	exec(t, pool, `insert into orders (statement, n, org) values (0, 0, 'acme'), (0, 0, 'globex')`)
	for _, f := range all {
		rows, err := pool.Query(t.Context(), `select id from orders where id > $1 and org = $2 and (who is null or who = $3)`, before, f.tenant, f.user)
		if err != nil {
			t.Fatal(err)
		}
		if f.want, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d rows for %s", len(all[0].want), all[0].user)
	close(written)
	followers.Wait()
}

// order is a row of orders, as an event carries it.
type order struct {
	ID, Statement int64
	N             int
	Org, Who      *string
}

// follower is a client that remembers what it had been sent by each of its latest ids, and goes on from any of them.
type follower struct {
	tenant, user, token string
	gateways            []*testGateway
	polls               bool
	want                []int64 // ids of rows, once all are written

	marks []mark
	got   map[int64]bool // with the mark that was gone on from and since
	last  map[string]int // of a statement and a recipient, the latest row's place
	now   map[int64]bool // since then
	again bool           // what was sent with the mark may come again
}

// from has the follower be where it was at a mark.
func (f *follower) from(t *testing.T, m mark) {
	f.got, f.last, f.now = maps.Clone(m.got), maps.Clone(m.last), map[int64]bool{}
	if f.got == nil {
		f.got, f.last = map[int64]bool{}, map[string]int{}
	}
	c, err := gateway.ParseCursor(m.id)
	if err != nil {
		t.Error(err)
	}
	// A replay that was cut is given up for much that was committed later and has smaller numbers: see Cursor.Advance.
	f.again = c.Replay != nil
}

// mark is an id, and what had been sent with it and before.
type mark struct {
	id   string
	got  map[int64]bool
	last map[string]int
}

// take notes an event. It is false where that ends the test.
func (f *follower) take(t *testing.T, data json.RawMessage) bool {
	var o order
	if err := json.Unmarshal(data, &o); err != nil {
		t.Error(err)
		return false
	}
	if o.Org == nil || *o.Org != f.tenant || o.Who != nil && *o.Who != f.user {
		t.Errorf("%s of %s was sent %s", f.user, f.tenant, data)
		return false
	}
	if f.now[o.ID] || f.got[o.ID] && !f.again {
		t.Errorf("%s of %s was sent row %d of statement %d twice", f.user, f.tenant, o.N, o.Statement)
		return false
	}
	f.now[o.ID] = true
	if f.got[o.ID] {
		return true
	}
	f.got[o.ID] = true
	to := fmt.Sprint(o.Statement, o.Who != nil)
	if before := f.last[to]; o.Statement != 0 && o.N < before {
		t.Errorf("%s of %s was sent row %d of statement %d after row %d", f.user, f.tenant, o.N, o.Statement, before)
		return false
	}
	f.last[to] = o.N
	return true
}

func (f *follower) mark(id string) {
	f.marks = append(f.marks, mark{id, maps.Clone(f.got), maps.Clone(f.last)})
	if len(f.marks) > 5 {
		f.marks = f.marks[1:]
	}
}

// complete reports whether nothing is lacking, which isn't known before all is written.
func (f *follower) complete(written <-chan struct{}) bool {
	return ended(written) && len(f.got) == len(f.want)
}

func ended(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (f *follower) follow(t *testing.T, rng *rand.Rand, written <-chan struct{}) {
	defer func() {
		if t.Failed() {
			return
		}
		for _, id := range f.want {
			if !f.got[id] {
				t.Errorf("%s of %s was not sent row %d", f.user, f.tenant, id)
			}
		}
		f.marks = []mark{{id: f.end(t)}} // for the next seed
	}()
	for !t.Failed() {
		m := f.marks[rng.IntN(len(f.marks))]
		f.marks = []mark{m}
		f.from(t, m)
		g, most := f.gateways[rng.IntN(len(f.gateways))], 1+rng.IntN(5000)
		through := f.stream
		if f.polls {
			through = f.poll
		}
		if through(t, g, m.id, most, rng, written) {
			return
		}
	}
}

// stream takes so many frames, and reports whether all is there.
func (f *follower) stream(t *testing.T, g *testGateway, from string, most int, rng *rand.Rand, written <-chan struct{}) bool {
	s, err := ssetest.Dial(t, g.URL+"/api/activity/stream", f.token, "Last-Event-ID", from)
	if err != nil {
		t.Error(err)
		return false
	}
	defer s.Close()
	marking := 1 + rng.IntN(most)
	for n := 0; n < most; n++ {
		frame, err := s.Next(t)
		if err != nil { // it was too slow
			return false
		}
		if frame.Event == "reset" {
			t.Errorf("%s of %s was sent %s", f.user, f.tenant, frame.Data)
			return false
		}
		if frame.Event == "activity:new" {
			var e ssetest.Envelope
			if err := json.Unmarshal([]byte(frame.Data), &e); err != nil || !f.take(t, e.Data) {
				return false
			}
		}
		if f.complete(written) { // the frame needs no id
			return true
		}
		if frame.ID != "" && n >= marking {
			f.mark(frame.ID)
			marking = n + 1 + rng.IntN(most)
		}
	}
	return false
}

// end makes sure that nothing comes after the latest mark but what has been sent, and gives where the log is now.
func (f *follower) end(t *testing.T) (id string) {
	m := f.marks[len(f.marks)-1]
	f.from(t, m)
	for id = m.id; ; {
		page, err := f.page(t, f.gateways[0], id, 500)
		if err != nil {
			t.Error(err)
			return id
		}
		if id = page.Cursor; !page.More {
			break
		}
	}
	if len(f.got) != len(f.want) {
		t.Errorf("%s of %s was sent %d rows of %d", f.user, f.tenant, len(f.got), len(f.want))
	}
	return id
}

type ordersPage struct {
	Events []ssetest.Envelope
	Cursor string
	More   bool
	Reset  json.RawMessage
}

// page takes what one answer has.
func (f *follower) page(t *testing.T, g *testGateway, from string, limit int) (p ordersPage, err error) {
	p = decode[ordersPage](t, g, fmt.Sprintf("/api/activity?limit=%d&cursor=%s", limit, url.QueryEscape(from)), f.token)
	if p.Reset != nil {
		return p, fmt.Errorf("%s of %s: %s", f.user, f.tenant, p.Reset)
	}
	c, err := gateway.ParseCursor(from)
	if err != nil {
		return p, err
	}
	f.now, f.again = map[int64]bool{}, c.Replay != nil
	for _, e := range p.Events {
		if !f.take(t, e.Data) {
			return p, errors.New("an event that shouldn't have come")
		}
	}
	return p, nil
}

// poll asks for a few pages.
func (f *follower) poll(t *testing.T, g *testGateway, from string, most int, rng *rand.Rand, written <-chan struct{}) bool {
	for n := 0; n < most && !t.Failed(); {
		done := ended(written)
		p, err := f.page(t, g, from, 1+rng.IntN(500))
		if err != nil {
			t.Error(err)
			return false
		}
		from = p.Cursor
		f.mark(from)
		if f.complete(written) {
			return true
		}
		if done && !p.More {
			t.Errorf("%s of %s: polling ended with %d rows of %d", f.user, f.tenant, len(f.got), len(f.want))
			return false
		}
		n += 1 + len(p.Events)
	}
	return false
}
