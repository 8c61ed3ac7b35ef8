package gateway_test

import (
	"errors"
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
	Snapshot: gateway.Snapshot{Boot: 1_795_501_682_878_043, Xmax: 1 << 40, Xip: []uint64{7, 8, 1<<40 - 1}},
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
