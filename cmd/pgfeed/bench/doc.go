// Package bench is what pgfeed's benchmarks share: figures with their spread, reports for people and for machines, signs
// of progress, and clean-up that also happens when a benchmark is cut off.
//
// A benchmark compares: it alternates short rounds of one thing and the other within one run, and gives the ratio with its
// spread, because absolute figures say more about the machine than about what was measured. Results go to the report, which
// is printed once, at the end; progress goes to another stream while the benchmark runs.
package bench
