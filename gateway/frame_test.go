package gateway_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// Whatever an application writes into a row, its frame is one frame, and a client reads what was written.
func FuzzFramesHoldOneEventWhateverIsInIt(f *testing.F) {
	f.Add("activity", "activity:new", `{"a":"line\nbreak"}`, "tenant\nevent: x", int64(1))
	f.Add("activity", "activity:new\n\nevent: bye", "{\"a\":\r\n1,\n\n\"b\":\"\u2028\u2029\u0085\"}", "u", int64(2))
	f.Add("notification", "notification:new\rid: x", "[1,\r2]", "\x00", int64(3))
	f.Add("activity", "activity:new", "\"\xff\xfe\"", "\xff", int64(4))
	f.Add("activity", "activity:new", `{"a":"<img src=x onerror=alert(1)>"}`, "data: x", int64(5))
	f.Add("\u2028", ":", `"]]>\u0000"`, "id: 1\n\n", int64(6))
	f.Fuzz(func(t *testing.T, topic, name, data, user string, seq int64) {
		if !json.Valid([]byte(data)) {
			return // Postgres' type json holds nothing else
		}
		envelope, err := gateway.Event{Seq: seq, Topic: topic, Name: name, Data: json.RawMessage(data), At: time.Unix(seq%1e9, 0)}.Envelope()
		if err != nil {
			t.Fatalf("an event can't be encoded: %v", err)
		}
		hello, err := json.Marshal(map[string]string{"user": user})
		if err != nil {
			t.Fatal(err)
		}
		buf := gateway.AppendRetry(nil, time.Second)
		buf = gateway.AppendFrame(buf, gateway.Message{Name: "hello", Data: hello, Cursor: "one"})
		buf = gateway.AppendFrame(buf, gateway.Message{Name: "x" + name, Data: envelope, Cursor: "two"})
		buf = gateway.AppendFrame(buf, gateway.Message{Name: "ping", Data: json.RawMessage(`{}`), Cursor: "three"})
		frames, err := ssetest.Parse(buf)
		if err != nil {
			t.Fatalf("%q: %v", buf, err)
		}
		if len(frames) != 3 || frames[0].Event != "hello" || frames[2].Event != "ping" || frames[2].ID != "three" {
			t.Fatalf("%q: %d frames %+v", buf, len(frames), frames)
		}
		want, _, _ := strings.Cut(strings.NewReplacer("\r", "\n", "\x00", "\n").Replace("x"+name), "\n")
		if got := frames[1]; got.Event != want || got.ID != "two" {
			t.Errorf("the event's frame is %+v, want event %q", got, want)
		}
		var e struct {
			ID   string
			Data json.RawMessage
		}
		if err := json.Unmarshal([]byte(frames[1].Data), &e); err != nil {
			t.Fatalf("%q: %v", frames[1].Data, err)
		}
		if !bytes.Equal(compact(t, []byte(data)), compact(t, e.Data)) {
			t.Errorf("%q arrived as %q", data, e.Data)
		}
	})
}

func compact(t *testing.T, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := json.Compact(&buf, data); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
