package httpapi

import (
	"strings"

	"github.com/labstack/echo/v4"
)

// What pages may do (W3C Content Security Policy Level 3). The page brings all that it needs and talks to its own gateway;
// an answer of the API, opened in a tab, may do nothing at all.
const (
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"media-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
	apiPolicy = "default-src 'none'; frame-ancestors 'none'"
)

// securityHeaders are on every answer.
func securityHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		policy := pagePolicy
		if path := c.Request().URL.Path; strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/demo/") {
			policy = apiPolicy
		}
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin") // for requests without CORS; those with it have the list of origins
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		return next(c)
	}
}

func noCache(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderCacheControl, "no-cache")
		return next(c)
	}
}

// maxRequestID bounds an id that a proxy gave a request, in bytes.
const maxRequestID = 128

// saneRequestID drops an id that would be a nuisance in the log, so that the request gets one of ours.
func saneRequestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Request().Header
		id := h.Get(echo.HeaderXRequestID)
		plain := func(r rune) bool {
			return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_.:/+=", r)
		}
		if len(id) > maxRequestID || strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
			h.Del(echo.HeaderXRequestID)
		}
		return next(c)
	}
}
