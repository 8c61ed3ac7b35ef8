package replicas

import "time"

// Options of the measurement. All are required.
type Options struct {
	Program  string        // the pgfeed binary
	Counts   []int         // of gateways, in ascending order
	Tenants  int           // and subscribers of each gateway, one of each tenant
	Quiet    int           // inserts per second in quiet mode, where hints bring the events
	Busy     int           // and in busy mode, where gateways read the log; 0: not measured
	Duration time.Duration // of each measurement
	// Settle is how long to wait before an idle system is measured. Servers count transactions up to ten seconds late.
	Settle time.Duration
}
