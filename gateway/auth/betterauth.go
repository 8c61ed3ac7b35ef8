package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// BetterAuthDefaultSecret is what better-auth signs with where no secret was set: everybody knows it.
const BetterAuthDefaultSecret = "better-auth-secret-12345678901234567890" //nolint:gosec // published, and refused

// BetterAuth gives a Token.Decode for better-auth's cookies, which are encodeURIComponent(token + "." +
// base64(HMAC-SHA256(token))), and for its bearer plugin, which also takes the bare token.
func BetterAuth(secrets ...string) (func(value string, fromCookie bool) (string, error), error) {
	if len(secrets) == 0 {
		return nil, errors.New("a secret is required")
	}
	for _, secret := range secrets {
		if secret == BetterAuthDefaultSecret {
			return nil, errors.New("this is better-auth's published default, with which anyone can sign: set a secret of your own in the application")
		}
		if len(secret) < 16 {
			return nil, fmt.Errorf("a secret of %d characters can be guessed: use 32", len(secret))
		}
	}
	return func(value string, fromCookie bool) (string, error) {
		plain, err := url.PathUnescape(value)
		if err != nil {
			return "", refuse("a cookie that isn't URL-encoded")
		}
		dot := strings.LastIndexByte(plain, '.')
		if dot < 0 && !fromCookie {
			return plain, checkToken(plain)
		}
		if dot <= 0 {
			return "", refuse("a cookie without a signature")
		}
		token := plain[:dot]
		signature, err := base64.StdEncoding.Strict().DecodeString(plain[dot+1:])
		if err != nil || len(signature) != sha256.Size {
			return "", refuse("a cookie whose signature isn't one")
		}
		for _, secret := range secrets {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(token))
			if hmac.Equal(signature, mac.Sum(nil)) {
				return token, checkToken(token)
			}
		}
		return "", refuse("a cookie signed with another secret")
	}, nil
}
