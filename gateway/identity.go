package gateway

import "time"

// Identity is who a request speaks for.
type Identity struct {
	Tenant  string
	User    string
	Session string    // names the session in logs and revocations; never the token itself
	Expiry  time.Time // zero: never
	// Operator sees the events of every user of the tenant. No verifier sets it: it is for tools that hold the database.
	Operator bool
}
