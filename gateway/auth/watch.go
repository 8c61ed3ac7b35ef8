package auth

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// Changed takes what a notification said. It doesn't block.
func (s *Sessions) Changed(payload string) {
	change := ParseChange(payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes.note(change)
	if change.All || len(change.Users) > 0 {
		clear(s.fresh) // users aren't looked for in a memory of one second
	}
	for _, name := range change.Sessions {
		if h := s.held[name]; h != nil {
			s.due[name] = struct{}{}
		}
	}
	if len(change.Sessions) > 0 {
		for token := range s.fresh {
			if slices.Contains(change.Sessions, s.fresh[token].id.Session) {
				delete(s.fresh, token)
			}
		}
	}
	if change.All || len(change.Users) > 0 {
		for name, h := range s.held {
			if change.All || slices.Contains(change.Users, UserName(h.id.User)) {
				s.due[name] = struct{}{}
			}
		}
	}
	if len(s.due) > 0 {
		signal(s.poke)
	}
}

// Missed says that changes may not have been reported: the listener was away.
func (s *Sessions) Missed() { s.Changed("all") }

// beforeExpiry is how long before its end a session is looked up once more: an application that extends sessions has done
// so by then, and its streams go on.
const beforeExpiry = 2 * time.Second

// askAgain is after what time the database is asked again whether changes are reported, where they were not.
const askAgain = 10 * time.Second

// watch looks up again the sessions that have open streams, and closes those that don't hold any more. It may wait for the database.
func (s *Sessions) watch(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Fresh)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.markDue(ctx, time.Now())
		case <-s.poke:
		}
		for sessions, tokens := s.takeDue(); len(tokens) > 0; sessions, tokens = s.takeDue() {
			err := s.check(ctx, sessions, tokens)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				if !failing {
					s.log.Warn("sessions can't be checked: streams go on until their sessions expire", "error", err)
				}
				failing = true
				s.postpone(sessions)
				break // until the next tick
			}
			if failing {
				s.log.Info("sessions are checked again")
			}
			failing = false
		}
	}
}

// markDue notes which sessions have to be looked up again by their age.
func (s *Sessions) markDue(ctx context.Context, now time.Time) {
	s.mu.Lock()
	none := len(s.held) == 0
	s.mu.Unlock()
	if none {
		return
	}
	hears := s.cfg.Hears()
	s.mu.Lock()
	aged := now.Sub(s.checked) >= s.cfg.Recheck
	ask := aged || !s.watched && now.Sub(s.checked) >= askAgain
	all := !s.watched || !hears
	s.mu.Unlock()
	if ask { // somebody may have added the trigger, or taken it away
		ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		watched, err := s.cfg.Source.Watched(ctx)
		cancel()
		s.mu.Lock()
		s.watched, s.checked = watched && err == nil, now
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(now)
	if aged && !all {
		s.rota = slices.Sorted(maps.Keys(s.held)) // in one order, so that each one's turn comes after the same time
		s.share = len(s.rota)/max(int(s.cfg.Recheck/s.cfg.Fresh)-1, 1) + 1
	}
	// Not all at once, which would be a burst of queries, and of garbage, every minute.
	part := min(s.share, len(s.rota))
	for _, name := range s.rota[:part] {
		if s.held[name] != nil {
			s.due[name] = struct{}{}
		}
	}
	if s.rota = s.rota[part:]; len(s.rota) == 0 {
		s.rota = nil
	}
	soon := now.Add(beforeExpiry + s.cfg.Fresh).UnixNano()
	if !all && s.ended == 0 && s.soonest > soon {
		return // there may be as many as streams, and nothing to do for any
	}
	for name, h := range s.held {
		over := h.expiry != 0 && h.expiry <= now.UnixNano() // which needs no look
		if !over && (all || h.closed || h.expiry != 0 && h.expiry < soon) {
			s.due[name] = struct{}{}
		}
	}
}

// expire closes the streams of sessions when they expire. It asks the database nothing, which may be away, or hang.
func (s *Sessions) expire(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Fresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.endExpired(time.Now())
		}
	}
}

func (s *Sessions) endExpired(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.soonest > now.UnixNano() {
		return // there may be as many as streams
	}
	s.soonest = math.MaxInt64
	for name, h := range s.held {
		if h.expiry == 0 {
			continue
		}
		s.soonest = min(s.soonest, h.expiry)
		if h.expiry <= now.UnixNano() {
			s.end(name, h, "it has expired")
		}
	}
}

// takeDue gives the sessions of the next check, with their tokens.
func (s *Sessions) takeDue() (sessions, tokens []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.due {
		delete(s.due, name)
		if h := s.held[name]; h != nil {
			sessions, tokens = append(sessions, name), append(tokens, h.token)
		}
		if len(tokens) == tokensAtATime {
			break
		}
	}
	return sessions, tokens
}

func (s *Sessions) postpone(sessions []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range sessions {
		if s.held[name] != nil {
			s.due[name] = struct{}{}
		}
	}
}

// check looks sessions up and closes those that don't hold any more. Sessions that changed meanwhile are due again, since
// Changed has said so.
func (s *Sessions) check(ctx context.Context, sessions, tokens []string) error {
	found, _, err := s.query(ctx, tokens)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes.end()
	if err != nil {
		return err
	}
	for i, name := range sessions {
		h := s.held[name]
		if h == nil {
			continue
		}
		f, known := found[tokens[i]]
		if !known || f.Refused != "" || !same(f.Identity, h.identity()) || expired(f.Identity) != nil {
			s.end(name, h, reason(known, f, h.identity()))
			continue
		}
		s.expires(h, f.Expiry) // later than it was, where the application extends sessions
	}
	return nil
}

// end closes the streams of a session, and again each time that it is asked: one may just be opening. It needs the lock.
func (s *Sessions) end(name string, h *held, reason string) {
	if !h.closed {
		s.log.Info("session ended", "session", name, "tenant", h.id.Tenant, "user", h.id.User, "reason", reason)
		s.lookedUp.closed.Add(1)
		h.closed = true
		s.ended++
	}
	delete(s.fresh, h.token)
	s.cfg.Close(name)
}

func reason(known bool, f Found, was gateway.Identity) string {
	switch {
	case !known:
		return "it was deleted"
	case f.Refused != "":
		return f.Refused
	case !same(f.Identity, was):
		return "it is another tenant's or user's now"
	}
	return "it has expired"
}
