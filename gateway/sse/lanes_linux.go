package sse

import "github.com/pgfeed/pgfeed/gateway"

// lanes are those with something to take, in turn.
type lanes struct {
	list []*gateway.Lane
	head int // before it they have been taken
}

func (l *lanes) len() int { return len(l.list) - l.head }

func (l *lanes) push(more ...*gateway.Lane) {
	switch {
	case l.head == len(l.list):
		l.list, l.head = small(l.list), 0
	case l.head >= 1024 && 2*l.head >= len(l.list): // a writer that always has something to do would have it grow for ever
		n := copy(l.list, l.list[l.head:])
		clear(l.list[n:])
		l.list, l.head = l.list[:n], 0
	}
	l.list = append(l.list, more...)
}

func (l *lanes) pop() *gateway.Lane {
	first := l.list[l.head]
	l.list[l.head] = nil
	l.head++
	return first
}
