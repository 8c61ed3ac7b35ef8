// Package store is pgfeed's side of Postgres: the log, the listener for hints, notifications, sessions and migrations.
//
// Every call takes its time limit from its context. Log and the REST queries use the pool; Listener keeps one connection of
// its own. Nothing in here retries a query: the hub does, on its next reading, and a REST caller is told.
package store
