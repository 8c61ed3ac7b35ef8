package gateway

import (
	"slices"
	"strings"
)

// topicSet is what a subscriber wants. Subscribers that want the same share one.
type topicSet struct{ names []string }

func (t *topicSet) has(topic string) bool { return slices.Contains(t.names, topic) }

// topicSets are those in use, by their sorted names. The hub's lock guards it.
type topicSets map[string]*topicSet

func (x topicSets) get(names []string) *topicSet {
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	key := strings.Join(sorted, "\x00")
	if x[key] == nil {
		x[key] = &topicSet{sorted}
	}
	return x[key]
}
