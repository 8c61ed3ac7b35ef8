package drain

import "time"

// Options of a rolling restart. All are required but DatabaseURL.
type Options struct {
	Program     string // the pgfeed binary
	DatabaseURL string // a migrated database; empty: a server of its own
	Gateways    int
	Subscribers int // in all
	Tenants     int
	Rate        int           // transactions per second
	Window      time.Duration // over which each gateway closes its streams
	Grace       time.Duration // after which a gateway that hasn't ended is killed
	Pause       time.Duration // between two gateways, as readiness checks and rollouts have
}
