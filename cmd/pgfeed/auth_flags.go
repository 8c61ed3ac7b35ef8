package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
	"github.com/pgfeed/pgfeed/store"
)

// Session presets: where sessions are found.
const (
	presetPgfeed     = "pgfeed"
	presetBetterAuth = "better-auth"
	presetAuthJS     = "authjs"
	presetQuery      = "query"
	presetNone       = "none"
)

// presetCookies carry the token. One that only a secure origin can have set goes first.
var presetCookies = map[string][]string{
	presetPgfeed:     {"__Secure-pgfeed_session", "pgfeed_session"},
	presetBetterAuth: {"__Secure-better-auth.session_token", "better-auth.session_token"},
	presetAuthJS:     {"__Secure-authjs.session-token", "authjs.session-token", "__Secure-next-auth.session-token", "next-auth.session-token"},
}

// sessionSourceFlags say where sessions are found; session watch has them too.
type sessionSourceFlags struct {
	SessionPreset       string   `enum:"pgfeed,better-auth,authjs,query,none" default:"pgfeed" help:"Whose sessions open streams: ${enum}. 'pgfeed' is its own table \"sessions\", 'authjs' the database strategy of Auth.js, 'query' your own --session-query; 'none' leaves JWTs."`
	SessionQuery        string   `placeholder:"SQL" help:"For the preset 'query': finds the sessions of the tokens in the array $$1; gives token, tenant, user_id, expires_at and, where a session doesn't count, refused with the reason. See docs/security.md."`
	SessionQueryHashed  bool     `help:"$$1 of --session-query holds the SHA-256 of tokens (bytea[]) and not tokens (text[])."`
	SessionTables       []string `placeholder:"TABLE" help:"Tables whose changes --session-query depends on, watched with pgfeed.watch_sessions; all or none of them, or revocation is found by asking every second."`
	SessionTenant       string   `placeholder:"TENANT" help:"Tenant of every session, for better-auth without organizations and for Auth.js."`
	SessionTenantColumn string   `placeholder:"COLUMN" help:"Column of the sessions or the users that holds the tenant, for the same."`
}

// authFlags say who may listen.
type authFlags struct {
	sessionSourceFlags
	SessionCookie    []string      `placeholder:"NAME" help:"Cookies that may carry the session token. Default: the preset's, such as pgfeed_session or better-auth.session_token; also with __Secure- in front."`
	BetterAuthSecret []string      `sep:"none" env:"PGFEED_BETTER_AUTH_SECRET,BETTER_AUTH_SECRET" placeholder:"SECRET" help:"better-auth's secret, with which its cookies are signed; several while it changes. Rather by the environment: others can read command lines."`
	SessionRecheck   time.Duration `default:"1m" help:"Time after which a session with open streams is looked up again though no change was reported. Where no trigger reports changes (pgfeed session watch), it is one second."`

	JWTSecret      string        `placeholder:"SECRET" help:"Accept JWTs signed with this secret (HS256), of 32 bytes or more. Rather by the environment."`
	JWTJWKSURL     string        `name:"jwt-jwks-url" placeholder:"URL" help:"Accept JWTs signed with the keys of this JWK Set, https only. They are fetched again every 5 minutes, and when a token names a new key."`
	JWTAlgorithms  []string      `placeholder:"ALG" help:"Algorithms that JWTs may be signed with. Default: HS256 with --jwt-secret; RS256, ES256 and EdDSA with --jwt-jwks-url."`
	JWTIssuer      string        `placeholder:"ISS" help:"Issuer that JWTs must name (iss). Required with --jwt-jwks-url."`
	JWTAudience    []string      `placeholder:"AUD" help:"Audience of which JWTs must name one (aud). Set it where the issuer signs tokens for other services too."`
	JWTLeeway      time.Duration `default:"30s" help:"How far clocks may differ for the times in JWTs."`
	JWTTenantClaim string        `default:"tenant" placeholder:"CLAIM" help:"Claim that holds the tenant; a.b is b in a."`
	JWTUserClaim   string        `default:"sub" placeholder:"CLAIM" help:"Claim that holds the user."`
	JWTCookie      []string      `placeholder:"NAME" help:"Cookies that may carry a JWT. Default: none, only Authorization: Bearer."`
}

