package gateway

import (
	"testing"
	"time"
)

func TestHintsGoOffWhenManyWriteAndStayOffUntilHalfAsManyDo(t *testing.T) {
	p := newPace(100)
	now := time.Unix(1000, 0)
	lease := time.Time{} // until when hints are off
	second := func(transactions int) (extended bool) {
		for range 2 {
			now = now.Add(paceWindow)
			for n := range transactions / 2 {
				p.row(uint64(n)) //nolint:gosec // small
				p.row(uint64(n)) //nolint:gosec // small
			}
			if p.read(now, Position{Busy: max(lease.Sub(now), 0), Hints: true}) {
				extended, lease = true, now.Add(busyLease)
				p.busyUntil = lease
			}
		}
		return extended
	}
	for _, step := range []struct {
		transactions int
		seconds      int
		busy         bool
	}{
		{0, 3, false}, {98, 5, false}, {120, 10, true}, {60, 10, true}, {40, 10, false}, {98, 5, false}, {5000, 1, true}, {0, 10, false},
	} {
		for range step.seconds {
			second(step.transactions)
		}
		if busy := now.Before(lease); busy != step.busy {
			t.Fatalf("after %d s of %d transactions a second: hints off %v, want %v", step.seconds, step.transactions, busy, step.busy)
		}
		want := 2 * time.Second
		if step.busy {
			want = busyEvery
		}
		if got := p.next(now, 2*time.Second); got != want {
			t.Errorf("then the next reading is in %v, want %v", got, want)
		}
	}
}

func TestAfterALeaseTheLogIsReadOftenForAWhile(t *testing.T) {
	p := newPace(100)
	now := time.Unix(1000, 0)
	p.busyUntil = now
	if got := p.next(now, 2*time.Second); got != lingering {
		t.Errorf("right after the lease: %v", got)
	}
	if got := p.next(now.Add(lingerFor), 2*time.Second); got != 2*time.Second {
		t.Errorf("later: %v", got)
	}
}

func TestWhereNoHintsAreSentTheLogIsReadOftener(t *testing.T) {
	p := newPace(100)
	p.read(time.Unix(1000, 0), Position{Hints: false})
	if got := p.next(time.Unix(1000, 0), 2*time.Second); got != unhinted {
		t.Errorf("%v", got)
	}
}
