// Package sse serves event streams (WHATWG HTML, section 9.2) over the connections that carry them.
//
// An Engine serves each stream in one of two ways, which pass the same tests. Both take bytes from gateway, where a tenant's recent
// frames lie, encoded once, in one ring; both read what a client has missed on the goroutine of its request, before anything live.
//
// # The plain way
//
// HTTP/1 without TLS, on Linux, over a *net.TCPConn that ConnContext has seen. An idle stream holds no goroutine, no buffer and nothing
// in the runtime's poller: a conn of 48 bytes, a gateway.Subscriber, and what the kernel has.
//
// Who owns the descriptor:
//
//   - net/http, until the handler calls Serve. The descriptor is copied then; where none is left the answer is 503, and nothing has been
//     taken over.
//   - The handler's goroutine, while it writes the header, hello and the replay through the hijacked net.Conn. Each write may block
//     for WriteTimeout, or for half a second once the stream is closed. Then the original is closed; the copy stays, and the runtime knows
//     nothing of it.
//   - One writer, from adopt on. Its goroutine alone writes to the descriptor and closes it, so there are no locks around either, and
//     no write can reach a number that the kernel has given to somebody else.
//
// A writer has two goroutines, and there are as many writers as processors. One waits: it asks an epoll instance, which itself is waited
// for by the runtime's poller, what happened to connections, and passes it on. The other works: it sleeps on a channel until a feed has
// something, a connection arrived or something happened to one, or a tick passes. Nothing that it does blocks: sockets are non-blocking,
// and the feed's lock is held, by everyone, for microseconds. It takes a lane (the subscribers of one feed that it serves) 64 subscribers
// at a time, writes to them without the lock, and goes on with the next lane after 256, so that a large tenant doesn't hold up small ones.
//
// An event alone is written at once. Those that come while a round is under way are in the ring when the round gets to the next
// subscriber, and leave together, in one write; that is all that batching is.
//
// # Order, and sockets that are full
//
// A subscriber is a position in the ring, and its bytes are those from there on, in order. Where a socket takes a part only, the position
// goes back to the first byte that it didn't take, which may be in the middle of a frame, and the subscriber is passed over until epoll
// says that there is room. It costs no memory meanwhile, as the ring is there for all. The rare bytes that are not the ring's as they lie
// there (frames for one user left out, ids of one who has just resumed, a ping) are kept for the connection: 256 kB at most, or one frame.
// When the ring has moved past a subscriber it is slow: bye, if it isn't in the middle of a frame, and closed. The same goes for one
// whose socket has been full for WriteTimeout when the wheel comes by.
//
// # Silence
//
// A wheel of ticks knows when each connection will have been silent for KeepAlive or without a frame for Heartbeat. Writing an event
// touches only the connection's own two numbers; when the wheel comes by and finds that something was written, it puts the connection into
// a later slot. Times are shortened by up to an eighth, differently for each, so that those who got the same event don't all need a
// comment at once. A ping that will soon be due is written where a comment is, instead of both. Pings of one sweep for one tenant are the
// same bytes.
//
// # Peers that go
//
// A peer that closes, resets, or closes its half is gone at once (EPOLLRDHUP; net/http sees it so too). One that vanished without a word
// is given up when it hasn't acknowledged what it was written for twice WriteTimeout (TCP_USER_TIMEOUT): after the next event or ping.
// What a client sends behind its request is read and dropped; 64 kB at once is the end.
//
// # The portable way
//
// TLS, HTTP/2, and everything else: one goroutine for each stream, which waits for a signal of its subscriber and writes through
// http.ResponseController with a deadline of WriteTimeout. It returns when the peer is gone, the subscriber was closed and its bye is
// written, or the request's context ends. On Linux, a connection that ConnContext has seen has the same limit on what isn't acknowledged.
//
// # The end
//
// Close waits for requests that are being taken over, lets writers write what there is to write, closes what is left, and waits for all
// goroutines. Every subscriber that was handed to Serve has left then.
package sse
