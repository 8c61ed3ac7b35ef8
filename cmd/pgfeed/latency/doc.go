// Package latency measures how long after its commit an event reaches a subscriber: over a stream of a real gateway, beside a bare
// client that LISTENs, for the same transactions, while others write at given rates, from quiet to busy and back. It also says
// whether anything was lost or came twice.
package latency
