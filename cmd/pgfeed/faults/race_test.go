//go:build race

package faults_test

// raced builds the gateways with the race detector where the tests have it.
const raced = true
