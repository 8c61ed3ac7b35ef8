package gateway

import "sync"

// Floors finds the Floor of snapshots, for a Log, from what each of its statements tells beside the snapshot: the last sequence number
// that was drawn, and the next xid to be given out. An event's xid is given out before its number is drawn. So if n was the last number when
// xid x was still to be given out, events of x and of all later transactions have greater ones: n is a floor for every snapshot whose
// Xmax is x or more. The number that comes with a snapshot isn't its floor: Xmax is one past the newest transaction that has
// ended, and those above may have drawn numbers already.
type Floors struct {
	mu      sync.Mutex
	of      history
	written int64 // last number drawn, by the latest answer
	proven  floor // of the latest snapshot
	pending floor // what will be, once a snapshot has come so far
}

// history is what sequence numbers and xids go up within. After a crash both may be given out again.
type history struct{ epoch, boot int64 }

type floor struct {
	seq  int64
	next uint64 // transactions from here on draw greater ones; 0: there is no floor
}

// Asked is what was known before a statement was sent.
type Asked struct {
	of      history
	written int64
}

// Ask is called before a statement is sent.
func (f *Floors) Ask() Asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Asked{f.of, f.written}
}

// Answer takes the position that the statement has given, with its Epoch and Written, and sets the Floor of its snapshot. next is the xid that
// was the next one to be given out at some time since Ask; 0: it isn't known.
func (f *Floors) Answer(asked Asked, p *Position, next uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if of := (history{p.Epoch, p.Snapshot.Boot}); of != f.of || asked.of == of && p.Written < asked.written { // the latter can't be
		f.of, f.proven, f.pending = of, floor{}, floor{}
	}
	f.written = p.Written
	if f.pending.next == 0 && next != 0 && asked.of == f.of {
		f.pending = floor{asked.written, next}
	}
	if f.pending.next != 0 && f.pending.next <= p.Snapshot.Xmax {
		f.proven, f.pending = f.pending, floor{}
	}
	if f.proven.next != 0 && f.proven.next <= p.Snapshot.Xmax {
		p.Snapshot.Floor = f.proven.seq
	}
}
