package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pgfeed/pgfeed/gateway"
)

// JWTConfig says which JSON Web Tokens (RFC 7519) are good. Keys is required, and TenantClaim.
type JWTConfig struct {
	Keys Keys
	// Algorithms that are accepted (RFC 7518, section 3.1), all of the kind that the keys are of. Default: the kind's usual.
	Algorithms []string
	Issuer     string        // "": any
	Audiences  []string      // the token needs one of them; none: any
	Leeway     time.Duration // for clocks that differ
	// TenantClaim and UserClaim name the claims, or lead to them: a.b is b in a, where no claim is called a.b.
	TenantClaim, UserClaim string // UserClaim: sub
	Cookies                []string
}

// JWT verifies signed tokens. They can't be revoked: their streams end when they expire.
type JWT struct {
	cfg    JWTConfig
	parser *jwt.Parser
}

var _ Verifier = (*JWT)(nil)

// NewJWT makes a verifier. The error says which algorithm isn't one, or doesn't go with the keys.
func NewJWT(cfg JWTConfig) (*JWT, error) {
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = cfg.Keys.Usual()
	}
	var wrong error
	for _, alg := range cfg.Algorithms {
		if !cfg.Keys.CanUse(alg) {
			wrong = errors.Join(wrong, fmt.Errorf("algorithm %q can't be used with these keys; there are %s", alg, strings.Join(cfg.Keys.All(), ", ")))
		}
	}
	if cfg.UserClaim == "" {
		cfg.UserClaim = "sub"
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(cfg.Algorithms), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(cfg.Leeway),
		jwt.WithJSONNumber(), jwt.WithStrictDecoding(),
	}
	if cfg.Issuer != "" {
		options = append(options, jwt.WithIssuer(cfg.Issuer))
	}
	if len(cfg.Audiences) > 0 {
		options = append(options, jwt.WithAudience(cfg.Audiences...))
	}
	return &JWT{cfg, jwt.NewParser(options...)}, wrong
}

// Verify implements Verifier. A bearer token that doesn't look like a JWT is another verifier's.
func (v *JWT) Verify(ctx context.Context, r *http.Request) (Pass, error) {
	token, err := bearer(r)
	if err != nil {
		return Pass{}, err
	}
	if token == "" {
		if token, err = cookie(r, v.cfg.Cookies); err != nil {
			return Pass{}, err
		}
	}
	if !looksLikeJWT(token) {
		return Pass{}, ErrNone
	}
	id, err := v.identity(ctx, token)
	if err != nil {
		return Pass{}, err
	}
	return Pass{Identity: id}, nil
}

// looksLikeJWT: three parts, the first of which is a JSON object's base64.
func looksLikeJWT(token string) bool {
	return strings.HasPrefix(token, "ey") && strings.Count(token, ".") == 2
}

func (v *JWT) identity(ctx context.Context, token string) (gateway.Identity, error) {
	claims := jwt.MapClaims{}
	parsed, err := v.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if _, there := t.Header["crit"]; there { // RFC 7515, section 4.1.11: extensions that we don't know
			return nil, errors.New("the header has critical extensions")
		}
		return v.cfg.Keys.key(ctx, t)
	})
	if errors.Is(err, errKeysAway) {
		return gateway.Identity{}, err
	}
	if err != nil {
		return gateway.Identity{}, refuse(strings.ReplaceAll(err.Error(), token, "…"))
	}
	if !parsed.Valid {
		return gateway.Identity{}, refuse("not a valid token")
	}
	id := gateway.Identity{Session: "jwt-" + Name(token)}
	if id.Tenant, err = claim(claims, v.cfg.TenantClaim); err != nil {
		return gateway.Identity{}, refuse("tenant: " + err.Error())
	}
	if id.User, err = claim(claims, v.cfg.UserClaim); err != nil {
		return gateway.Identity{}, refuse("user: " + err.Error())
	}
	expiry, err := claims.GetExpirationTime()
	if err != nil || expiry == nil {
		return gateway.Identity{}, refuse("no expiry")
	}
	id.Expiry = expiry.Add(v.cfg.Leeway)
	return id, nil
}

// claim gives a claim that is text, or a whole number, as text.
func claim(claims map[string]any, name string) (string, error) {
	value, ok := claims[name]
	for rest, part := name, ""; !ok; {
		var more bool
		part, rest, more = strings.Cut(rest, ".")
		if value, ok = claims[part]; !ok {
			return "", fmt.Errorf("no claim %q", name)
		}
		if !more {
			break
		}
		if claims, ok = value.(map[string]any); !ok {
			return "", fmt.Errorf("no claim %q", name)
		}
		value, ok = claims[rest]
	}
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) { // which no text in Postgres has
			return "", fmt.Errorf("claim %q holds U+0000", name)
		}
		if v != "" {
			return v, nil
		}
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v.String(), nil
		}
	}
	return "", fmt.Errorf("claim %q is neither text nor a whole number", name)
}
