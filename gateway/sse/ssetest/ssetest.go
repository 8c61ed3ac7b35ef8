// Package ssetest reads event streams in tests, frame by frame.
package ssetest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for a frame before it counts as missing: for a machine that is busy, and no measure of anything.
const patience = time.Minute

// Frame is one block of a stream: an event, or what stands between two blank lines.
type Frame struct {
	Event, ID, Data, Retry, Comment string
}

// Stream is an open stream.
type Stream struct {
	Response *http.Response
	// LastID is the id of the newest frame that had one.
	LastID string

	frames chan Frame
	cancel context.CancelFunc
}

// Open connects and fails the test unless the answer is 200. The stream is closed when the test ends.
func Open(t testing.TB, url, token string, header ...string) *Stream {
	t.Helper()
	s, err := Dial(t, url, token, header...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Dial is Open that gives an error for an answer other than 200. Headers are names and values in turn.
func Dial(t testing.TB, url, token string, header ...string) (*Stream, error) {
	t.Helper()
	return DialThrough(t, http.DefaultTransport, url, token, header...)
}

// DialThrough is Dial over a transport of the caller's.
func DialThrough(t testing.TB, transport http.RoundTripper, url, token string, header ...string) (*Stream, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s: %s: %s", url, resp.Status, body)
	}
	s := &Stream{Response: resp, frames: make(chan Frame, 1024), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.read(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s, nil
}

// Close ends the stream from this side.
func (s *Stream) Close() { s.cancel() }

func (s *Stream) read(ctx context.Context) {
	defer close(s.frames)
	defer s.Response.Body.Close() //nolint:errcheck // reading is over
	r := bufio.NewReader(s.Response.Body)
	var f Frame
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			select {
			case s.frames <- f:
			case <-ctx.Done():
				return
			}
			f = Frame{}
		case name == "":
			f.Comment = value
		case name == "event":
			f.Event = value
		case name == "id":
			f.ID = value
		case name == "data":
			f.Data += value
		case name == "retry":
			f.Retry = value
		}
	}
}

// Next is the next frame, or io.EOF when the stream has ended.
func (s *Stream) Next(t testing.TB) (Frame, error) {
	t.Helper()
	select {
	case f, ok := <-s.frames:
		if !ok {
			return f, io.EOF
		}
		if f.ID != "" {
			s.LastID = f.ID
		}
		return f, nil
	case <-time.After(patience):
		t.Fatalf("no frame within %v", patience)
		return Frame{}, nil
	}
}

// Until skips frames until one of the given name, which must come before the stream ends.
func (s *Stream) Until(t testing.TB, event string) Frame {
	t.Helper()
	for {
		f, err := s.Next(t)
		if err != nil {
			t.Fatalf("the stream ended before %q", event)
		}
		if f.Event == event {
			return f
		}
	}
}

// Envelope is an event as it arrives.
type Envelope struct {
	Type, Event, ID string
	Data            json.RawMessage
	Timestamp       time.Time
}

// Event is the next event: hello, pings and frames that only carry an id are passed over.
func (s *Stream) Event(t testing.TB) Envelope {
	t.Helper()
	for {
		f, err := s.Next(t)
		if err != nil {
			t.Fatal("the stream ended before the next event")
		}
		if !strings.Contains(f.Event, ":") {
			if f.Event == "reset" || f.Event == "bye" {
				t.Fatalf("%s %s instead of an event", f.Event, f.Data)
			}
			continue
		}
		var e Envelope
		if err := json.Unmarshal([]byte(f.Data), &e); err != nil {
			t.Fatalf("event %q: %v", f.Data, err)
		}
		if e.Event != f.Event {
			t.Fatalf("frame %q carries event %q", f.Event, e.Event)
		}
		return e
	}
}
