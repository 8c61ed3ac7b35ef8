package auth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
)

// onlyGood is a source with one session.
type onlyGood struct{}

const (
	goodToken = "goodgoodgoodgoodgoodgoodgoodgood"
	secret    = "a secret of the application, long enough"
)

func (onlyGood) Find(_ context.Context, tokens []string) (map[string]auth.Found, error) {
	found := map[string]auth.Found{}
	for _, token := range tokens {
		if token == goodToken {
			found[token] = auth.Found{Identity: gateway.Identity{Tenant: "acme", User: "ada", Expiry: time.Now().Add(time.Hour)}}
		}
	}
	return found, nil
}

func (onlyGood) Watched(context.Context) (bool, error) { return true, nil }

// Whatever stands in the two headers: nothing panics, nothing but the good credentials gives an identity, and no error holds a
// credential.
func FuzzNoCredentialsButTheGoodOnesPass(f *testing.F) {
	f.Add("Bearer "+goodToken, "")
	f.Add("", "better-auth.session_token="+sign(goodToken, secret))
	f.Add("", "better-auth.session_token="+sign(goodToken, "another secret, also long enough"))
	f.Add("", "better-auth.session_token="+goodToken+".AAAA")
	f.Add("", "better-auth.session_token="+goodToken)
	f.Add("", "__Secure-better-auth.session_token=%zz; better-auth.session_token="+sign(goodToken, secret))
	f.Add("Bearer "+signedJWT(f, goodClaims()), "")
	f.Add("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJ0ZW5hbnQiOiJhY21lIiwiZXhwIjo5OTk5OTk5OTk5fQ.", "")
	f.Add("Bearer eyJhbGciOiJIUzI1NiJ9.bm90IEpTT04.AAAA", "jwt=ey..")
	f.Add("bearer  \x00", ";;=;a=\"b\"")
	sessions := auth.NewSessions(auth.SessionsConfig{Source: onlyGood{}, Close: func(string) {}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		sessions.Run(ctx)
	}()
	f.Cleanup(func() {
		cancel()
		<-done
	})
	decode, err := auth.BetterAuth(secret)
	if err != nil {
		f.Fatal(err)
	}
	keys, err := auth.SecretKeys(secret)
	if err != nil {
		f.Fatal(err)
	}
	jwt, err := auth.NewJWT(auth.JWTConfig{Keys: keys, TenantClaim: "tenant", Cookies: []string{"jwt"}})
	if err != nil {
		f.Fatal(err)
	}
	verifier := auth.Verifiers{jwt, auth.Token{
		Sessions: sessions, Cookies: []string{"__Secure-better-auth.session_token", "better-auth.session_token"}, Decode: decode,
	}}
	f.Fuzz(func(t *testing.T, authorization, cookie string) {
		r := &http.Request{Header: http.Header{}}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		pass, err := verifier.Verify(ctx, r)
		switch {
		case err == nil:
			forged := !strings.Contains(authorization+cookie, goodToken) && !strings.Contains(authorization+cookie, "ey")
			if pass.Tenant != "acme" || pass.User != "ada" || pass.Session == "" || forged {
				t.Errorf("%q and %q pass as %+v", authorization, cookie, pass.Identity)
			}
		case !errors.Is(err, auth.ErrNone) && !errors.Is(err, auth.ErrInvalid):
			t.Errorf("%q and %q: %v", authorization, cookie, err)
		case len(authorization) > 40 && strings.Contains(err.Error(), authorization[20:]):
			t.Errorf("the error holds the credentials: %v", err)
		}
	})
}

// A payload that can't be read means that anything may have changed, and never that nothing has.
func FuzzChangesAreNeverOverheard(f *testing.F) {
	f.Add("all")
	f.Add("session 0123456789abcdef 0123456789abcde0")
	f.Add("user 0123456789abcdef")
	f.Add("session ")
	f.Add("session x")
	f.Add("")
	f.Fuzz(func(t *testing.T, payload string) {
		c := auth.ParseChange(payload)
		if !c.All && len(c.Sessions)+len(c.Users) == 0 {
			t.Errorf("%q changes nothing", payload)
		}
		for _, name := range append(c.Sessions, c.Users...) {
			if len(name) != 16 {
				t.Errorf("%q names %q", payload, name)
			}
		}
	})
}
