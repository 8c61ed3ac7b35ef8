// Package pgserver runs a PostgreSQL server of our own, for the demo and for tests.
//
// It promises:
//   - The server listens on 127.0.0.1 alone, without passwords, and on no Unix socket. Whoever can log in to this
//     machine can use it: never point it at data that matters.
//   - Start returns when the server accepts connections, or an error that ends with what the server logged.
//   - A server doesn't outlive the process that started it, however that ends (Linux; elsewhere unless it is killed
//     outright). Leftovers of a process that was killed don't keep the next Start from working.
//   - Stop, Crash and Restart return after the server process has gone. They may be called from any goroutine, and run
//     one at a time.
//
// It looks for installed programs first (Find). Open downloads them when there are none.
package pgserver
