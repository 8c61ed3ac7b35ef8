package sse

import (
	"strconv"
	"strings"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// AppendMessage appends a message as a frame. Its data is one line by contract (gateway.Event.Envelope), and a cursor has no line
// breaks; a name that had some would be a way to forge frames, so what follows them is left out. A message without a name sets the
// client's last event id and nothing else.
func AppendMessage(buf []byte, m gateway.Message) []byte {
	if m.Name == "" && m.Cursor == "" {
		return buf
	}
	if m.Name != "" {
		buf = append(buf, "event: "...)
		buf = append(buf, line(m.Name)...)
		buf = append(buf, '\n')
	}
	if m.Cursor != "" {
		buf = append(buf, "id: "...)
		buf = append(buf, m.Cursor...)
		buf = append(buf, '\n')
	}
	if m.Name != "" {
		buf = append(buf, "data: "...)
		buf = append(buf, m.Data...)
		buf = append(buf, '\n')
	}
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

// keepAlive is a comment: it keeps proxies from cutting a silent connection, and scripts don't see it.
const keepAlive = ": keep-alive\n\n"
