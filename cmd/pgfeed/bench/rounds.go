package bench

import (
	"context"
	"fmt"
	"time"
)

// Pause waits, and is false when ctx ended first.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Alternate measures two things in turns, a round each, the first to go changing every time, so that neither has the
// warmer machine. It gives each round's figure.
func Alternate(ctx context.Context, rounds int, a, b func(context.Context) (float64, error)) (as, bs []float64, err error) {
	for round := range rounds {
		pair := []struct {
			measure func(context.Context) (float64, error)
			into    *[]float64
		}{{a, &as}, {b, &bs}}
		if round%2 == 1 {
			pair[0], pair[1] = pair[1], pair[0]
		}
		for _, p := range pair {
			value, err := p.measure(ctx)
			if err != nil {
				return as, bs, fmt.Errorf("round %d: %w", round+1, err)
			}
			*p.into = append(*p.into, value)
		}
	}
	return as, bs, nil
}
