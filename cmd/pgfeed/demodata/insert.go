package demodata

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier is what [InsertActivity] needs: a pool, a connection or a transaction of pgx.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// DB is what [Player] needs.
type DB interface {
	Querier
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// InsertActivity adds a row to public."activityLogs" and gives its id. Empty fields are stored as null.
func InsertActivity(ctx context.Context, db Querier, tenant string, a Activity) (id string, err error) {
	err = db.QueryRow(ctx, `
insert into public."activityLogs"
       ("tenantId", "userId", "userName", action, "entityType", "entityId", description, metadata)
values ($1, nullif($2, ''), nullif($3, ''), $4, nullif($5, ''), nullif($6, ''), nullif($7, ''), $8::text::jsonb)
returning id::text`,
		tenant, a.UserID, a.UserName, a.Action, a.EntityType, a.EntityID, a.Description, jsonText(a.Metadata)).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("insert activity of tenant %q: %w", tenant, err)
	}
	return id, nil
}

// InsertNotification adds a row to public."notifications" for one user.
func InsertNotification(ctx context.Context, db DB, tenant, user string, n Notification) error {
	_, err := db.Exec(ctx, `
insert into public."notifications" ("tenantId", "userId", type, category, title, body, "entityType", "entityId")
values ($1, $2, $3, nullif($4, ''), $5, nullif($6, ''), nullif($7, ''), nullif($8, ''))`,
		tenant, user, n.Type, n.Category, n.Title, n.Body, n.EntityType, n.EntityID)
	if err != nil {
		return fmt.Errorf("insert notification of user %q of tenant %q: %w", user, tenant, err)
	}
	return nil
}

func jsonText(raw json.RawMessage) *string {
	if len(raw) == 0 {
		return nil
	}
	text := string(raw)
	return &text
}
