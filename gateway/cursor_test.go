package gateway_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/pgfeed/pgfeed/gateway"
)

func FuzzCursorsAreReadBackAsTheyWereWritten(f *testing.F) {
	f.Add("")
	f.Add(sample.String())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := gateway.ParseCursor(text)
		if err != nil {
			if !errors.Is(err, gateway.ErrCursor) {
				t.Errorf("%q: %v is not ErrCursor", text, err)
			}
			return
		}
		if c.String() != text {
			t.Errorf("%q is written as %q", text, c.String())
		}
	})
}

var sample = gateway.Cursor{
	Epoch:    -5,
	Snapshot: gateway.Snapshot{Boot: 1_795_501_682_878_043, Xmax: 1 << 40, Xip: []uint64{7, 8, 1<<40 - 1}, Floor: 5_000_000_000},
	Ahead:    []int64{3, 900},
	Replay:   &gateway.Progress{To: gateway.Snapshot{Boot: 1_795_501_682_878_044, Xmax: 1<<40 + 2}, Through: 77},
}

func TestACursorSurvivesItsText(t *testing.T) {
	for _, c := range []gateway.Cursor{sample, {Epoch: 1, Snapshot: gateway.Snapshot{Boot: 1, Xmax: 3}}} {
		got, err := gateway.ParseCursor(c.String())
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
	if n := len(sample.String()); n > 100 {
		t.Errorf("a cursor of %d bytes", n)
	}
}

// A cursor never is longer than what a header may carry: one that would be says less instead.
func TestACursorOfManyOpenTransactionsIsWeakenedRatherThanRefused(t *testing.T) {
	const boot = 1_795_501_682_878_043
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // to be repeatable
	snapshot := func(open int) gateway.Snapshot {
		s := gateway.Snapshot{Boot: boot, Xmax: 1 << 33}
		for range open {
			s.Xmax += 1 + rng.Uint64N(300)
			s.Xip = append(s.Xip, s.Xmax)
		}
		s.Xmax += 1000
		return s
	}
	sparse := snapshot(5000)
	for i := range sparse.Xip {
		sparse.Xip[i] = 1<<33 + uint64(i)*1_000_000 //nolint:gosec // never negative
	}
	sparse.Xmax = 1<<33 + 5_000_000_000
	inARow := gateway.Snapshot{Boot: boot, Xmax: 1<<33 + 4000}
	for i := range uint64(3000) {
		inARow.Xip = append(inARow.Xip, 1<<33+i+i/1000)
	}
	ahead := make([]int64, 3000)
	for i := range ahead {
		ahead[i] = int64(i * 200)
	}
	for name, c := range map[string]gateway.Cursor{
		"few open":           {Epoch: 1, Snapshot: snapshot(100)},
		"thousands open":     {Epoch: 1, Snapshot: snapshot(5000)},
		"thousands in both":  {Epoch: 1, Snapshot: snapshot(5000), Replay: &gateway.Progress{To: snapshot(4000), Through: 700_000}},
		"many in the replay": {Epoch: 1, Snapshot: snapshot(5), Replay: &gateway.Progress{To: snapshot(4000), Through: 700_000}},
		"many sent ahead":    {Epoch: 1, Snapshot: snapshot(5), Ahead: ahead},
		"all that there is":  {Epoch: 1, Snapshot: snapshot(9000), Ahead: ahead, Replay: &gateway.Progress{To: snapshot(9000), Through: 1}},
		"few sent ahead":     {Epoch: 1, Snapshot: snapshot(900), Ahead: []int64{4}},
		"in a row":           {Epoch: 1, Snapshot: inARow},
		"far apart":          {Epoch: 1, Snapshot: sparse},
	} {
		text := c.String()
		got, err := gateway.ParseCursor(text)
		if err != nil || got.String() != text || len(text) > 2048 {
			t.Errorf("%s: %d bytes, read back as %d bytes, %v", name, len(text), len(got.String()), err)
			continue
		}
		if name == "few open" && !reflect.DeepEqual(got, c) {
			t.Errorf("%s: it was weakened", name)
		}
		if now := (gateway.Snapshot{Boot: boot, Xmax: c.Snapshot.Xmax + 5, Xip: c.Snapshot.Xip}); !now.Covers(got.Snapshot) {
			t.Errorf("%s: a later snapshot doesn't cover it", name)
		}
		has := 0
		for range 200_000 {
			// Of this server start, of an earlier one (a prepared transaction), of a later one.
			stamp := gateway.Stamp{Boot: boot - 1 + rng.Int64N(3), XID: 1<<33 - 10 + rng.Uint64N(c.Snapshot.Xmax-1<<33+2000)}
			seq := rng.Int64N(1_000_000)
			if got.Has(stamp, seq) {
				has++
				if !c.Has(stamp, seq) {
					t.Fatalf("%s: it has event %d of %+v, which was never sent", name, seq, stamp)
				}
			} else if name == "in a row" && c.Has(stamp, seq) {
				t.Fatalf("%s: neighbours are one range, and yet it lacks event %d of %+v", name, seq, stamp)
			}
		}
		if has == 0 {
			t.Errorf("%s: it has nothing at all", name)
		}
	}
}

func TestSnapshotsSeeWhatTheModelSays(t *testing.T) {
	s := gateway.Snapshot{Boot: 2, Xmax: 10, Xip: []uint64{4, 8}}
	for stamp, sees := range map[gateway.Stamp]bool{
		{Boot: 2, XID: 3}: true, {Boot: 2, XID: 4}: false, {Boot: 2, XID: 9}: true, {Boot: 2, XID: 10}: false,
		{Boot: 1, XID: 4}:  false, // prepared before a crash, and still open
		{Boot: 1, XID: 12}: true,  // an xid that the crash made free again
		{Boot: 3, XID: 3}:  false,
	} {
		if s.Sees(stamp) != sees {
			t.Errorf("sees %+v: %v", stamp, !sees)
		}
		coarse := gateway.Snapshot{Boot: 2, Xmax: 10, Gaps: []gateway.Gap{{4, 4}, {7, 8}}}
		if coarse.Sees(stamp) != sees { // 7, which it can't tell from 8, isn't asked for
			t.Errorf("by gaps, it sees %+v: %v", stamp, !sees)
		}
	}
	for _, c := range []struct {
		newer  gateway.Snapshot
		covers bool
	}{
		{s, true},
		{gateway.Snapshot{Boot: 2, Xmax: 10, Xip: []uint64{4}}, true},
		{gateway.Snapshot{Boot: 2, Xmax: 12, Xip: []uint64{4, 8, 11}}, true},
		{gateway.Snapshot{Boot: 2, Xmax: 12, Xip: []uint64{4, 5}}, false},
		{gateway.Snapshot{Boot: 2, Xmax: 9}, false},
		{gateway.Snapshot{Boot: 3, Xmax: 5}, true},
		{gateway.Snapshot{Boot: 1, Xmax: 50}, false},
	} {
		if c.newer.Covers(s) != c.covers {
			t.Errorf("%+v covers: %v", c.newer, !c.covers)
		}
	}
}

func TestProgressThroughAReplayForgetsNothing(t *testing.T) {
	first := gateway.Snapshot{Boot: 1, Xmax: 20, Xip: []uint64{12}}
	second := gateway.Snapshot{Boot: 1, Xmax: 30}
	c := gateway.Cursor{Snapshot: gateway.Snapshot{Boot: 1, Xmax: 10}}
	at := func(xid uint64) gateway.Stamp { return gateway.Stamp{Boot: 1, XID: xid} }

	c = c.Advance(first, 100).Advance(first, 110)
	if !c.Has(at(15), 105) || c.Has(at(15), 111) || c.Has(at(12), 105) {
		t.Errorf("after 110 of the first replay: %+v", c)
	}
	late := c.Advance(second, 105) // xid 12 has committed since; the second replay is at 105 only
	if !late.Has(at(12), 105) || late.Has(at(12), 106) || !late.Has(at(15), 108) {
		t.Errorf("after 105 of the second replay: %+v", late)
	}
	past := late.Advance(second, 120)
	if !past.Has(at(12), 105) || !past.Has(at(25), 119) || past.Has(at(25), 121) {
		t.Errorf("after 120 of the second replay: %+v", past)
	}
}

// Thousands of events commit below where a replay had come, as those of one large transaction: however they are read on, in pages,
// with cursors that say less than they should, it ends.
func TestAReplayThatMuchCommitsBehindGetsToItsEnd(t *testing.T) {
	const events, page = 12_000, 100
	late := func(seq int64) bool { return seq%2 == 0 }
	stamp := func(seq int64) gateway.Stamp {
		if late(seq) {
			return gateway.Stamp{Boot: 1, XID: 12}
		}
		return gateway.Stamp{Boot: 1, XID: 11}
	}
	c := gateway.Cursor{Epoch: 1, Snapshot: gateway.Snapshot{Boot: 1, Xmax: 10}}
	got := map[int64]bool{}
	to := gateway.Snapshot{Boot: 1, Xmax: 20, Xip: []uint64{12}}
	for pages := 0; ; pages++ {
		if pages == 45 { // at 9,000 of the others
			to = gateway.Snapshot{Boot: 1, Xmax: 30}
		}
		n := 0
		for seq := int64(1); seq <= events && n < page; seq++ {
			if to.Sees(stamp(seq)) && !c.Has(stamp(seq), seq) {
				got[seq] = true
				c = c.Advance(to, seq)
				n++
			}
		}
		if n == 0 {
			break
		}
		if pages > 2*events/page {
			t.Fatalf("%d pages, and %d of %d events", pages, len(got), events)
		}
		var err error
		if c, err = gateway.ParseCursor(c.String()); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != events {
		t.Errorf("%d of %d events", len(got), events)
	}
}
