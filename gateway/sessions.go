package gateway

import (
	"maps"
	"slices"
)

// sessionIndex finds the subscribers of a session: the first of each, which are linked. The hub's lock guards it.
type sessionIndex map[string]*Subscriber

// add also gives the subscriber its identity: that of its session's other streams where they are the same.
func (x sessionIndex) add(s *Subscriber, id Identity) {
	next := x[id.Session]
	if next != nil && *next.Identity == id {
		s.Identity = next.Identity
	} else {
		id.Tenant = s.feed.tenant // one text for all
		s.Identity = &id
	}
	if s.nextOfSession = next; next != nil {
		next.previousOfSession = s
	}
	x[s.Identity.Session] = s
}

func (x sessionIndex) remove(s *Subscriber) {
	previous, next := s.previousOfSession, s.nextOfSession
	if next != nil {
		next.previousOfSession = previous
	}
	switch {
	case previous != nil:
		previous.nextOfSession = next
	case next != nil:
		x[s.Identity.Session] = next
	default:
		delete(x, s.Identity.Session)
	}
	s.previousOfSession, s.nextOfSession = nil, nil
}

// Sessions names the sessions that have open streams here, in no order.
func (h *Hub) Sessions() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.AppendSeq(make([]string, 0, len(h.sessions)), maps.Keys(h.sessions))
}

// CloseSession ends the streams of a session and gives how many there were. Its cost doesn't depend on other sessions.
func (h *Hub) CloseSession(session string, reason CloseReason) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for s := h.sessions[session]; s != nil; s = s.nextOfSession {
		s.Close(reason)
		n++
	}
	return n
}
