package fanout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// A crowd on the floor gets what its group is sent, and says so when something is missing.
func TestACrowdCountsWhatTheFloorWrites(t *testing.T) {
	in, publish, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Floor(in, w) }()
	f := &floorProcess{in: publish}
	if err := json.NewDecoder(out).Decode(&f.addr); err != nil {
		t.Fatal(err)
	}
	group := func(i int) int { return i % 2 }
	c, _, err := connect(t.Context(), f.addr, hello, 50, 0, func(i int) []byte { return fmt.Appendf(nil, "GET /%d HTTP/1.1\r\n\r\n", group(i)) })
	if err != nil {
		t.Fatal(err)
	}
	sent := make([]tally, 2)
	for n := range 300 {
		if err := f.publish(group(n), []byte("data: "+mark(n, time.Now())+"\n\n")); err != nil {
			t.Fatal(err)
		}
		sent[group(n)].add(n)
	}
	if err := errors.Join(c.await(t.Context(), 150*50, time.Minute), c.close(), c.check(group, sent)); err != nil {
		t.Error(err)
	}
	sent[1].add(1)
	if c.check(group, sent) == nil {
		t.Error("an event that is missing isn't noticed")
	}
	if err := errors.Join(publish.Close(), <-ended); err != nil {
		t.Error(err)
	}
}
