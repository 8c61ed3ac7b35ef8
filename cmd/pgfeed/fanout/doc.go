// Package fanout measures what a gateway spends on its streams: CPU for each delivery, deliveries when saturated, latency,
// connecting, memory.
//
// A gateway is measured in turns with the floor: a process of its own that does nothing but write(2) the same bytes to as many
// sockets, which is what no server on this kernel can do without. Both are separate processes, so that their CPU time and memory are
// theirs alone; the crowd of subscribers is in this one, on one thread. Events reach the gateway from Postgres, each as an INSERT, and
// the floor by a pipe. Every subscriber counts what it gets, so that a delivery that is missing or doubled fails the benchmark.
//
// It runs on Linux only.
package fanout
