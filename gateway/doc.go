// Package gateway is the domain of pgfeed: events, cursors, feeds and the hub that joins them. It knows neither Postgres
// nor HTTP; package store feeds it, packages sse and httpapi serve from it.
//
// What it promises:
//
//   - An event that the log holds for a tenant is there to be taken for every subscriber of that tenant that joined before the event
//     committed, or that resumes from a cursor which can't see it. Hints only make that sooner; Hub.Run reads the log since
//     the hub's own cursor shortly after hints, at least every Config.ReconcileEvery, and at once after Hub.Wake.
//   - An event is taken at most once per subscriber. A client that resumes may be sent again what it got in frames without
//     an id; it drops those by event id.
//   - Events that one reading of the log brings are taken in the order of their sequence numbers. Concurrent transactions
//     have no order beyond that.
//   - Each event is encoded once. A feed keeps its recent frames in one ring of bytes, and a subscriber is a position in it, so
//     that there are no queues; what waits while a writer is busy is taken in one piece.
//   - Nothing in here waits for a subscriber: one that is more than Config.MaxPending bytes behind has fallen out of the ring,
//     and is closed as slow. A reading of the log that brings more than a ring holds waits for writers, not for those who don't
//     read. Whoever doesn't take its replay holds one page of it, and nobody up.
//   - Hub.Run ends when its context does; nothing here starts a goroutine. Subscribers are closed by whoever joined
//     them, by Hub.Drain, at the end of their sessions, or for slowness.
package gateway
