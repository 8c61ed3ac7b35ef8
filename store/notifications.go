package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/pgfeed/pgfeed/gateway"
)

// Notifications reads and marks the rows of "notifications" that belong to a user.
type Notifications struct{ log *Log }

// NewNotifications works over the pool of a log, whose positions go with its lists.
func NewNotifications(log *Log) *Notifications { return &Notifications{log} }

// List gives up to limit rows with ids below before (0: no bound), all or only the unread ones, and ends with the one by which
// they have so many bytes.
func (n *Notifications) List(ctx context.Context, id gateway.Identity, unread bool, before int64, limit, bytes int) (gateway.NotificationPage, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	var page gateway.NotificationPage
	var words []string
	asked := n.log.floors.Ask()
	err := n.log.pool.QueryRow(ctx, `
with mine as (
    select id, row_to_json(n) as row from public."notifications" n
     where "tenantId" = $1 and "userId" = $2 and id < $3 and (not $4 or "readAt" is null)
     order by id desc limit $5 + 1
), page as (
    select id, row from (
        select id, row, row_number() over newest as number, sum(octet_length(row::text)) over newest - octet_length(row::text) as bytes_before
          from mine window newest as (order by id desc)
    ) m
     where number <= $5 and bytes_before < $6
)
select s.head,
       (select count(*) from public."notifications" where "tenantId" = $1 and "userId" = $2 and "readAt" is null),
       coalesce((select min(id) from page), 0),
       (select count(*) from mine) > (select count(*) from page),
       coalesce((select array_agg(row order by id desc) from page), '{}')
  from `+head, id.Tenant, id.User, before, unread, limit, bytes).
		Scan(&words, &page.Unread, &page.Last, &page.More, &page.Rows)
	if err != nil {
		return page, fmt.Errorf("list notifications: %w", err)
	}
	page.At, err = n.log.answered(asked, words)
	return page, err
}

// MarkRead marks one as read, unless it is already, and gives its row and how many remain unread. Another user's is
// gateway.ErrNotFound.
func (n *Notifications) MarkRead(ctx context.Context, id gateway.Identity, notification int64) (row json.RawMessage, unread int, err error) {
	_, err = n.log.pool.Exec(ctx, `
update public."notifications" set "readAt" = now()
 where id = $3 and "tenantId" = $1 and "userId" = $2 and "readAt" is null`, id.Tenant, id.User, notification)
	if err != nil {
		return nil, 0, fmt.Errorf("mark notification %d read: %w", notification, err)
	}
	err = n.log.pool.QueryRow(ctx, `
select row_to_json(n), (select count(*) from public."notifications" where "tenantId" = $1 and "userId" = $2 and "readAt" is null)
  from public."notifications" n where id = $3 and "tenantId" = $1 and "userId" = $2`, id.Tenant, id.User, notification).Scan(&row, &unread)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, gateway.ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("mark notification %d read: %w", notification, err)
	}
	return row, unread, nil
}

// MarkAllRead marks all of a user's and gives how many there were.
func (n *Notifications) MarkAllRead(ctx context.Context, id gateway.Identity) (int64, error) {
	tag, err := n.log.pool.Exec(ctx, `
update public."notifications" set "readAt" = now() where "tenantId" = $1 and "userId" = $2 and "readAt" is null`, id.Tenant, id.User)
	if err != nil {
		return 0, fmt.Errorf("mark all notifications read: %w", err)
	}
	return tag.RowsAffected(), nil
}
