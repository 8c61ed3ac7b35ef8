package gateway

import (
	"context"
	"slices"
	"testing"
)

func TestClosingASessionEndsItsStreamsAndNoOthers(t *testing.T) {
	m := newModel(1)
	m.depth = 9
	hub := m.gateways[0].hub
	released := map[string]int{}
	join := func(name, session string) *Subscriber {
		s, err := hub.Join(context.Background(), Request{
			Identity: Identity{Tenant: "t", User: name, Session: session}, Topics: []string{TopicActivity},
			Release: func() { released[name]++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	all := map[string]*Subscriber{"a1": join("a1", "a"), "a2": join("a2", "a"), "a3": join("a3", "a"), "b1": join("b1", "b")}
	if sessions := hub.Sessions(); len(sessions) != 2 || !slices.Contains(sessions, "a") || !slices.Contains(sessions, "b") {
		t.Errorf("sessions %v", sessions)
	}
	all["a2"].Leave()
	all["a2"].Leave()
	if n := hub.CloseSession("a", CloseSession); n != 2 {
		t.Errorf("closed %d streams", n)
	}
	for name, s := range all {
		s.Alone()
		closed := s.Take(&Round{}).Close
		if want := name == "a1" || name == "a3"; want != (closed == CloseSession) {
			t.Errorf("%s was closed: %q", name, closed)
		}
		s.Leave()
		if released[name] != 1 {
			t.Errorf("%s was released %d times", name, released[name])
		}
	}
	if left := hub.Sessions(); len(left) != 0 {
		t.Errorf("sessions left: %v", left)
	}
	hub.draining = true
	if _, err := hub.Join(context.Background(), Request{Release: func() { released["refused"]++ }}); err == nil || released["refused"] != 1 {
		t.Errorf("a join that fails: %v, released %d times", err, released["refused"])
	}
}
