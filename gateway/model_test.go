package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The model drives the real cursor, feed, hub and subscriber code through random interleavings over a database that does
// what Postgres does: transactions commit in any order, abort, stay open throughout; hints come late or never; readings of
// the log arrive later than they looked; the server crashes, after which prepared transactions live on and xids that left no
// trace are given out again; clients begin now, or go on from a cursor, now and then one that says less, as where thousands of
// transactions are open. Every client must have got exactly what was committed, each event once.
//
// Tried once each, and each made it fail:
//   - what snapshots see: Sees without the boot, without Xip, without Gaps, or one xid too many; Covers always true, or without
//     Xip; ranges lost by coarser
//   - what is sent ahead: a hinted event not kept in ahead; ahead left out of the cursor, of another position than it, or forgotten
//     at each reading; what the cursor sees dispatched again
//   - replay and ring: registered after the log was looked at; the ring during the replay forgotten, or sent without asking what
//     the replay could see; that dispatched again, in two places; what the first page couldn't see sent by a later one; another
//     snapshot for each page; Has without asking what the replay could see; Advance that forgets how far an earlier replay came,
//     or ahead
//   - floors: a number taken for the floor of the snapshot that came with it, or of the next one whatever its Xmax; another history
//     not noticed
//   - readings narrowed to tenants: feeds that began since one was asked for not noted, or not read as well
//   - positions: the subscriber's taken from the hub before that has caught up, in an event's frame, a ping's, and once its ring
//     is empty; ids of shared frames before that; a ping while frames wait
//   - writing: what didn't fit into a socket not taken back; a subscriber not visited once its socket has room; the hub's cursor moved
//     before what it sees is dispatched; a second batch taken before the first is written; shared bytes given to another place or
//     base; the position taken back by a byte too few; the ring trimmed before all have been sent it
func TestNoInterleavingLosesOrDoublesAnEvent(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		m := newModel(uint64(seed)) //nolint:gosec // never negative
		for range 400 {
			m.step()
		}
		if err := m.settle(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

type modelDatabase struct {
	rng            *rand.Rand
	boot           int64
	nextXID        uint64
	latestFinished uint64
	nextSeq        int64
	open           map[uint64][]Event
	committed      []Event
}

func (d *modelDatabase) position() Position {
	// As in Postgres: xmax is one past the newest finished transaction, not the next xid to be given out.
	s := Snapshot{Boot: d.boot, Xmax: d.latestFinished + 1}
	for xid := range d.open {
		if xid < s.Xmax {
			s.Xip = append(s.Xip, xid)
		}
	}
	slices.Sort(s.Xip)
	return Position{Epoch: 1, Snapshot: s, Written: d.nextSeq}
}

func (d *modelDatabase) begin() {
	d.open[d.nextXID] = nil
	d.nextXID++
}

func (d *modelDatabase) write(xid uint64) {
	d.nextSeq++
	d.open[xid] = append(d.open[xid], Event{
		Seq: d.nextSeq, Stamp: Stamp{d.boot, xid}, Tenant: "t", Topic: TopicActivity, Name: "activity:new", Data: json.RawMessage("{}"),
	})
}

func (d *modelDatabase) finish(xid uint64, commit bool) []Event {
	events := d.open[xid]
	delete(d.open, xid)
	d.latestFinished = max(d.latestFinished, xid)
	if !commit {
		return nil
	}
	d.committed = append(d.committed, events...)
	return events
}

func (d *modelDatabase) crash() {
	durable := uint64(99)
	for _, xid := range slices.Sorted(maps.Keys(d.open)) {
		if d.rng.Float64() < 0.7 {
			delete(d.open, xid)
		} else {
			durable = max(durable, xid)
		}
	}
	for _, e := range d.committed {
		durable = max(durable, e.Stamp.XID)
	}
	if d.nextXID > durable+1 {
		d.nextXID = durable + 1 + d.rng.Uint64N(d.nextXID-durable)
	}
	d.latestFinished = d.nextXID - 1
	drawn := int64(0) // and durable
	for _, e := range slices.Concat(append(slices.Collect(maps.Values(d.open)), d.committed)...) {
		drawn = max(drawn, e.Seq)
	}
	d.nextSeq = drawn + d.rng.Int64N(d.nextSeq-drawn+1)
	d.boot++
}

// modelLog looks after some things have happened, and answers after others.
type modelLog struct {
	m      *model
	floors Floors
}

// answer takes what a statement has found out, of which the sequence number comes last.
func (l *modelLog) answer(asked Asked, p *Position, next uint64) {
	if p.Snapshot.Boot == l.m.db.boot {
		p.Written = l.m.db.nextSeq
	}
	l.floors.Answer(asked, p, next)
}

func (l *modelLog) Position(context.Context) (Position, error) {
	asked := l.floors.Ask()
	l.m.meanwhile()
	p, next := l.m.db.position(), l.m.db.nextXID
	l.m.meanwhile()
	l.answer(asked, &p, next)
	return p, nil
}

func (l *modelLog) Read(_ context.Context, q Query, begin func(Position) error, each func(Event) error) error {
	asked := l.floors.Ask()
	l.m.meanwhile()
	p, next := l.m.db.position(), l.m.db.nextXID
	since := q.Since.Snapshot
	open, above := q.Since.Reach()
	var rows []Event
	for _, e := range l.m.db.committed {
		if q.Reader == nil && q.Tenants != nil && !slices.Contains(q.Tenants, e.Tenant) {
			continue
		}
		under := q.Reader != nil && e.Stamp.Boot == since.Boot && e.Stamp.XID >= since.Xmax && !slices.Contains(open, e.Stamp.XID) && e.Seq <= above
		if !q.Since.Has(e.Stamp, e.Seq) && e.Seq > q.After && !under {
			rows = append(rows, e)
		}
	}
	slices.SortFunc(rows, func(a, b Event) int { return int(a.Seq - b.Seq) })
	if q.Limit > 0 && len(rows) > q.Limit {
		rows = rows[:q.Limit]
	}
	l.m.meanwhile()
	l.answer(asked, &p, next)
	if err := begin(p); err != nil {
		return err
	}
	for _, e := range rows {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

func (*modelLog) Newest(context.Context, Reader, int64, int, func(Position) error, func(Event) error) error {
	return errors.ErrUnsupported
}

type modelGateway struct {
	hub     *Hub
	writer  *modelWriter
	inbox   []Event
	reading bool
}

// modelClient reads a stream's bytes, as they come.
type modelClient struct {
	lastID  string // empty: it has never been connected, and begins now when it is
	begun   Cursor // what it had from the start
	got     map[int64]int
	live    *Subscriber
	alone   bool
	joining bool
	stream  []byte         // of a frame that hasn't ended
	kept    []byte         // by the gateway's writer, to be written before anything else
	full    bool           // the socket
	unsaid  []int64        // events since the last id: cut off now, they come again, and the client knows them by their own ids
	again   map[int64]bool // those that were unsaid when it was cut off
	fault   error
}

func (c *modelClient) write(p []byte) {
	c.stream = append(c.stream, p...)
	if end := bytes.LastIndex(c.stream, []byte("\n\n")); end >= 0 {
		if err := ReadFrames(c.stream[:end+2], c.receive); err != nil {
			c.fault = err
		}
		c.stream = bytes.Clone(c.stream[end+2:])
	}
}

func (c *modelClient) receive(m Message) error {
	if m.Name == "activity:new" {
		var e struct{ ID string }
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return err
		}
		seq, err := strconv.ParseInt(e.ID, 10, 64)
		if err != nil {
			return err
		}
		if c.got[seq] > 0 && c.again[seq] {
			delete(c.again, seq)
		} else {
			c.got[seq]++
		}
		c.unsaid = append(c.unsaid, seq)
	} else if m.Name != "" && m.Name != MessagePing {
		return fmt.Errorf("%s %s", m.Name, m.Data)
	}
	if m.Cursor != "" {
		c.lastID, c.unsaid = m.Cursor, nil
	}
	return nil
}

func (c *modelClient) cut(s *Subscriber) {
	s.Leave()
	for _, seq := range c.unsaid {
		c.again[seq] = true
	}
	c.unsaid, c.live, c.stream, c.kept, c.full = nil, nil, nil, nil, false
}

// modelWriter serves the clients of a gateway that aren't served alone. Its sockets are full now and then.
type modelWriter struct {
	m     *model
	lanes []*Lane
	round Round
}

func (w *modelWriter) Wake(l *Lane) { w.lanes = append(w.lanes, l) }

func (w *modelWriter) write(full float64) {
	for len(w.lanes) > 0 {
		l := w.lanes[0]
		w.lanes = w.lanes[1:]
		for more := true; more; {
			var batches []Batch
			batches, more = l.Take(&w.round)
			for i := range batches {
				w.m.batch(&batches[i], full)
			}
		}
	}
}

type model struct {
	rng      *rand.Rand
	db       *modelDatabase
	gateways []*modelGateway
	clients  []*modelClient
	forever  uint64
	depth    int
}

func newModel(seed uint64) *model {
	rng := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // to be repeatable
	m := &model{rng: rng, db: &modelDatabase{
		rng: rng, boot: 1, nextXID: 100, latestFinished: 99, open: map[uint64][]Event{},
	}}
	start := m.db.position().Cursor().String()
	for range 2 {
		g := &modelGateway{hub: NewHub(&modelLog{m: m}, Config{}), writer: &modelWriter{m: m}}
		g.hub.page, g.hub.batch = 3, 300
		m.depth = 9 // nothing happens before the first reading
		if err := g.hub.reconcile(context.Background()); err != nil {
			panic(err)
		}
		m.depth = 0
		m.gateways = append(m.gateways, g)
	}
	for range 3 {
		m.clients = append(m.clients, &modelClient{lastID: start, got: map[int64]int{}, again: map[int64]bool{}})
	}
	for range 2 {
		m.clients = append(m.clients, &modelClient{got: map[int64]int{}, again: map[int64]bool{}})
	}
	return m
}

// meanwhile lets other things happen between a look and its answer.
func (m *model) meanwhile() {
	if m.depth >= 2 {
		return
	}
	m.depth++
	for range m.rng.IntN(4) {
		m.step()
	}
	m.depth--
}

func (m *model) anyOpen() (uint64, bool) {
	if len(m.db.open) == 0 {
		return 0, false
	}
	xids := slices.Sorted(maps.Keys(m.db.open))
	return xids[m.rng.IntN(len(xids))], true
}

func (m *model) step() {
	g := m.gateways[m.rng.IntN(len(m.gateways))]
	c := m.clients[m.rng.IntN(len(m.clients))]
	xid, open := m.anyOpen()
	switch p := m.rng.Float64(); {
	case p < 0.14:
		m.db.begin()
		if m.forever == 0 {
			m.forever = m.db.nextXID - 1
		}
	case p < 0.36 && open:
		m.db.write(xid)
	case p < 0.50 && open:
		if xid != m.forever {
			m.commitOrAbort(xid)
		}
	case p < 0.66 && len(g.inbox) > 0:
		e := g.inbox[0]
		g.inbox = g.inbox[1:]
		if m.rng.IntN(4) == 0 { // it had no room for the event
			g.hub.Hint(e.Tenant, nil)
		} else {
			g.hub.Hint(e.Tenant, &e)
		}
	case p < 0.76:
		m.reconcile(g)
	case p < 0.85 && c.live == nil:
		m.join(c, g, 0.05)
	case p < 0.93 && c.live != nil:
		if m.rng.IntN(3) == 0 {
			m.ping(c)
		}
		m.take(c, 0.3)
	case p < 0.935:
		m.db.crash()
		for _, g := range m.gateways {
			g.inbox = nil
		}
	case p < 0.97 && c.live != nil: // cut off, with what was queued for it
		c.cut(c.live)
	case p < 0.98:
		g.hub.trim()
	}
}

func (m *model) commitOrAbort(xid uint64) {
	events := m.db.finish(xid, m.rng.Float64() < 0.85)
	if m.rng.Float64() < 0.2 { // busy, or the queue is full
		return
	}
	for _, g := range m.gateways {
		if m.rng.Float64() < 0.9 { // else its listener is away
			g.inbox = append(g.inbox, events...)
		}
	}
}

func (m *model) reconcile(g *modelGateway) {
	if g.reading { // a hub reads one after another
		return
	}
	g.reading = true
	if err := g.hub.reconcile(context.Background()); err != nil {
		panic(err)
	}
	g.reading = false
}

var errCut = errors.New("cut off")

func (m *model) join(c *modelClient, g *modelGateway, cut float64) {
	if c.joining {
		return
	}
	c.joining = true
	defer func() { c.joining = false }()
	if c.lastID != "" && m.rng.Float64() < 2*cut {
		m.coarsen(c)
	}
	s, err := g.hub.Join(context.Background(), Request{Identity: Identity{Tenant: "t"}, Topics: []string{TopicActivity}, Cursor: c.lastID})
	if err != nil {
		panic(err)
	}
	c.stream = nil
	if c.lastID == "" { // by its hello
		c.begun, c.lastID = s.Start(), s.Start().String()
	}
	err = s.Replay(context.Background(), func(_ context.Context, frames []byte, _ int) error {
		return ReadFrames(frames, func(msg Message) error {
			if err := c.receive(msg); err != nil {
				c.fault = err
			}
			m.meanwhile()
			if m.rng.Float64() < cut {
				return errCut
			}
			return nil
		})
	})
	if err != nil {
		c.cut(s)
		return
	}
	c.live, c.alone = s, m.rng.IntN(2) == 0
	if c.alone {
		s.Alone()
	} else {
		s.Serve(g.writer)
	}
}

// coarsen has a client come with the cursor that it would have got while thousands of transactions are open: it says less.
func (m *model) coarsen(c *modelClient) {
	at, err := ParseCursor(c.lastID)
	if err != nil {
		c.fault = err
	}
	at = at.coarser(uint64(1 + m.rng.IntN(20))) //nolint:gosec // never negative
	for _, e := range m.db.committed {
		if !at.Has(e.Stamp, e.Seq) && (c.got[e.Seq] > 0 || c.begun.Has(e.Stamp, e.Seq)) {
			c.again[e.Seq] = true
		}
	}
	c.lastID = at.encode()
}

func (m *model) ping(c *modelClient) {
	if len(c.kept) == 0 && !c.full {
		c.write(c.live.Ping(time.Unix(0, 1), &m.gateways[0].writer.round))
	}
}

// take lets a client's socket have room and writes what there is, now and then only a part of it.
func (m *model) take(c *modelClient, full float64) {
	if c.full {
		c.write(c.kept)
		c.kept, c.full = nil, false
		c.live.Unblock()
	}
	if !c.alone {
		for _, g := range m.gateways {
			g.writer.write(full)
		}
		return
	}
	for !c.full {
		b := c.live.Take(&m.gateways[0].writer.round)
		if b.Subscriber == nil {
			return
		}
		m.batch(&b, full)
	}
}

func (m *model) batch(b *Batch, full float64) {
	for _, c := range m.clients {
		if c.live != b.Subscriber {
			continue
		}
		if b.Close != "" || c.full {
			c.fault = fmt.Errorf("closed: %q, or written to though its socket is full: %v", b.Close, c.full)
		}
		if n := m.rng.IntN(len(b.Bytes)); m.rng.Float64() < full {
			c.write(b.Bytes[:n])
			c.kept, c.full = bytes.Clone(b.Rewind(n)), true
		} else {
			c.write(b.Bytes)
		}
	}
}

// settle ends every transaction, brings every client up to date and compares.
func (m *model) settle() error {
	m.depth = 9
	for _, xid := range slices.Sorted(maps.Keys(m.db.open)) {
		m.db.finish(xid, true)
	}
	for _, g := range m.gateways {
		m.reconcile(g)
	}
	for i, c := range m.clients {
		if c.live == nil {
			m.join(c, m.gateways[0], 0)
		}
		m.take(c, 0)
		m.ping(c)
		at, err := ParseCursor(c.lastID)
		if err != nil {
			return fmt.Errorf("client %d has %q: %w", i, c.lastID, err)
		}
		if c.fault != nil {
			return fmt.Errorf("client %d: %w", i, c.fault)
		}
		for _, e := range m.db.committed {
			if c.begun.Has(e.Stamp, e.Seq) {
				if c.again[e.Seq] { // it lay in a range
					delete(c.got, e.Seq)
				}
				continue
			}
			if c.got[e.Seq] != 1 {
				return fmt.Errorf("client %d got event %d of %+v %d times", i, e.Seq, e.Stamp, c.got[e.Seq])
			}
			if !at.Has(e.Stamp, e.Seq) {
				return fmt.Errorf("client %d has event %d of %+v, which its cursor doesn't say", i, e.Seq, e.Stamp)
			}
			delete(c.got, e.Seq)
		}
		if len(c.got) > 0 {
			return fmt.Errorf("client %d got %v, which never committed", i, c.got)
		}
	}
	return nil
}
