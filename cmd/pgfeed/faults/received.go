package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// bits is a set of small numbers.
type bits []uint64

// add reports whether n is new.
func (b *bits) add(n int64) bool {
	at, bit := int(n/64), uint64(1)<<(n%64)
	for at >= len(*b) {
		*b = append(*b, make(bits, max(at+1-len(*b), len(*b)/4))...)
	}
	if (*b)[at]&bit != 0 {
		return false
	}
	(*b)[at] |= bit
	return true
}

func (b bits) has(n int64) bool {
	at := int(n / 64)
	return at < len(b) && b[at]&(1<<(n%64)) != 0
}

// Topics that subscribers keep apart: each has a table with ids of its own.
const (
	activity = iota
	notification
	topics
)

// received is what a client has, and how it came.
type received struct {
	events bits         // event ids: what comes twice is dropped, as the client library does
	rows   [topics]bits // ids of the rows
	number int64        // of rows

	again   int64    // events that came more than once on the wire
	doubled []string // rows that came under two event ids, or were sent to the wrong tenant or user: never to happen
}

type envelope struct {
	Type, Event string
	ID          int64 `json:"id,string"`
	Timestamp   time.Time
	Data        struct {
		ID       int64  `json:"id"`
		TenantID string `json:"tenantId"`
		UserID   string `json:"userId"`
	}
}

// add takes an event and gives the time it was made, or none where it isn't new.
func (r *received) add(data []byte, tenant, user string) (time.Time, error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return time.Time{}, fmt.Errorf("event %.200q: %w", data, err)
	}
	topic := activity
	switch e.Event {
	case "activity:new":
	case "notification:new":
		topic = notification
	default:
		return time.Time{}, nil
	}
	if !r.events.add(e.ID) {
		r.again++
		return time.Time{}, nil
	}
	if e.Data.TenantID != tenant || topic == notification && e.Data.UserID != user {
		r.doubled = append(r.doubled, fmt.Sprintf("%s %d of %s/%s", e.Type, e.Data.ID, e.Data.TenantID, e.Data.UserID))
	}
	if !r.rows[topic].add(e.Data.ID) {
		r.doubled = append(r.doubled, fmt.Sprintf("%s %d under event id %d", e.Type, e.Data.ID, e.ID))
	}
	r.number++
	return e.Timestamp, nil
}
