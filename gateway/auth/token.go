package auth

import (
	"context"
	"net/http"
)

// Token verifies opaque session tokens.
type Token struct {
	// Sessions are where tokens are looked up.
	Sessions *Sessions
	// Cookies are the names of the cookies that may carry a token, the most trusted first; none: only a bearer token does.
	Cookies []string
	// Decode gives the token in what a client sent; nil: it is the token.
	Decode func(value string, fromCookie bool) (token string, err error)
}

var _ Verifier = Token{}

// Verify implements Verifier. A bearer token goes before a cookie.
func (v Token) Verify(ctx context.Context, r *http.Request) (Pass, error) {
	value, err := bearer(r)
	if err != nil {
		return Pass{}, err
	}
	fromCookie := value == ""
	if fromCookie {
		if value, err = cookie(r, v.Cookies); err != nil {
			return Pass{}, err
		}
	}
	if value == "" {
		return Pass{}, ErrNone
	}
	if v.Decode != nil {
		if value, err = v.Decode(value, fromCookie); err != nil {
			return Pass{}, err
		}
	}
	return v.Sessions.Find(ctx, value)
}
