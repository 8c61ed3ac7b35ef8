package gateway

import (
	"testing"
	"time"
)

func TestHintsGoOffWhenManyWriteAndStayOffUntilHalfAsManyDo(t *testing.T) {
	p := newPace(100)
	now := time.Unix(1000, 0)
	lease := time.Time{} // until when hints are off
	at := Position{Hints: true}
	p.read(now, at)
	second := func(transactions int) (extended bool) {
		for range 2 {
			now = now.Add(paceWindow)
			at.Written += int64(transactions) * numbersPerRow // two rows in each
			at.Snapshot.Xmax += uint64(transactions / 2)      //nolint:gosec // small
			at.Busy = max(lease.Sub(now), 0)
			if p.read(now, at) {
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
		{0, 3, false}, {98, 5, false}, {120, 10, true}, {60, 10, true}, {40, 10, false}, {98, 5, false}, {5000, 1, true}, {0, 2, true}, {0, 8, false},
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
			if step.transactions < 50 {
				want = calmEvery
			}
		}
		if got := p.next(now, 2*time.Second); got != want {
			t.Errorf("then the next reading is in %v, want %v", got, want)
		}
	}
}

func TestTransactionsThatWriteElsewhereDontSwitchHintsOff(t *testing.T) {
	p := newPace(100)
	at := Position{Hints: true}
	now := time.Unix(1000, 0)
	p.read(now, at)
	at.Snapshot.Xmax, at.Written = 5000, 90*numbersPerRow
	if p.read(now.Add(time.Second), at) {
		t.Error("90 rows of the log switch hints off, beside 5000 transactions")
	}
}

func TestALeaseIsKeptWhileAReadingTakesLongerThanIt(t *testing.T) {
	p := newPace(100)
	begun := time.Unix(1000, 0)
	p.busyUntil = begun.Add(busyLease)
	for _, step := range []struct {
		after, left time.Duration
		want        bool
	}{
		{paceWindow / 2, busyLease / 2, false}, // an ordinary reading
		{2 * time.Second, busyLease / 2, true},
		{2 * time.Second, busyLease, false}, // somebody has just extended it
		{2 * time.Second, 0, false},         // it has run out: are they still many?
	} {
		now := begun.Add(step.after)
		p.busyUntil = now.Add(step.left)
		if got := p.behind(begun, now); got != step.want {
			t.Errorf("after %v, with %v left: %v", step.after, step.left, got)
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
