package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
)

// Sessions keeps the reference table "sessions", which holds the SHA-256 of tokens and never a token.
type Sessions struct{ pool *pgxpool.Pool }

// NewSessions works over a pool that the caller closes.
func NewSessions(pool *pgxpool.Pool) *Sessions { return &Sessions{pool} }

// Create makes a session and gives its token, which can't be had again.
func (s *Sessions) Create(ctx context.Context, tenant, user string, ttl time.Duration) (token string, err error) {
	token = rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(token))
	_, err = s.pool.Exec(ctx, `
insert into public."sessions" ("tokenHash", "userId", "tenantId", "expiresAt") values ($1, $2, $3, now() + $4)`,
		hash[:], user, tenant, ttl)
	if err != nil {
		return "", fmt.Errorf("create a session for %q of tenant %q: %w", user, tenant, err)
	}
	return token, nil
}

// Revoke deletes the session of a token, or the one whose listed name is given. False: there was none.
func (s *Sessions) Revoke(ctx context.Context, tokenOrName string) (bool, error) {
	hash := sha256.Sum256([]byte(tokenOrName))
	tag, err := s.pool.Exec(ctx, `
delete from public."sessions" where "tokenHash" = $1 or left(encode("tokenHash", 'hex'), 16) = $2`, hash[:], tokenOrName)
	if err != nil {
		return false, fmt.Errorf("revoke a session: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// List gives the sessions that are still valid, of one tenant or of all (""), newest first.
func (s *Sessions) List(ctx context.Context, tenant string) ([]gateway.Identity, error) {
	rows, err := s.pool.Query(ctx, `
select left(encode("tokenHash", 'hex'), 16), "tenantId", "userId", "expiresAt" from public."sessions"
 where "expiresAt" > now() and ($1 = '' or "tenantId" = $1) order by "createdAt" desc`, tenant)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id gateway.Identity, err error) {
		return id, row.Scan(&id.Session, &id.Tenant, &id.User, &id.Expiry)
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}