// validate of the source names all that is wrong with it.
func (f sessionSourceFlags) validate() error {
	var s settings
	if (f.SessionQuery != "") != (f.SessionPreset == presetQuery) {
		s.addf("--session-query and --session-preset query go together")
	}
	if f.SessionPreset != presetQuery {
		if f.SessionQueryHashed {
			s.addf("--session-query-hashed is only for --session-preset query")
		}
		if len(f.SessionTables) > 0 {
			s.addf("--session-tables is only for --session-preset query: the others know their tables")
		}
	}
	tenancy := f.SessionTenant != "" || f.SessionTenantColumn != ""
	switch {
	case f.SessionTenant != "" && f.SessionTenantColumn != "":
		s.addf("--session-tenant and --session-tenant-column exclude each other")
	case tenancy && f.SessionPreset != presetBetterAuth && f.SessionPreset != presetAuthJS:
		s.addf("--session-tenant and --session-tenant-column are only for the presets better-auth and authjs")
	case !tenancy && f.SessionPreset == presetAuthJS:
		s.addf("--session-preset authjs needs --session-tenant-column or --session-tenant: Auth.js has no tenants of its own")
	}
	return s.wrong
}

// source is nil for the preset none.
func (f sessionSourceFlags) source(pool *pgxpool.Pool) *store.SessionQuery {
	tenancy := store.Tenancy{Column: f.SessionTenantColumn, Constant: f.SessionTenant}
	switch f.SessionPreset {
	case presetPgfeed:
		return store.PgfeedSessions(pool)
	case presetBetterAuth:
		return store.BetterAuthSessions(pool, tenancy)
	case presetAuthJS:
		return store.AuthJSSessions(pool, tenancy)
	case presetQuery:
		return store.NewSessionQuery(pool, f.SessionQuery, f.SessionQueryHashed, f.SessionTables...)
	}
	return nil
}

// validate names all that is wrong, and no secret.
func (f authFlags) validate() error {
	var s settings
	s.add(f.sessionSourceFlags.validate())
	if f.SessionPreset == presetBetterAuth {
		if _, err := auth.BetterAuth(f.BetterAuthSecret...); err != nil {
			s.addf("--better-auth-secret: %w", err)
		}
	}
	atLeast(&s, "session-recheck", f.SessionRecheck, time.Second)
	for flag, names := range map[string][]string{"session-cookie": f.SessionCookie, "jwt-cookie": f.JWTCookie} {
		for _, name := range names {
			if name == "" || strings.ContainsAny(name, " \t\r\n=;,\"") {
				s.addf("--%s: %q is not a cookie's name", flag, name)
			}
		}
	}
	if f.SessionPreset == presetNone && !f.jwt() {
		s.addf("--session-preset none needs --jwt-secret or --jwt-jwks-url, or nobody could listen")
	}
	var keys auth.Keys
	if f.JWTSecret != "" {
		var err error
		if keys, err = auth.SecretKeys(f.JWTSecret); err != nil {
			s.addf("--jwt-secret: %w", err)
		}
	}
	if f.JWTJWKSURL != "" {
		if f.JWTSecret != "" {
			s.addf("--jwt-secret and --jwt-jwks-url exclude each other: a public key must never be taken for a secret")
		}
		if f.JWTIssuer == "" {
			s.addf("--jwt-issuer is required with --jwt-jwks-url")
		}
		if err := auth.CheckKeysURL(f.JWTJWKSURL); err != nil {
			s.addf("--jwt-jwks-url: %w", err)
		}
	}
	if f.jwt() {
		for _, alg := range f.JWTAlgorithms {
			if !keys.CanUse(alg) {
				s.addf("--jwt-algorithms: %q can't be used with these keys: there are %s", alg, strings.Join(keys.All(), ", "))
			}
		}
		if f.JWTTenantClaim == "" || f.JWTUserClaim == "" {
			s.addf("--jwt-tenant-claim and --jwt-user-claim can't be empty")
		}
	} else if len(f.JWTAlgorithms) > 0 || f.JWTIssuer != "" || len(f.JWTAudience) > 0 || len(f.JWTCookie) > 0 {
		s.addf("the --jwt- settings need --jwt-secret or --jwt-jwks-url")
	}
	if f.JWTLeeway < 0 || f.JWTLeeway > 5*time.Minute {
		s.addf("--jwt-leeway is from 0s to 5m, not %v", f.JWTLeeway)
	}
	return s.wrong
}

