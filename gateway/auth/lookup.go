package auth

import (
	"context"
	"fmt"
	"time"
)

const (
	// queriesAtATime bounds what a crowd takes of the connection pool; tokens that come meanwhile share the next query.
	queriesAtATime = 2
	// tokensAtATime bounds one query.
	tokensAtATime = 1000
)

// lookUp answers calls, as many at a time as have come while the last query ran.
func (s *Sessions) lookUp(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.work:
		}
		for tokens := s.take(); len(tokens) > 0; tokens = s.take() {
			s.answer(ctx, tokens)
		}
	}
}

// take gives the tokens of the next query.
func (s *Sessions) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), tokensAtATime)
	tokens := s.queue[:n:n]
	s.queue = s.queue[n:]
	if len(s.queue) > 0 {
		signal(s.work) // for the other one
	}
	return tokens
}

func (s *Sessions) answer(ctx context.Context, tokens []string) {
	found, since, err := s.query(ctx, tokens)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	for _, token := range tokens {
		c := s.calls[token]
		if c == nil {
			continue
		}
		f, known := found[token]
		if err == nil && s.changes.after(since, Name(token), f.User) {
			s.queue = append(s.queue, token) // the answer may be older than the change
			signal(s.work)
			continue
		}
		switch {
		case err != nil:
			c.err = fmt.Errorf("look up a session: %w", err)
		case !known:
			c.err = refuse("no such session")
		case f.Refused != "":
			c.err = refuse(f.Refused)
		case f.Tenant == "" || f.User == "":
			c.err = refuse("a session without a tenant or a user")
		default:
			if c.err = expired(f.Identity); c.err == nil {
				c.id = f.Identity
				s.fresh[token] = verified{f.Identity, time.Now()}
			}
		}
		delete(s.calls, token)
		close(c.done)
	}
	s.changes.end()
}

// query looks tokens up; since is for changes.after, and changes.end has to follow.
func (s *Sessions) query(ctx context.Context, tokens []string) (found map[string]Found, since uint64, err error) {
	s.mu.Lock()
	since = s.changes.begin()
	s.mu.Unlock()
	s.lookedUp.queries.Add(1)
	s.lookedUp.tokens.Add(uint64(len(tokens)))
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	found, err = s.cfg.Source.Find(ctx, tokens)
	tenant := ""
	for token, f := range found {
		if f.Tenant == tenant { // one text for many streams
			f.Tenant = tenant
		}
		tenant, f.Session = f.Tenant, Name(token)
		found[token] = f
	}
	return found, since, err
}

// forget drops answers that are not good any more, when there are enough of them to be worth it. It needs the lock.
func (s *Sessions) forget(now time.Time) {
	if len(s.fresh) >= tokensAtATime {
		s.forgetOld(now)
	}
}

func (s *Sessions) forgetOld(now time.Time) {
	for token, v := range s.fresh {
		if now.Sub(v.at) >= s.cfg.Fresh {
			delete(s.fresh, token)
		}
	}
}

// tidy drops what a crowd has left behind: a map never shrinks by itself. It needs the lock.
func (s *Sessions) tidy(now time.Time) {
	if s.forgetOld(now); len(s.fresh) == 0 {
		s.fresh = map[string]verified{}
	}
	if len(s.calls) == 0 {
		s.calls = map[string]*call{}
	}
	if len(s.due) == 0 {
		s.due = map[string]struct{}{}
	}
	if len(s.queue) == 0 {
		s.queue = nil
	}
}
