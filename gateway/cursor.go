package gateway

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Stamp says which transaction wrote an event: its xid, and the start of the server that gave the xid out. After a crash
// Postgres may give out again an xid that left no durable trace, so an xid alone does not name a transaction.
type Stamp struct {
	Boot int64 // start of the postmaster, in microseconds since 1970
	XID  uint64
}

// Snapshot is a Postgres snapshot with the boot that it was taken in. See PostgreSQL documentation, "System Information
// Functions", table "Transaction ID and Snapshot Information Functions".
type Snapshot struct {
	Boot int64
	Xmax uint64
	Xip  []uint64 // transactions below Xmax that were in progress, ascending
	// Gaps stands for Xip where that would be too long to write down: ranges, ascending and apart, that count as in progress
	// whoever in them was.
	Gaps []Gap
	// Floor saves a client that resumes from looking at what came before: events of transactions from Xmax on have greater sequence
	// numbers than that, in the same boot. 0: not known. See Floors.
	Floor int64
}

// Gap is a range of transactions, its ends included.
type Gap struct{ First, Last uint64 }

// Sees reports whether what was written under stamp had committed, or was abandoned, when the snapshot was taken.
func (s Snapshot) Sees(e Stamp) bool {
	if _, open := slices.BinarySearch(s.Xip, e.XID); open {
		return false
	}
	at, _ := slices.BinarySearchFunc(s.Gaps, e.XID, func(g Gap, xid uint64) int { return cmp.Compare(g.Last, xid) })
	if at < len(s.Gaps) && s.Gaps[at].First <= e.XID {
		return false
	}
	return e.Boot < s.Boot || e.Boot == s.Boot && e.XID < s.Xmax
}

// Covers reports whether s sees everything that older sees. Snapshots of one database are totally ordered by it.
func (s Snapshot) Covers(older Snapshot) bool {
	if s.Boot != older.Boot {
		return s.Boot > older.Boot
	}
	if s.Xmax < older.Xmax {
		return false
	}
	for _, xid := range s.Xip {
		if older.Sees(Stamp{older.Boot, xid}) {
			return false
		}
	}
	return true
}

// Cursor is a position in the log: what it can see, the client has been sent.
type Cursor struct {
	Epoch    int64 // the history that it belongs to
	Snapshot Snapshot
	Ahead    []int64   // sequence numbers sent though Snapshot can't see them, ascending
	Replay   *Progress // set while a replay is under way
}

// Progress is how far a replay has come: what To sees up to and including sequence number Through has been sent as well.
type Progress struct {
	To      Snapshot
	Through int64
}

// Has reports whether the client at this cursor has been sent the event.
func (c Cursor) Has(stamp Stamp, seq int64) bool {
	if c.Snapshot.Sees(stamp) {
		return true
	}
	if c.Replay != nil && seq <= c.Replay.Through && c.Replay.To.Sees(stamp) {
		return true
	}
	_, sent := slices.BinarySearch(c.Ahead, seq)
	return sent
}

// Reach is where a log has to look for what the cursor lacks: at transactions by name (besides Snapshot.Gaps), and, of those from
// Snapshot.Xmax on, above a sequence number. That holds within Snapshot.Boot; 0: it isn't known.
func (c Cursor) Reach() (open []uint64, above int64) {
	open, above = c.Snapshot.Xip, c.Snapshot.Floor
	if r := c.Replay; r != nil && r.To.Boot == c.Snapshot.Boot && len(r.To.Gaps) == 0 {
		// Up to Through it lacks only what To couldn't see: of transactions that were open then, or above its own floor.
		return append(slices.Clone(open), r.To.Xip...), max(above, min(r.Through, r.To.Floor))
	}
	return open, above
}

// ErrCursor is what every error of ParseCursor wraps.
var ErrCursor = errors.New("not a cursor of this gateway")

const (
	cursorVersion = 3
	// maxCursor bounds the text of a cursor, in bytes: it travels in a header, and proxies allow 4 to 8 kB for all of them;
	// and it goes along with each event. A thousand open transactions fit in.
	maxCursor = 2048
)

// String encodes the cursor in URL-safe characters. Clients keep it and send it back as it is. Where so many transactions are
// open that it would pass maxCursor, it is of a cursor that says less: who resumes there gets some events once more, and
// knows them by their ids.
func (c Cursor) String() string {
	text := c.encode()
	for near := uint64(1); len(text) > maxCursor; near *= 2 {
		c = c.coarser(near)
		text = c.encode()
	}
	return text
}

// coarser takes transactions that are no further apart than near for one range, and the later half of a long Ahead for not
// sent.
func (c Cursor) coarser(near uint64) Cursor {
	c.Snapshot = c.Snapshot.coarser(near)
	if c.Replay != nil {
		c.Replay = &Progress{To: c.Replay.To.coarser(near), Through: c.Replay.Through}
	}
	if len(c.Ahead) > 100 { // fewer fit in beside anything
		c.Ahead = c.Ahead[:len(c.Ahead)/2]
	}
	return c
}

func (s Snapshot) coarser(near uint64) Snapshot {
	var merged []Gap
	add := func(g Gap) {
		if n := len(merged); n > 0 && g.First-merged[n-1].Last <= near {
			merged[n-1].Last = g.Last
		} else {
			merged = append(merged, g)
		}
	}
	for _, xid := range s.Xip {
		add(Gap{xid, xid})
	}
	for _, g := range s.Gaps {
		add(g)
	}
	return Snapshot{Boot: s.Boot, Xmax: s.Xmax, Gaps: merged, Floor: s.Floor}
}

