package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/pgfeed/pgfeed/gateway/auth"
)

// sign is what better-auth makes of a token.
func sign(token, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	return url.QueryEscape(token + "." + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func goodClaims() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": "https://issuer.example", "aud": "pgfeed", "sub": "ada", "tenant": "acme", "exp": time.Now().Add(time.Hour).Unix(),
	}
}

func with(changes jwt.MapClaims) jwt.MapClaims {
	claims := goodClaims()
	for name, value := range changes {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

// signedJWT is signed with the shared secret.
func signedJWT(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	return signedBy(t, jwt.SigningMethodHS256, []byte(secret), nil, claims)
}

func signedBy(t testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func bearerRequest(token string) *http.Request {
	return &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

func secretVerifier(t *testing.T, change func(*auth.JWTConfig)) *auth.JWT {
	t.Helper()
	keys, err := auth.SecretKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	cfg := auth.JWTConfig{
		Keys: keys, Issuer: "https://issuer.example", Audiences: []string{"pgfeed", "other"}, Leeway: 10 * time.Second, TenantClaim: "tenant",
	}
	if change != nil {
		change(&cfg)
	}
	v, err := auth.NewJWT(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAJWTSaysWhoListens(t *testing.T) {
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	for name, c := range map[string]struct {
		claims       jwt.MapClaims
		config       func(*auth.JWTConfig)
		tenant, user string
	}{
		"plain":              {goodClaims(), nil, "acme", "ada"},
		"several audiences":  {with(jwt.MapClaims{"aud": []string{"x", "other"}}), nil, "acme", "ada"},
		"within the leeway":  {with(jwt.MapClaims{"exp": ago(5 * time.Second)}), nil, "acme", "ada"},
		"nested claims":      {with(jwt.MapClaims{"org": map[string]any{"id": "globex"}}), func(c *auth.JWTConfig) { c.TenantClaim = "org.id" }, "globex", "ada"},
		"a claim with a dot": {with(jwt.MapClaims{"https://x.example/org": "initech"}), func(c *auth.JWTConfig) { c.TenantClaim = "https://x.example/org" }, "initech", "ada"},
		"numbers":            {with(jwt.MapClaims{"tenant": 42, "uid": 9007199254740993}), func(c *auth.JWTConfig) { c.UserClaim = "uid" }, "42", "9007199254740993"},
	} {
		pass, err := secretVerifier(t, c.config).Verify(t.Context(), bearerRequest(signedJWT(t, c.claims)))
		if err != nil || pass.Tenant != c.tenant || pass.User != c.user || pass.Expiry.IsZero() || !strings.HasPrefix(pass.Session, "jwt-") {
			t.Errorf("%s: %+v, %v", name, pass.Identity, err)
		}
	}
}

func TestABadJWTIsRefusedForItsReason(t *testing.T) {
	v := secretVerifier(t, nil)
	good := signedJWT(t, goodClaims())
	parts := strings.Split(good, ".")
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	tampered := base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(must(base64.RawURLEncoding.DecodeString(parts[1]))), "acme", "evil")))
	for name, c := range map[string]struct{ token, reason string }{
		"none":                 {none + "." + parts[1] + ".", "none"},
		"None":                 {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".", "alg"},
		"none, signed":         {none + "." + parts[1] + "." + parts[2], "none"},
		"no alg":               {base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT"}`)) + "." + parts[1] + "." + parts[2], "alg"},
		"another secret":       {signedBy(t, jwt.SigningMethodHS256, []byte("another secret of the application"), nil, goodClaims()), "signature"},
		"another algorithm":    {signedBy(t, jwt.SigningMethodHS512, []byte(secret), nil, goodClaims()), "HS512"},
		"tampered":             {parts[0] + "." + tampered + "." + parts[2], "signature"},
		"no signature":         {parts[0] + "." + parts[1] + ".", "signature"},
		"critical extension":   {signedBy(t, jwt.SigningMethodHS256, []byte(secret), map[string]any{"crit": []string{"b64"}, "b64": false}, goodClaims()), "critical"},
		"expired":              {signedJWT(t, with(jwt.MapClaims{"exp": in(-time.Minute)})), "expired"},
		"without expiry":       {signedJWT(t, with(jwt.MapClaims{"exp": nil})), "exp"},
		"expiry as text":       {signedJWT(t, with(jwt.MapClaims{"exp": "tomorrow"})), "exp"},
		"not yet valid":        {signedJWT(t, with(jwt.MapClaims{"nbf": in(time.Minute)})), "not valid yet"},
		"of the future":        {signedJWT(t, with(jwt.MapClaims{"iat": in(time.Minute)})), "before issued"},
		"another issuer":       {signedJWT(t, with(jwt.MapClaims{"iss": "https://issuer.example.evil"})), "issuer"},
		"no issuer":            {signedJWT(t, with(jwt.MapClaims{"iss": nil})), "iss"},
		"another audience":     {signedJWT(t, with(jwt.MapClaims{"aud": "somebody"})), "audience"},
		"no audience":          {signedJWT(t, with(jwt.MapClaims{"aud": nil})), "aud"},
		"without tenant":       {signedJWT(t, with(jwt.MapClaims{"tenant": nil})), "tenant"},
		"empty tenant":         {signedJWT(t, with(jwt.MapClaims{"tenant": ""})), "tenant"},
		"tenant of a list":     {signedJWT(t, with(jwt.MapClaims{"tenant": []string{"acme"}})), "tenant"},
		"tenant of an object":  {signedJWT(t, with(jwt.MapClaims{"tenant": map[string]any{"acme": 1}})), "tenant"},
		"tenant of a fraction": {signedJWT(t, with(jwt.MapClaims{"tenant": 1.5})), "tenant"},
		"tenant with U+0000":   {signedJWT(t, with(jwt.MapClaims{"tenant": "ac\x00me"})), "U+0000"},
		"user with U+0000":     {signedJWT(t, with(jwt.MapClaims{"sub": "ada\x00"})), "U+0000"},
		"without user":         {signedJWT(t, with(jwt.MapClaims{"sub": nil})), "user"},
		"too long":             {good + strings.Repeat("A", 10_000), "longer"},
		"not base64":           {"eyJ!." + parts[1] + "." + parts[2], "base64"},
		"padding":              {parts[0] + "=." + parts[1] + "." + parts[2], "base64"},
	} {
		pass, err := v.Verify(t.Context(), bearerRequest(c.token))
		var refusal *auth.Refusal
		if !errors.As(err, &refusal) || !errors.Is(err, auth.ErrInvalid) || !strings.Contains(refusal.Reason, c.reason) {
			t.Errorf("%s: %+v, %v; want a refusal for %q", name, pass.Identity, err, c.reason)
		}
		if err != nil && (strings.Contains(err.Error(), parts[1]) || strings.Contains(err.Error(), parts[2])) {
			t.Errorf("%s: the error holds the token: %v", name, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestTwoHeadersAreNoChoice(t *testing.T) {
	r := bearerRequest(signedJWT(t, goodClaims()))
	r.Header.Add("Authorization", "Bearer x")
	if _, err := secretVerifier(t, nil).Verify(t.Context(), r); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("two Authorization headers: %v", err)
	}
}

func TestKeysAreOnlyUsedForTheirOwnAlgorithms(t *testing.T) {
	if _, err := auth.SecretKeys("short"); err == nil {
		t.Error("a short secret is taken")
	}
	keys := must(auth.SecretKeys(secret))
	for _, alg := range []string{"RS256", "none", "hs256", "ES256", ""} {
		if _, err := auth.NewJWT(auth.JWTConfig{Keys: keys, Algorithms: []string{alg}, TenantClaim: "t"}); err == nil {
			t.Errorf("a secret is used for %q", alg)
		}
	}
	for _, address := range []string{"http://issuer.example/keys", "ftp://x/y", "file:///etc/passwd", "issuer.example", "https://"} {
		if err := auth.CheckKeysURL(address); err == nil {
			t.Errorf("keys are fetched from %s", address)
		}
	}
}

// issuer serves a JWK Set.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []jwkset.JWK
	away    atomic.Bool
	fetched atomic.Int64
}

func newIssuer(t *testing.T, keys ...jwkset.JWK) *issuer {
	t.Helper()
	i := &issuer{keys: keys}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetched.Add(1)
		if i.away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		set := jwkset.JWKSMarshal{}
		for _, k := range i.keys {
			set.Keys = append(set.Keys, k.Marshal())
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) rotate(keys ...jwkset.JWK) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// jwk is the public half, as an issuer publishes it.
func jwk(t *testing.T, key crypto.Signer, kid string) jwkset.JWK {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func remoteVerifier(t *testing.T, address string, algorithms ...string) *auth.JWT {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	keys, err := auth.RemoteKeys(ctx, address, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewJWT(auth.JWTConfig{Keys: keys, Algorithms: algorithms, Issuer: "https://issuer.example", TenantClaim: "tenant"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPublicKeysVerifyTheirAlgorithmAndNoOther(t *testing.T) {
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger := must(rsa.GenerateKey(rand.Reader, 2048))
	i := newIssuer(t, jwk(t, rsaKey, "rsa"), jwk(t, p256, "p256"), jwk(t, p384, "p384"), jwk(t, edKey, "ed"), jwk(t, small, "small"))
	v := remoteVerifier(t, i.URL, "RS256", "PS256", "ES256", "ES384", "EdDSA")
	kid := func(kid string) map[string]any { return map[string]any{"kid": kid} }
	for name, token := range map[string]string{
		"RS256":          signedBy(t, jwt.SigningMethodRS256, rsaKey, kid("rsa"), goodClaims()),
		"PS256":          signedBy(t, jwt.SigningMethodPS256, rsaKey, kid("rsa"), goodClaims()),
		"ES256":          signedBy(t, jwt.SigningMethodES256, p256, kid("p256"), goodClaims()),
		"ES384":          signedBy(t, jwt.SigningMethodES384, p384, kid("p384"), goodClaims()),
		"EdDSA":          signedBy(t, jwt.SigningMethodEdDSA, edKey, kid("ed"), goodClaims()),
		"without key id": signedBy(t, jwt.SigningMethodRS256, rsaKey, nil, goodClaims()),
	} {
		if pass, err := v.Verify(t.Context(), bearerRequest(token)); err != nil || pass.Tenant != "acme" {
			t.Errorf("%s: %v", name, err)
		}
	}
	der := must(x509.MarshalPKIXPublicKey(&rsaKey.PublicKey))
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jku := map[string]any{"kid": "evil", "jku": i.URL + "/evil", "jwk": map[string]any{"kty": "RSA"}, "x5u": i.URL}
	for name, token := range map[string]string{
		"the public key as a secret":         signedBy(t, jwt.SigningMethodHS256, publicPEM, kid("rsa"), goodClaims()),
		"the public key's DER as a secret":   signedBy(t, jwt.SigningMethodHS256, der, kid("rsa"), goodClaims()),
		"the public key as a secret, no kid": signedBy(t, jwt.SigningMethodHS256, publicPEM, nil, goodClaims()),
		"a stranger's key":                   signedBy(t, jwt.SigningMethodRS256, stranger, kid("rsa"), goodClaims()),
		"a stranger's key, no kid":           signedBy(t, jwt.SigningMethodRS256, stranger, nil, goodClaims()),
		"a key named by the token":           signedBy(t, jwt.SigningMethodRS256, stranger, jku, goodClaims()),
		"a key too small":                    signedBy(t, jwt.SigningMethodRS256, small, kid("small"), goodClaims()),
		"an algorithm that isn't pinned":     signedBy(t, jwt.SigningMethodRS512, rsaKey, kid("rsa"), goodClaims()),
		"another key's id":                   signedBy(t, jwt.SigningMethodRS256, rsaKey, kid("p256"), goodClaims()),
	} {
		if pass, err := v.Verify(t.Context(), bearerRequest(token)); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, pass.Identity, err)
		}
	}
}

func TestKeysRotateSurviveAnOutageAndUnknownOnesAreNotAskedForAtWill(t *testing.T) {
	first, second := must(rsa.GenerateKey(rand.Reader, 2048)), must(rsa.GenerateKey(rand.Reader, 2048))
	token := func(key crypto.Signer, kid string) string {
		return signedBy(t, jwt.SigningMethodRS256, key, map[string]any{"kid": kid}, goodClaims())
	}
	i := newIssuer(t, jwk(t, first, "first"))
	v := remoteVerifier(t, i.URL)
	if _, err := v.Verify(t.Context(), bearerRequest(token(first, "first"))); err != nil {
		t.Fatal(err)
	}
	i.away.Store(true)
	if _, err := v.Verify(t.Context(), bearerRequest(token(first, "first"))); err != nil {
		t.Errorf("while the issuer is away: %v", err)
	}
	i.away.Store(false)
	i.rotate(jwk(t, second, "second"))
	if _, err := v.Verify(t.Context(), bearerRequest(token(second, "second"))); err != nil {
		t.Errorf("a new key: %v", err)
	}
	if _, err := v.Verify(t.Context(), bearerRequest(token(first, "first"))); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a key that was taken back: %v", err)
	}
	before := i.fetched.Load()
	for range 50 {
		if _, err := v.Verify(t.Context(), bearerRequest(token(first, rand.Text()))); !errors.Is(err, auth.ErrInvalid) {
			t.Fatalf("an unknown key: %v", err)
		}
	}
	if n := i.fetched.Load() - before; n > 1 {
		t.Errorf("50 unknown keys made us ask the issuer %d times", n)
	}
}

func TestAnIssuerThatIsAwayAtTheStartIsNotARefusal(t *testing.T) {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	i := newIssuer(t, jwk(t, key, "k"))
	i.away.Store(true)
	v := remoteVerifier(t, i.URL)
	r := bearerRequest(signedBy(t, jwt.SigningMethodRS256, key, map[string]any{"kid": "k"}, goodClaims()))
	if _, err := v.Verify(t.Context(), r); err == nil || errors.Is(err, auth.ErrInvalid) || errors.Is(err, auth.ErrNone) {
		t.Errorf("without keys: %v, which the client is told is its own fault", err)
	}
}
