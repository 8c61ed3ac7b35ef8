package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/store"
)

// retentionFlags say how long the log is kept.
type retentionFlags struct {
	Retention     time.Duration `default:"168h" help:"How long the log is kept, for clients that return; one that was away for longer is told to reload (reset: expired)."`
	RetentionSize byteSize      `default:"10GiB" help:"Most that the log may take on disk, whatever its age; in bytes, or with MiB or GiB."`
}

func (f retentionFlags) validate() error {
	var s settings
	atLeast(&s, "retention", f.Retention, time.Minute)
	if f.RetentionSize < 1<<20 {
		s.addf("--retention-size must be at least 1MiB, not %d bytes", f.RetentionSize)
	}
	return s.wrong
}

func (f retentionFlags) retention() store.Retention {
	return store.Retention{Age: f.Retention, Bytes: int64(f.RetentionSize)}
}

// byteSize is written as a number of bytes, or of KiB, MiB, GiB or TiB.
type byteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	number, shift := strings.TrimSpace(string(text)), 0
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = strings.TrimSpace(rest), 10*(i+1)
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return fmt.Errorf("%q is no size: write 10GiB, 500MiB or a number of bytes", text)
	}
	*b = byteSize(n << shift)
	return nil
}

type maintainCmd struct {
	databaseFlags
	retentionFlags
}

// Run does what gateways do by themselves.
func (c maintainCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return usageError{err}
	}
	pool, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := store.CheckMigrated(ctx, pool); err != nil {
		return err
	}
	emptied, err := c.retention().Maintain(ctx, pool)
	if err != nil {
		return err
	}
	kept, err := store.ReadKept(ctx, pool)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.out, "emptied %d of 8 slots; the log takes %.1f MiB and goes back %s\n",
		emptied, float64(kept.Bytes)/(1<<20), kept.Age.Round(time.Second))
	return err
}
