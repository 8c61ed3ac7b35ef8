// Package replicas measures what more gateways cost the one thing that they share: it runs 1, 2, 5, 10 gateways on one PostgreSQL
// and takes, for each number, latency from INSERT to socket, the server's CPU time per event, and what it does when nothing happens.
//
// Every gateway has a subscriber of every tenant, so that every event goes to every gateway: the dearest case for the database.
package replicas
