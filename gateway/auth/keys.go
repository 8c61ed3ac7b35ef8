package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// Keys are what JWTs are verified with: a shared secret, or the public keys of an issuer. Never both: a public key that is
// taken for a secret is the oldest forgery there is (RFC 8725, section 2.1).
type Keys struct {
	secret []byte
	set    keyfunc.Keyfunc
}

// minSecret is RFC 7518, section 3.2: no shorter than the hash.
const minSecret = 32

// SecretKeys verify HS256, HS384 and HS512.
func SecretKeys(secret string) (Keys, error) {
	if len(secret) < minSecret {
		return Keys{}, fmt.Errorf("a secret of %d bytes is too short: it takes %d", len(secret), minSecret)
	}
	return Keys{secret: []byte(secret)}, nil
}

const (
	refreshKeys = 5 * time.Minute
	// unknownKey is how often a token with a key id that isn't known may make us ask the issuer: anyone can send one.
	unknownKey  = 10 * time.Second
	fetchKeys   = 4 * time.Second
	maxKeysSize = 1 << 20 // bytes
)

// RemoteKeys fetches a JWK Set (RFC 7517) now, every five minutes, and when a token names a key that it lacks. While the
// issuer is away the keys it last gave stay good. It goes on until ctx ends.
func RemoteKeys(ctx context.Context, address string, log *slog.Logger) (Keys, error) {
	if err := CheckKeysURL(address); err != nil {
		return Keys{}, err
	}
	quiet := true
	set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{address}, keyfunc.Override{
		Client:            &http.Client{Timeout: fetchKeys, Transport: boundedBody{http.DefaultTransport}},
		HTTPTimeout:       fetchKeys,
		RateLimitWaitMax:  fetchKeys, // bounds the fetch too, not only the wait for it
		RefreshInterval:   refreshKeys,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(unknownKey), 1),
		RefreshErrorHandlerFunc: func(string) func(context.Context, error) {
			return func(_ context.Context, err error) { log.Warn("JWT keys can't be fetched", "error", err) }
		},
		NoErrorReturnFirstHTTPReq: &quiet,
	})
	if err != nil {
		return Keys{}, fmt.Errorf("JWT keys: %w", err)
	}
	return Keys{set: set}, nil
}

// CheckKeysURL refuses an address from which keys could be replaced on the way.
func CheckKeysURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not a URL such as https://issuer.example/.well-known/jwks.json", address)
	}
	switch host := u.Hostname(); {
	case u.Scheme == "https":
	case u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1" || host == "::1"):
	default:
		return fmt.Errorf("%q: keys are fetched over https, or http from this machine", address)
	}
	return nil
}

// All gives the algorithms that the keys can be used with.
func (k Keys) All() []string {
	if k.secret != nil {
		return []string{"HS256", "HS384", "HS512"}
	}
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// Usual gives those that are accepted where nothing else is said.
func (k Keys) Usual() []string {
	if k.secret != nil {
		return []string{"HS256"}
	}
	return []string{"RS256", "ES256", "EdDSA"}
}

// CanUse reports whether an algorithm goes with the keys.
func (k Keys) CanUse(alg string) bool { return slices.Contains(k.All(), alg) }

// errKeysAway says that no keys could be fetched yet.
var errKeysAway = errors.New("the keys of the JWT issuer could not be fetched yet")

// key gives what the token may be verified with.
func (k Keys) key(ctx context.Context, t *jwt.Token) (any, error) {
	alg := t.Method.Alg()
	if !k.CanUse(alg) { // the parser has refused it already
		return nil, fmt.Errorf("algorithm %s", alg)
	}
	if k.secret != nil {
		return k.secret, nil
	}
	key, err := k.set.KeyfuncCtx(ctx)(t)
	if err != nil {
		if all, readErr := k.set.Storage().KeyReadAll(ctx); readErr == nil && len(all) == 0 {
			return nil, errKeysAway
		}
		if errors.Is(err, jwkset.ErrKeyNotFound) {
			return nil, errors.New("signed with a key that its issuer doesn't have")
		}
		return nil, err
	}
	set, several := key.(jwt.VerificationKeySet)
	if !several {
		if !fits(alg, key) {
			return nil, fmt.Errorf("the key is not one for %s", alg)
		}
		return key, nil
	}
	if len(set.Keys) == 0 {
		return nil, errKeysAway
	}
	set.Keys = slices.DeleteFunc(set.Keys, func(key jwt.VerificationKey) bool { return !fits(alg, key) })
	return set, nil
}

// fits pins each key to the algorithms that are meant for it (RFC 7518, section 3).
func fits(alg string, key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		const minBits = 2048 // RFC 7518, section 3.3
		return (alg[:2] == "RS" || alg[:2] == "PS") && key.N.BitLen() >= minBits
	case *ecdsa.PublicKey:
		return alg == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// boundedBody keeps an issuer from filling our memory.
type boundedBody struct{ next http.RoundTripper }

func (b boundedBody) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxKeysSize), resp.Body}
	return resp, nil
}
