package auth

import (
	"net/http"
	"strings"
)

// maxToken bounds a token, in bytes. A JWT with many claims has 2 or 3 kB.
const maxToken = 8 << 10

// bearer gives the token of the Authorization header (RFC 6750, section 2.1), "" where there is none.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", refuse("more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	token = strings.TrimSpace(token)
	if err := checkToken(token); err != nil {
		return "", err
	}
	return token, nil
}

// cookie gives the value of the first of the named cookies that the request has, "" where it has none. With names in order
// of trust, one that only a secure origin can have set (RFC 6265bis, section 4.1.3) goes first.
func cookie(r *http.Request, names []string) (string, error) {
	for _, name := range names {
		if name == "" {
			continue
		}
		if c, err := r.Cookie(name); err == nil && c.Value != "" {
			return c.Value, checkToken(c.Value)
		}
	}
	return "", nil
}

// checkToken refuses what no token looks like, before it costs anything.
func checkToken(token string) error {
	switch {
	case token == "":
		return refuse("an empty token")
	case len(token) > maxToken:
		return refuse("a token longer than any that is issued")
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return refuse("a token with characters that none has")
		}
	}
	return nil
}
