package ssetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Parse reads a stream's bytes as strictly as they should be written, and more strictly than browsers read (WHATWG HTML,
// "Interpreting an event stream"): an error for any field that is none of ours, that comes twice in a frame, or that holds a
// carriage return or NUL, and for bytes behind the last frame.
func Parse(stream []byte) ([]Frame, error) {
	var frames []Frame
	var f Frame
	seen := map[string]bool{}
	for len(stream) > 0 {
		end := bytes.IndexByte(stream, '\n')
		if end < 0 {
			return nil, fmt.Errorf("%q is no whole line", stream)
		}
		line := string(stream[:end])
		stream = stream[end+1:]
		if strings.ContainsAny(line, "\r\x00") {
			return nil, fmt.Errorf("line %q ends where it shouldn't", line)
		}
		if line == "" {
			if len(seen) == 0 {
				return nil, errors.New("an empty frame")
			}
			if !seen["event"] && seen["data"] {
				return nil, errors.New("data without an event")
			}
			frames = append(frames, f)
			f = Frame{}
			clear(seen)
			continue
		}
		name, value, found := strings.Cut(line, ":")
		value, space := strings.CutPrefix(value, " ")
		if !found || !space || seen[name] {
			return nil, fmt.Errorf("line %q", line)
		}
		seen[name] = true
		switch name {
		case "":
			f.Comment = value
		case "event":
			f.Event = value
		case "id":
			f.ID = value
		case "data":
			f.Data = value
		case "retry":
			f.Retry = value
		default:
			return nil, fmt.Errorf("field %q", name)
		}
	}
	if len(seen) > 0 {
		return nil, errors.New("the last frame isn't ended")
	}
	return frames, nil
}
