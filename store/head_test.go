package store

import (
	"slices"
	"testing"
)

// The next xid comes as its low half, which starts over after 2³² while snapshots count on.
func TestTheNextXidIsPutTogetherFromItsLowHalf(t *testing.T) {
	head := []string{"100:100:", "1", "2", "0", "0", "0", "", "true", "7", "100"}
	for _, c := range []struct {
		snapshot, low string
		next          uint64
	}{
		{"100:100:", "100", 100},
		{"90:100:90", "103", 103},
		{"4294967290:4294967295:", "4294967295", 1<<32 - 1},
		{"4294967290:4294967295:", "3", 1<<32 + 3},
		{"12884901890:12884901890:", "5", 3<<32 + 5},
		{"12884901885:12884901887:", "4294967295", 3<<32 - 1},
		{"100:100:", "-1", 0}, // a standby doesn't say
	} {
		words := slices.Clone(head)
		words[0], words[9] = c.snapshot, c.low
		if _, next, err := parseHead(words); err != nil || next != c.next {
			t.Errorf("after %s, low half %s: %d, %v, want %d", c.snapshot, c.low, next, err, c.next)
		}
	}
	if _, _, err := parseHead(slices.Delete(slices.Clone(head), 9, 10)); err == nil {
		t.Error("a head without it")
	}
}
