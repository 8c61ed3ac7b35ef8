package gateway

import "slices"

// Kept says what the log has been emptied of. Its zero value: of nothing.
type Kept struct {
	// Boot and XID are no earlier than those of any event that is gone.
	Boot int64
	XID  uint64
	// Open are transactions, ascending, that were in progress when something was last removed: none of it was theirs.
	Open []uint64
}

// Lacks reports whether something may be gone that is new to the cursor. An event is new to it whose transaction the cursor's
// snapshot can't see: one that was given an xid later, or one that was open.
func (k Kept) Lacks(c Cursor) bool {
	s := c.Snapshot
	if k.XID == 0 {
		return false
	}
	if s.Boot < k.Boot || s.Boot == k.Boot && s.Xmax <= k.XID {
		return true
	}
	return slices.ContainsFunc(s.Xip, func(xid uint64) bool { return k.lacks(Gap{xid, xid}) }) ||
		slices.ContainsFunc(s.Gaps, k.lacks)
}

// lacks reports whether not all transactions of the range that come into question were still in progress.
func (k Kept) lacks(g Gap) bool {
	if g.First > k.XID {
		return false
	}
	first, _ := slices.BinarySearch(k.Open, g.First)
	last, _ := slices.BinarySearch(k.Open, min(g.Last, k.XID)+1)
	return uint64(last-first) < min(g.Last, k.XID)-g.First+1 //nolint:gosec // never negative
}
