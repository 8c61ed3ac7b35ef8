package sse

import (
	"testing"

	"github.com/pgfeed/pgfeed/gateway"
)

// A writer whose lanes always have something left goes on with them in turn, and its list of them stays as short as they are few.
func TestLanesThatAreNeverDoneTakeTurnsInAShortList(t *testing.T) {
	var l lanes
	turns := make([]gateway.Lane, 3000)
	for i := range turns {
		l.push(&turns[i])
	}
	for n := range 100_000 {
		next := l.pop()
		if next != &turns[n%len(turns)] {
			t.Fatalf("turn %d is another lane's", n)
		}
		l.push(next)
	}
	if l.len() != len(turns) || len(l.list) > 2*len(turns)+1 {
		t.Errorf("%d lanes in a list of %d", l.len(), len(l.list))
	}
}
