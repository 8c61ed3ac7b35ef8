// Package auth tells who a request speaks for. It reads credentials and never logs them.
package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/pgfeed/pgfeed/gateway"
)

// ErrNone says that a request carries no credentials that the verifier knows; ErrInvalid that those it carries don't hold.
var (
	ErrNone    = errors.New("no session token: send Authorization: Bearer TOKEN, or the session cookie")
	ErrInvalid = errors.New("the session token is unknown, expired or revoked")
)

// Verifier turns a request's credentials into an identity. Other errors than ErrNone and ErrInvalid mean that it can't tell
// at present.
type Verifier interface {
	Verify(ctx context.Context, r *http.Request) (gateway.Identity, error)
}

// SessionToken verifies opaque tokens against a table of sessions.
type SessionToken struct {
	// Cookie is the name of the cookie that may carry the token; empty: none does.
	Cookie string
	// Lookup gives the identity of a token, or an error that Unknown recognises.
	Lookup  func(ctx context.Context, token string) (gateway.Identity, error)
	Unknown error
}

var _ Verifier = SessionToken{}

// Verify implements Verifier. A bearer token goes before a cookie.
func (v SessionToken) Verify(ctx context.Context, r *http.Request) (gateway.Identity, error) {
	token := v.token(r)
	if token == "" {
		return gateway.Identity{}, ErrNone
	}
	id, err := v.Lookup(ctx, token)
	if errors.Is(err, v.Unknown) {
		return gateway.Identity{}, ErrInvalid
	}
	return id, err
}

func (v SessionToken) token(r *http.Request) string {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if found && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if v.Cookie != "" {
		if cookie, err := r.Cookie(v.Cookie); err == nil {
			return cookie.Value
		}
	}
	return ""
}
