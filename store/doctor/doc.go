// Package doctor looks for what usually goes wrong between pgfeed and a database, and says how to mend it.
//
// Examine only reads: it changes no table and leaves nothing behind. It sends one notification, on a channel of its own.
// Every check has a time limit, and one that can't be made is a warning, not the end of the others. Each is made with the
// rights that the role of the URL has: run it with the one that the gateway has.
package doctor
