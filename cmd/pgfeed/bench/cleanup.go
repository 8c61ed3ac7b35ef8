package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// cleanupTimeout bounds what is undone after a benchmark that was cut off.
const cleanupTimeout = 30 * time.Second

// Cleanup undoes what a benchmark did, last thing first.
type Cleanup struct{ steps []step }

type step struct {
	what string
	do   func(context.Context) error
}

// Add notes how something is undone, as soon as it is done.
func (c *Cleanup) Add(what string, do func(context.Context) error) {
	c.steps = append(c.steps, step{what, do})
}

// Run undoes everything, though ctx has ended: Ctrl-C ends a benchmark, and must not leave its tables behind. Call it deferred,
// and join its error with the benchmark's.
func (c *Cleanup) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var failed error
	for i := len(c.steps) - 1; i >= 0; i-- {
		if err := c.steps[i].do(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("clean up: %s: %w", c.steps[i].what, err))
		}
	}
	c.steps = nil
	return failed
}
