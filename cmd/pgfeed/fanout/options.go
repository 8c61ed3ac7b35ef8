package fanout

import "time"

// Options of a run. All are required but DatabaseURL and Gateway.
type Options struct {
	Program     string // a pgfeed binary, for the gateway and the floor
	DatabaseURL string // migrated; empty: a PostgreSQL of its own
	Gateway     []string
	Modes       []string
	Subscribers int
	Rounds      int
	Duration    time.Duration // of publishing, in each round
	Size        int           // of an event's text, in bytes
}

// Modes are what Run can measure.
func Modes() []string {
	return []string{"tenant", "tenants", "burst", "saturated", "connect", "stuck"}
}

// OthersOptions of RunOthers. All are required but DatabaseURL, Gateway and Modes, which are not used.
type OthersOptions struct {
	Options
	Servers []string
	Settle  time.Duration // in which a server gives back what connecting took, before its memory is measured
}

// Servers are what RunOthers can measure.
func Servers() []string { return []string{"centrifugo", "nchan"} }

// IdleOptions of RunIdle. All are required but DatabaseURL and Gateway.
type IdleOptions struct {
	Program     string
	DatabaseURL string
	Gateway     []string
	Subscribers []int
	Tenants     int
	Duration    time.Duration // of watching the CPU, for each number of subscribers
	Plot        string        // file for an SVG; empty: none
}
