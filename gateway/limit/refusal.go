package limit

import (
	"fmt"
	"time"
)

// Scope is what a limit counts by.
type Scope string

// The scopes of limits.
const (
	User    Scope = "user"
	Tenant  Scope = "tenant"
	Address Scope = "address"
	Total   Scope = "total"
)

// Refusal says which limit was met. It is the client's own doing but for Total, where the gateway is full.
type Refusal struct {
	Scope      Scope
	What       string // what there are too many of
	RetryAfter time.Duration
}

func (r *Refusal) Error() string {
	if r.Scope == Total {
		return "too many " + r.What + " on this gateway"
	}
	return fmt.Sprintf("too many %s of this %s", r.What, r.Scope)
}