func (c Cursor) encode() string {
	buf := make([]byte, 0, 64)
	buf = append(buf, cursorVersion)
	buf = binary.BigEndian.AppendUint64(buf, uint64(c.Epoch)) //nolint:gosec // the same 64 bits, both ways
	buf = appendSnapshot(buf, c.Snapshot)
	buf = appendAscending(buf, c.Ahead)
	if c.Replay != nil {
		buf = appendSnapshot(buf, c.Replay.To)
		buf = binary.AppendUvarint(buf, uint64(c.Replay.Through)) //nolint:gosec // never negative
	}
	return base64.RawURLEncoding.EncodeToString(buf)
}

// ParseCursor decodes what String gave. It accepts nothing else: a cursor that has been altered may decode to another
// position, but never to one outside the reader's own tenant, which a cursor does not name.
func ParseCursor(text string) (Cursor, error) {
	if len(text) > maxCursor {
		return Cursor{}, fmt.Errorf("%w: longer than %d bytes", ErrCursor, maxCursor)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Cursor{}, fmt.Errorf("%w: %w", ErrCursor, err)
	}
	if len(raw) < 9 || raw[0] != cursorVersion {
		return Cursor{}, fmt.Errorf("%w: unknown version", ErrCursor)
	}
	c := Cursor{Epoch: int64(binary.BigEndian.Uint64(raw[1:]))} //nolint:gosec // the same 64 bits, both ways
	d := decoder{rest: raw[9:]}
	c.Snapshot = d.snapshot()
	c.Ahead = ascending[int64](&d)
	if len(d.rest) > 0 && !d.bad {
		c.Replay = &Progress{To: d.snapshot(), Through: d.seq()}
	}
	if d.bad || len(d.rest) > 0 || c.String() != text {
		return Cursor{}, fmt.Errorf("%w: malformed", ErrCursor)
	}
	return c, nil
}

func appendSnapshot(buf []byte, s Snapshot) []byte {
	buf = binary.AppendVarint(buf, s.Boot)
	if len(s.Gaps) > 0 {
		buf = binary.AppendUvarint(buf, s.Xmax<<1|1) // an xid never comes near 2⁶³
		buf = binary.AppendUvarint(buf, uint64(len(s.Gaps)))
		last := uint64(0)
		for _, g := range s.Gaps {
			buf = binary.AppendUvarint(buf, g.First-last)
			buf = binary.AppendUvarint(buf, g.Last-g.First)
			last = g.Last
		}
	} else {
		buf = binary.AppendUvarint(buf, s.Xmax<<1)
		buf = appendAscending(buf, s.Xip)
	}
	return binary.AppendUvarint(buf, uint64(s.Floor)) //nolint:gosec // never negative
}

// appendAscending writes the count, the first number and the distances between the rest: neighbours take a byte each.
func appendAscending[T int64 | uint64](buf []byte, numbers []T) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(numbers)))
	var last T
	for _, n := range numbers {
		buf = binary.AppendUvarint(buf, uint64(n-last))
		last = n
	}
	return buf
}

type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) snapshot() Snapshot {
	boot, n := binary.Varint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return Snapshot{}
	}
	d.rest = d.rest[n:]
	xmax := d.uvarint()
	s := Snapshot{Boot: boot, Xmax: xmax >> 1}
	if xmax&1 == 0 {
		s.Xip = ascending[uint64](d)
	} else {
		s.Gaps = d.gaps()
	}
	s.Floor = d.seq()
	return s
}

// seq is a sequence number, which is never negative.
func (d *decoder) seq() int64 {
	n := int64(d.uvarint()) //nolint:gosec // refused if it is too large
	d.bad = d.bad || n < 0
	return n
}

func (d *decoder) gaps() []Gap {
	count := d.uvarint()
	if count == 0 || count > uint64(len(d.rest)) { // each takes two bytes or more
		d.bad, d.rest = true, nil
		return nil
	}
	gaps := make([]Gap, 0, count)
	last := uint64(0)
	for range count {
		g := Gap{First: last + d.uvarint()}
		g.Last = g.First + d.uvarint()
		if g.First < last || g.Last < g.First || g.First == last && len(gaps) > 0 {
			d.bad = true
		}
		gaps = append(gaps, g)
		last = g.Last
	}
	return gaps
}

func ascending[T int64 | uint64](d *decoder) []T {
	count := d.uvarint()
	if count == 0 {
		return nil
	}
	if count > uint64(len(d.rest)) { // each takes a byte or more
		d.bad, d.rest = true, nil
		return nil
	}
	numbers := make([]T, 0, count)
	var last T
	for range count {
		next := last + T(d.uvarint())
		if next < last || next == last && len(numbers) > 0 {
			d.bad = true
		}
		numbers = append(numbers, next)
		last = next
	}
	return numbers
}

// Advance is the cursor after event seq of a replay up to snapshot to has been sent, in order of sequence numbers.
func (c Cursor) Advance(to Snapshot, seq int64) Cursor {
	if c.Replay != nil && seq < c.Replay.Through && len(c.Ahead) < maxAheadInCursor {
		// An earlier replay came further than this one has: what it missed is noted one by one. Where that is much, it is the
		// earlier one that is given up: what it had above seq comes again.
		at, _ := slices.BinarySearch(c.Ahead, seq)
		c.Ahead = slices.Insert(slices.Clone(c.Ahead), at, seq)
		return c
	}
	c.Replay = &Progress{To: to, Through: seq}
	if len(c.Ahead) > 0 {
		at, _ := slices.BinarySearch(c.Ahead, seq)
		c.Ahead = slices.Clone(c.Ahead[at:])
	}
	return c
}
