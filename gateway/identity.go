package gateway

import "time"

// Identity is who a request speaks for.
type Identity struct {
	Tenant  string
	User    string
	Session string    // names the session in logs and revocations; never the token itself
	Expiry  time.Time // zero: never
}
