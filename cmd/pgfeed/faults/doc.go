// Package faults runs gateways as processes in front of a real PostgreSQL, with subscribers that hop between them and
// writers that insert, breaks things, and compares what was committed with what arrived. The tests of the delivery
// guarantees and `pgfeed bench soak` are made of it.
//
// What it promises: the truth is read from the application's tables at the end, not from pgfeed's log and not from what
// writers believe (a commit whose answer was lost may have happened). A subscriber does what the client library does: it
// goes on from its last id, drops what it gets twice by event id, and reloads through the list after a reset. Everything that
// is started ends with its context or its Stop.
package faults
