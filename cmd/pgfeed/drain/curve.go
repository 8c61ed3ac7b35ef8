package drain

import (
	"sync"
	"time"
)

// curve counts what happens by time, in tenths of a second.
type curve struct {
	mu    sync.Mutex
	began time.Time
	steps []int
}

const step = 100 * time.Millisecond

func newCurve() *curve { return &curve{began: time.Now()} }

// add counts one that happens now.
func (c *curve) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := int(time.Since(c.began) / step)
	for at >= len(c.steps) {
		c.steps = append(c.steps, 0)
	}
	c.steps[at]++
}

// total is how many there were.
func (c *curve) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.steps {
		n += k
	}
	return n
}

// peak is the most there were in any second, wherever that begins.
func (c *curve) peak() (most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	within := 0
	for i, k := range c.steps {
		within += k
		if over := i - int(time.Second/step); over >= 0 {
			within -= c.steps[over]
		}
		most = max(most, within)
	}
	return most
}
