package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

const jwtSecret = "a secret that is long enough for HS256 and more"

// signedJWT is a token of the given claims over good ones; a nil claim is left out.
func signedJWT(t *testing.T, method jwt.SigningMethod, key any, kid string, change jwt.MapClaims) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": "https://issuer.example", "aud": "pgfeed", "sub": "ada", "org": map[string]any{"id": "acme"},
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var jwtFlags = []string{
	"--session-preset", "none", "--jwt-issuer", "https://issuer.example", "--jwt-audience", "pgfeed", "--jwt-tenant-claim", "org.id", "--jwt-leeway", "0s",
}

func TestAJWTOpensAStreamOfItsTenantUntilItExpires(t *testing.T) {
	noLeaks(t)
	url, pool := database(t)
	g := startReady(t, url, append(jwtFlags, "--jwt-secret", jwtSecret)...)
	sign := func(change jwt.MapClaims) string {
		return signedJWT(t, jwt.SigningMethodHS256, []byte(jwtSecret), "", change)
	}
	ada := g.stream(t, sign(nil))
	globex := g.stream(t, sign(jwt.MapClaims{"org": map[string]any{"id": "globex"}}))
	short := g.stream(t, sign(jwt.MapClaims{"sub": "bob", "exp": time.Now().Add(8 * time.Second).Unix()}))
	insert(t, pool, "acme", "for acme")
	insert(t, pool, "globex", "for globex")
	if got := description(t, ada.Event(t)); got != "for acme" {
		t.Errorf("acme got %q", got)
	}
	if got := description(t, globex.Event(t)); got != "for globex" {
		t.Errorf("globex got %q", got)
	}
	endsForItsSession(t, short)
	goesOn(t, pool, ada)

	refusesTokens(t, g, map[string]string{
		"expired":            sign(jwt.MapClaims{"exp": time.Now().Add(-time.Second).Unix()}),
		"without an end":     sign(jwt.MapClaims{"exp": nil}),
		"not yet valid":      sign(jwt.MapClaims{"nbf": time.Now().Add(time.Minute).Unix()}),
		"of another issuer":  sign(jwt.MapClaims{"iss": "https://other.example"}),
		"for somebody else":  sign(jwt.MapClaims{"aud": "another service"}),
		"without a tenant":   sign(jwt.MapClaims{"org": nil}),
		"of an empty tenant": sign(jwt.MapClaims{"org": map[string]any{"id": ""}}),
		"without a user":     sign(jwt.MapClaims{"sub": nil}),
		"of another key":     signedJWT(t, jwt.SigningMethodHS256, []byte(strings.ToUpper(jwtSecret)), "", nil),
		"HS512":              signedJWT(t, jwt.SigningMethodHS512, []byte(jwtSecret), "", nil),
		"none":               signedJWT(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "", nil),
		"half":               sign(nil)[:40],
	})
}

// refusesTokens wants 401 for each, which says nothing of the reason.
func refusesTokens(t *testing.T, g *testGateway, tokens map[string]string) {
	t.Helper()
	for what, token := range tokens {
		for _, path := range []string{"/api/activity/stream", "/api/activity"} {
			status, body := g.get(t, path, token)
			var p struct{ Detail string }
			if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusUnauthorized || strings.Contains(body, token) {
				t.Errorf("a JWT %s: GET %s: %d %s", what, path, status, body)
			}
		}
	}
}

func TestAJWTOfAPublishedKeyOpensAStream(t *testing.T) {
	url, pool := database(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var published jwkset.JWKSMarshal
	for kid, key := range map[string]crypto.Signer{"rsa": rsaKey, "ec": ecKey, "ed": edKey} {
		k, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}})
		if err != nil {
			t.Fatal(err)
		}
		published.Keys = append(published.Keys, k.Marshal())
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(published) }))
	defer issuer.Close()
	g := startReady(t, url, append(jwtFlags, "--jwt-jwks-url", issuer.URL)...)
	for what, token := range map[string]string{
		"RS256": signedJWT(t, jwt.SigningMethodRS256, rsaKey, "rsa", nil),
		"ES256": signedJWT(t, jwt.SigningMethodES256, ecKey, "ec", nil),
		"EdDSA": signedJWT(t, jwt.SigningMethodEdDSA, edKey, "ed", nil),
	} {
		s := g.stream(t, token)
		insert(t, pool, "acme", "for "+what)
		if got := description(t, s.Event(t)); got != "for "+what {
			t.Errorf("%s: got %q", what, got)
		}
		s.Close()
	}
	otherKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(published.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	refusesTokens(t, g, map[string]string{
		"of another key":                   signedJWT(t, jwt.SigningMethodRS256, otherKey, "rsa", nil),
		"of a key that isn't published":    signedJWT(t, jwt.SigningMethodRS256, rsaKey, "unknown", nil),
		"that takes a public key's secret": signedJWT(t, jwt.SigningMethodHS256, public, "rsa", nil),
		"RS512":                            signedJWT(t, jwt.SigningMethodRS512, rsaKey, "rsa", nil),
		"expired":                          signedJWT(t, jwt.SigningMethodRS256, rsaKey, "rsa", jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}),
	})
}
