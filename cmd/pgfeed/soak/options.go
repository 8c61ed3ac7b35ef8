package soak

import (
	"slices"
	"time"
)

// Options of a soak. All are required but DatabaseURL and GatewayFlags.
type Options struct {
	Program      string // the pgfeed binary
	DatabaseURL  string // of a migrated database, with a host; empty: a server of the soak's own, which is crashed now and then
	GatewayFlags []string

	Duration    time.Duration // from when all subscribers are connected
	Gateways    int
	Subscribers int
	Tenants     int
	Rate        int           // transactions per second, about
	FaultEvery  time.Duration // between the end of one fault and the next, about; 0: no faults
	Faults      []string      // which; none: all that the setting allows
	HopEvery    time.Duration // after which a subscriber goes to another gateway, about, as people do who change pages
}

// Kinds are the names of the faults.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// possible gives the kinds that are wanted and can be brought about.
func (o Options) possible() []kind {
	var list []kind
	for _, k := range kinds {
		if (len(o.Faults) == 0 || slices.Contains(o.Faults, k.name)) && (o.DatabaseURL == "" || !k.ownServer) && o.Gateways >= k.gateways {
			list = append(list, k)
		}
	}
	return list
}
