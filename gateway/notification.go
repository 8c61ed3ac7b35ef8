package gateway

import (
	"encoding/json"
	"errors"
)

// ErrNotFound says that there is no such thing for this user.
var ErrNotFound = errors.New("not found")

// NotificationPage is a part of a user's notifications, newest first.
type NotificationPage struct {
	Rows   []json.RawMessage
	Unread int      // of all, not of this page
	Last   int64    // id of the oldest row here
	More   bool     // there are older ones
	At     Position // what the page could see
}
