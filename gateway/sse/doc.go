// Package sse writes messages as Server-Sent Events (WHATWG HTML, section 9.2) and keeps the connections that carry them.
//
// Serve is the portable path: one goroutine for each connection, a deadline for each write, through the ResponseWriter that
// the server gave. It takes what has queued up in one go and writes it at once, so order is that of the subscriber's queue.
// A peer that doesn't read within WriteTimeout is given up; its subscriber goes on queueing until then, within the hub's
// bound. Serve returns when the peer is gone, the subscriber was closed and its bye is written, or ctx ends.
package sse
