package sse

import (
	"strconv"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// AppendMessage appends a message as a frame. Its data is one line by contract (gateway.Event.Envelope); a name and a cursor
// hold no line breaks. A message without a name sets the client's last event id and nothing else.
func AppendMessage(buf []byte, m gateway.Message) []byte {
	if m.Name == "" && m.Cursor == "" {
		return buf
	}
	if m.Name != "" {
		buf = append(buf, "event: "...)
		buf = append(buf, m.Name...)
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

// AppendRetry appends the line that says after which time a client reconnects, in whole milliseconds. It stands in a frame, or
// before a blank line.
func AppendRetry(buf []byte, d time.Duration) []byte {
	buf = append(buf, "retry: "...)
	buf = strconv.AppendInt(buf, d.Milliseconds(), 10)
	return append(buf, '\n')
}

// keepAlive is a comment: it keeps proxies from cutting a silent connection, and scripts don't see it.
const keepAlive = ": keep-alive\n\n"
