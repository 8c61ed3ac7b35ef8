// Package sse serves event streams (WHATWG HTML, section 9.2) over the connections that carry them.
//
// Plain HTTP/1 connections are taken over from net/http and written to by a few goroutines, without blocking; TLS, HTTP/2 and other
// systems than Linux have one goroutine for each stream, and a deadline for each write.
package sse
