package demodata

import (
	"bytes"
	"encoding/json"
	"testing"
)

// notifyLimit is what a NOTIFY payload may have in PostgreSQL.
const notifyLimit = 8000

func load(t *testing.T) []Item {
	t.Helper()
	items, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func TestLoadGivesAllPayloadsOfThePackage(t *testing.T) {
	items := load(t)
	large, events := 0, map[string]bool{}
	for n, item := range items {
		events[item.Event] = true
		if len(item.Payload) > notifyLimit {
			large++
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, item.Payload); err != nil {
			t.Fatalf("item %d, %s: %v", n, item.Event, err)
		}
		if !bytes.Equal(compact.Bytes(), item.Payload) {
			t.Errorf("item %d, %s: the payload has insignificant white space", n, item.Event)
		}
	}
	if len(items) != 329 || large != 150 || len(events) != 58 {
		t.Errorf("%d items, %d over %d bytes, %d events; want 329, 150, 58", len(items), large, notifyLimit, len(events))
	}
}

func TestEveryEventHasASentenceOfItsOwn(t *testing.T) {
	for _, item := range load(t) {
		if _, ok := tellings[item.Event]; !ok {
			t.Errorf("%s is told in general words", item.Event)
		}
	}
}
