package gateway

import (
	"context"
	"sync"
	"time"
)

// positions asks where the log is for many at once: whoever comes while a question is under way shares the next one, as the
// answer must not be older than the question.
type positions struct {
	turns chan struct{} // questions under way

	mu   sync.Mutex
	next *positionCall // not asked yet
}

type positionCall struct {
	done chan struct{}
	at   *Position
	err  error
}

const (
	questionsAtATime = 4
	questionTimeout  = 10 * time.Second
)

// now gives a position that was read after the call.
func (p *positions) now(ctx context.Context, log Log) (*Position, error) {
	p.mu.Lock()
	c := p.next
	asks := c == nil
	if asks {
		c = &positionCall{done: make(chan struct{})}
		p.next = c
	}
	p.mu.Unlock()
	if asks {
		p.ask(ctx, log, c)
	}
	select {
	case <-c.done:
		return c.at, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *positions) ask(ctx context.Context, log Log, c *positionCall) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), questionTimeout) // others wait for it too
	defer cancel()
	p.turns <- struct{}{}
	defer func() { <-p.turns }()
	p.mu.Lock()
	p.next = nil
	p.mu.Unlock()
	defer close(c.done)
	at, err := log.Position(ctx)
	c.at, c.err = &at, err
}
