package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgxlisten"
)

// Channel is one that a Listener hears besides those of tenants. Its functions must not block.
type Channel struct {
	// Heard takes what a notification said.
	Heard func(payload string)
	// Missed is called when the listener has (re)connected: what was sent before then is lost.
	Missed func()
}

// Hear has a channel listened to. Call it before Run.
func (l *Listener) Hear(name string, c Channel) {
	if l.channels == nil {
		l.channels = map[string]Channel{}
	}
	l.channels[name] = c
}

type channelHandler Channel

var (
	_ pgxlisten.Handler        = channelHandler{}
	_ pgxlisten.BacklogHandler = channelHandler{}
)

// HandleNotification implements pgxlisten.Handler.
func (h channelHandler) HandleNotification(_ context.Context, n *pgconn.Notification, _ *pgx.Conn) error {
	h.Heard(n.Payload)
	return nil
}

// HandleBacklog implements pgxlisten.BacklogHandler.
func (h channelHandler) HandleBacklog(context.Context, string, *pgx.Conn) error {
	h.Missed()
	return nil
}
