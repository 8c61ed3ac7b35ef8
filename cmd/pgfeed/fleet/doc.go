// Package fleet starts what benchmarks of several gateways run on: a PostgreSQL of their own or a given database, and gateways as
// processes. What it has started ends with Stop, also when a benchmark is cut off.
package fleet
