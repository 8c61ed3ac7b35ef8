package demodata

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
)

//go:embed payloads.json.gz
var payloads []byte

// Item is one webhook call: the event's name and the body as GitHub sent it, without insignificant white space.
type Item struct {
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
}

// Load gives all items, always in the same order: grouped by event. The caller may keep and change them.
func Load() ([]Item, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(payloads))
	if err != nil {
		return nil, fmt.Errorf("demo data: %w", err)
	}
	list, err := io.ReadAll(unzipped)
	if err != nil {
		return nil, fmt.Errorf("demo data: %w", err)
	}
	var items []Item
	if err := json.Unmarshal(list, &items); err != nil {
		return nil, fmt.Errorf("demo data: %w", err)
	}
	return items, nil
}
