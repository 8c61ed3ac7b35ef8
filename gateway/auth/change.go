package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ChangesChannel is the Postgres channel on which changes of sessions are reported (pgfeed.on_session_change).
const ChangesChannel = "pgfeed_sessions"

// Change is what a notification says: these sessions, or those of these users, may have changed. It holds hashes, so that
// whoever listens learns no token.
type Change struct {
	All      bool
	Sessions []string
	Users    []string
}

// ParseChange reads a payload: "session NAME …", "user NAME …". Anything else means that anything may have changed, which
// costs a lookup and never misses one.
func ParseChange(payload string) Change {
	kind, rest, _ := strings.Cut(payload, " ")
	names := strings.Fields(rest)
	if len(names) == 0 {
		return Change{All: true}
	}
	for _, name := range names {
		if raw, err := hex.DecodeString(name); err != nil || len(raw) != 8 {
			return Change{All: true}
		}
	}
	switch kind {
	case "session":
		return Change{Sessions: names}
	case "user":
		return Change{Users: names}
	}
	return Change{All: true}
}

// UserName is how a Change names a user.
func UserName(user string) string {
	hash := sha256.Sum256([]byte(user))
	return hex.EncodeToString(hash[:8])
}

// changes remembers what changed while queries are under way: their answers may be older. Its owner's lock guards it.
type changes struct {
	clock    uint64
	queries  int
	all      uint64
	sessions map[string]uint64
	users    map[string]uint64
}

// begin starts a query and gives the time for after.
func (c *changes) begin() uint64 {
	c.queries++
	return c.clock
}

// end ends a query. When none is left, nobody asks for what changed before.
func (c *changes) end() {
	if c.queries--; c.queries == 0 {
		c.sessions, c.users = nil, nil
	}
}

func (c *changes) note(change Change) {
	c.clock++
	if c.queries == 0 {
		return
	}
	const most = 10_000 // notes; past it the answers of all queries are asked for again
	if change.All || len(c.sessions)+len(c.users) > most {
		c.all, c.sessions, c.users = c.clock, nil, nil
		return
	}
	if c.sessions == nil {
		c.sessions, c.users = map[string]uint64{}, map[string]uint64{}
	}
	for _, name := range change.Sessions {
		c.sessions[name] = c.clock
	}
	for _, name := range change.Users {
		c.users[name] = c.clock
	}
}

// after reports whether a session or its user changed after a query began.
func (c *changes) after(began uint64, session, user string) bool {
	return c.all > began || c.sessions[session] > began || len(c.users) > 0 && c.users[UserName(user)] > began
}
