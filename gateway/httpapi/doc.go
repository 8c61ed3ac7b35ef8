// Package httpapi is the HTTP face of a gateway: routes, middleware, problems. It is the only importer of echo.
//
// Every answer but a stream and the page is JSON; every error is application/problem+json (RFC 9457) that names what was
// wrong and never holds a token. Handlers hold no state between requests; a stream lasts until its peer, its session or its
// subscriber ends.
package httpapi
