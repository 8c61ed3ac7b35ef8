package gateway

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// AppendFrame appends a message as a frame of an event stream (WHATWG HTML, section 9.2). Its data is one line by contract
// (Event.Envelope), and a cursor has no line breaks; a name that had some would be a way to forge frames, so what follows them is
// left out. A message without a name sets the client's last event id and nothing else.
func AppendFrame(buf []byte, m Message) []byte {
	if m.Name == "" && m.Cursor == "" {
		return buf
	}
	return append(appendID(appendBody(buf, m), m.Cursor), '\n')
}

// appendBody appends the lines of a frame before its id. The id comes last because it is the only part that can differ
// between subscribers.
func appendBody(buf []byte, m Message) []byte {
	if m.Name == "" {
		return buf
	}
	buf = append(buf, "event: "...)
	buf = append(buf, line(m.Name)...)
	buf = append(buf, "\ndata: "...)
	buf = append(buf, m.Data...)
	return append(buf, '\n')
}

func appendID(buf []byte, cursor string) []byte {
	if cursor == "" {
		return buf
	}
	buf = append(buf, "id: "...)
	buf = append(buf, cursor...)
	return append(buf, '\n')
}

// line is the part of a text before the first character that ends a line, or that no line of a stream has.
func line(text string) string {
	if end := strings.IndexAny(text, "\r\n\x00"); end >= 0 {
		return text[:end]
	}
	return text
}

// AppendRetry appends the line that says after which time a client reconnects, in whole milliseconds. It stands in a frame, or
// before a blank line.
func AppendRetry(buf []byte, d time.Duration) []byte {
	buf = append(buf, "retry: "...)
	buf = strconv.AppendInt(buf, d.Milliseconds(), 10)
	return append(buf, '\n')
}

// AppendBye appends a stream's last frame.
func AppendBye(buf []byte, reason CloseReason) []byte {
	return AppendFrame(buf, Message{Name: MessageBye, Data: reasonData(reason)})
}

// ReadFrames calls each for every frame in what AppendFrame has written. The messages point into frames.
func ReadFrames(frames []byte, each func(Message) error) error {
	var m Message
	for len(frames) > 0 {
		text, rest, ended := bytes.Cut(frames, []byte{'\n'})
		if !ended {
			return fmt.Errorf("frames end within the line %q", text)
		}
		if frames = rest; len(text) == 0 {
			if err := each(m); err != nil {
				return err
			}
			m = Message{}
			continue
		}
		name, value, _ := bytes.Cut(text, []byte(": "))
		switch string(name) {
		case "event":
			m.Name = string(value)
		case "data":
			m.Data = value
		case "id":
			m.Cursor = string(value)
		}
	}
	return nil
}