func (f authFlags) jwt() bool { return f.JWTSecret != "" || f.JWTJWKSURL != "" }

// verifier is what authFlags come to: who checks credentials, and the sessions among them, which may be nil.
type verifier struct {
	auth.Verifiers
	sessions *auth.Sessions
}

// newVerifier wires the verifiers. Settings that the database refuses are an error; that it is away is not.
func (f authFlags) newVerifier(ctx context.Context, pool *pgxpool.Pool, live engine, log *slog.Logger) (verifier, error) {
	var v verifier
	if f.jwt() {
		keys, err := f.keys(ctx, log)
		if err != nil {
			return v, err
		}
		jwt, err := auth.NewJWT(auth.JWTConfig{
			Keys: keys, Algorithms: f.JWTAlgorithms, Issuer: f.JWTIssuer, Audiences: f.JWTAudience, Leeway: f.JWTLeeway,
			TenantClaim: f.JWTTenantClaim, UserClaim: f.JWTUserClaim, Cookies: f.JWTCookie,
		})
		if err != nil {
			return v, usageError{fmt.Errorf("--jwt-algorithms: %w", err)}
		}
		v.Verifiers = append(v.Verifiers, jwt)
	}
	source := f.source(pool)
	if source == nil {
		return v, nil
	}
	if f.SessionPreset != presetPgfeed { // whose table comes with the migrations, which may come later
		check, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := source.Check(check)
		cancel()
		if errors.Is(err, store.ErrSessionTables) {
			return v, usageError{fmt.Errorf("--session-preset %s: %w", f.SessionPreset, err)}
		}
		if err != nil {
			log.Warn("sessions can't be checked yet", "error", err)
		}
	}
	v.sessions = auth.NewSessions(auth.SessionsConfig{
		Source: source, Recheck: f.SessionRecheck, Hears: live.listener.OnTime, Logger: log,
		Close: func(session string) { live.hub.CloseSession(session, gateway.CloseSession) },
	})
	live.listener.Hear(auth.ChangesChannel, store.Channel{Heard: v.sessions.Changed, Missed: v.sessions.Missed})
	token := auth.Token{Sessions: v.sessions, Cookies: f.SessionCookie}
	if len(token.Cookies) == 0 {
		token.Cookies = slices.Clone(presetCookies[f.SessionPreset])
	}
	if f.SessionPreset == presetBetterAuth {
		var err error
		if token.Decode, err = auth.BetterAuth(f.BetterAuthSecret...); err != nil {
			return v, usageError{fmt.Errorf("--better-auth-secret: %w", err)}
		}
	}
	v.Verifiers = append(v.Verifiers, token)
	return v, nil
}

func (f authFlags) keys(ctx context.Context, log *slog.Logger) (auth.Keys, error) {
	if f.JWTSecret != "" {
		keys, err := auth.SecretKeys(f.JWTSecret)
		if err != nil {
			return keys, usageError{fmt.Errorf("--jwt-secret: %w", err)}
		}
		return keys, nil
	}
	keys, err := auth.RemoteKeys(ctx, f.JWTJWKSURL, log)
	if err != nil {
		return keys, usageError{fmt.Errorf("--jwt-jwks-url: %w", err)}
	}
	return keys, nil
}

// run watches sessions until ctx ends.
func (v verifier) run(ctx context.Context) {
	if v.sessions != nil {
		v.sessions.Run(ctx)
	}
}
