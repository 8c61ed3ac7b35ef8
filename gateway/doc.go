// Package gateway is the domain of pgfeed: events, cursors, feeds and the hub that joins them. It knows neither Postgres
// nor HTTP; package store feeds it, packages sse and httpapi serve from it.
//
// What it promises:
//
//   - An event that the log holds for a tenant is queued for every subscriber of that tenant that joined before the event
//     committed, or that resumes from a cursor which can't see it. Hints only make that sooner; Hub.Run reads the log since
//     the hub's own cursor shortly after hints, at least every Config.ReconcileEvery, and at once after Hub.Wake.
//   - An event is queued at most once per subscriber. A client that resumes may be sent again what it got in frames without
//     an id; it drops those by event id.
//   - Events that one reading of the log brings are queued in the order of their sequence numbers. Concurrent transactions
//     have no order beyond that.
//   - Nothing in here waits for a subscriber: one that lets more than Config.MaxPending bytes queue up is closed as slow.
//   - Hub.Run ends when its context does; it starts no goroutine that outlives it. Subscribers are closed by whoever joined
//     them, by Hub.Drain, or for slowness.
package gateway
