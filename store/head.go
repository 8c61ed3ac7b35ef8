package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// parseHead reads what the SQL of head gives. next is the next xid to be given out; 0: it isn't known.
func parseHead(words []string) (p gateway.Position, next uint64, err error) {
	if len(words) != 10 {
		return p, 0, fmt.Errorf("head of the log: %d words", len(words))
	}
	var numbers [5]int64 // boot, epoch, busy, boot and xid of what is kept
	for i := range numbers {
		n, err := strconv.ParseInt(words[i+1], 10, 64)
		if err != nil {
			return p, 0, fmt.Errorf("head of the log: %w", err)
		}
		numbers[i] = n
	}
	if p.Snapshot, err = parseSnapshot(words[0]); err != nil {
		return p, 0, err
	}
	p.Snapshot.Boot, p.Epoch = numbers[0], numbers[1]
	p.Hints = words[7] == "true"
	if p.Written, err = strconv.ParseInt(words[8], 10, 64); err != nil {
		return p, 0, fmt.Errorf("head of the log: %w", err)
	}
	low, err := strconv.ParseInt(words[9], 10, 64)
	if err != nil {
		return p, 0, fmt.Errorf("head of the log: %w", err)
	}
	if distance := uint32(low) - uint32(p.Snapshot.Xmax); low >= 0 && distance < 1<<31 { //nolint:gosec // in 32 bits it is short, and never negative
		next = p.Snapshot.Xmax + uint64(distance)
	}
	p.Busy = time.Duration(max(numbers[2], 0)) * time.Millisecond
	p.Kept = gateway.Kept{Boot: numbers[3], XID: uint64(numbers[4])} //nolint:gosec // xids in use are far below
	if p.Kept.Open, err = parseXIDs(words[6]); err != nil {
		return p, 0, fmt.Errorf("head of the log: %w", err)
	}
	return p, next, nil
}

// parseSnapshot reads Postgres' xmin:xmax:xip,xip (PostgreSQL documentation, "pg_snapshot Components").
func parseSnapshot(text string) (gateway.Snapshot, error) {
	var s gateway.Snapshot
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("snapshot %q: not xmin:xmax:xip", text)
	}
	var err error
	if s.Xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, fmt.Errorf("snapshot %q: %w", text, err)
	}
	if s.Xip, err = parseXIDs(parts[2]); err != nil {
		return s, fmt.Errorf("snapshot %q: %w", text, err)
	}
	return s, nil
}

func parseXIDs(text string) ([]uint64, error) {
	if text == "" {
		return nil, nil
	}
	var xids []uint64
	for x := range strings.SplitSeq(text, ",") {
		xid, err := strconv.ParseUint(x, 10, 64)
		if err != nil {
			return nil, err
		}
		xids = append(xids, xid)
	}
	return xids, nil
}

// snapshotText is the reverse of parseSnapshot.
func snapshotText(s gateway.Snapshot) string {
	xmin := s.Xmax
	open := make([]string, len(s.Xip))
	for i, xid := range s.Xip {
		xmin = min(xmin, xid)
		open[i] = strconv.FormatUint(xid, 10)
	}
	return fmt.Sprintf("%d:%d:%s", xmin, s.Xmax, strings.Join(open, ","))
}
