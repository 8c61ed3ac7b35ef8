package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Topics that the reference tables publish. Applications may attach tables under other names.
const (
	TopicActivity     = "activity"
	TopicNotification = "notification"
)

// Event is one row of the log.
type Event struct {
	Seq       int64
	Stamp     Stamp
	Tenant    string
	Recipient *string // the only user who may get it; nil: everyone in the tenant
	Topic     string
	Name      string // such as activity:new
	Data      json.RawMessage
	At        time.Time
}

// Envelope is the event as clients get it, whatever the transport: one line of JSON with type, event, id, data and
// timestamp.
func (e Event) Envelope() (json.RawMessage, error) {
	data := e.Data
	if bytes.ContainsAny(data, "\r\n") { // a json column keeps its white space; a frame is one line
		var line bytes.Buffer
		if err := json.Compact(&line, data); err != nil {
			return nil, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		data = line.Bytes()
	}
	buf := make([]byte, 0, len(data)+160)
	buf = append(buf, `{"type":`...)
	buf = appendString(buf, e.Topic)
	buf = append(buf, `,"event":`...)
	buf = appendString(buf, e.Name)
	buf = append(buf, `,"id":"`...)
	buf = strconv.AppendInt(buf, e.Seq, 10)
	buf = append(buf, `","data":`...)
	buf = append(buf, data...)
	buf = append(buf, `,"timestamp":"`...)
	buf = e.At.UTC().AppendFormat(buf, "2006-01-02T15:04:05.000000Z")
	return append(buf, `"}`...), nil
}

// appendString appends s as a JSON string. Marshal can't fail on a string.
func appendString(buf []byte, s string) []byte {
	quoted, _ := json.Marshal(s) //nolint:errchkjson // see above
	return append(buf, quoted...)
}

// Message is what a subscriber is sent: an event's envelope, or a word of the gateway's own.
type Message struct {
	Name   string // the event's name, or one of the names below; empty: the message only carries a cursor
	Data   json.RawMessage
	Cursor string    // where the client stands after it; empty: not said
	At     time.Time // of a live event: when its row was inserted
}

// Names of the messages that are not events.
const (
	MessageHello = "hello"
	MessagePing  = "ping"
	MessageReset = "reset"
	MessageBye   = "bye"
)

// ResetReason says why a subscriber can't be given all that it has missed.
type ResetReason string

// The reasons for a reset.
const (
	ResetExpired  ResetReason = "expired"  // what came after the cursor is no longer kept
	ResetEpoch    ResetReason = "epoch"    // the cursor belongs to another history of the database
	ResetInvalid  ResetReason = "invalid"  // not a cursor of this gateway
	ResetOverflow ResetReason = "overflow" // more was missed than one replay may carry
)

// CloseReason says why a gateway ends a stream.
type CloseReason string

// The reasons for a bye.
const (
	CloseSession CloseReason = "session"
	CloseDrain   CloseReason = "drain"
	CloseSlow    CloseReason = "slow"
)

func reasonData[R ~string](reason R) json.RawMessage {
	return json.RawMessage(append(appendString([]byte(`{"reason":`), string(reason)), '}'))
}

func timestampData(at time.Time) json.RawMessage {
	return append(at.UTC().AppendFormat([]byte(`{"timestamp":"`), "2006-01-02T15:04:05.000Z"), `"}`...)
}
