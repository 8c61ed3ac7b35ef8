package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/pgfeed/pgfeed/gateway/auth"
)

// Outcomes of looking at credentials.
const (
	outcomeAccepted = "accepted"
	outcomeNone     = "none"
	outcomeRefused  = "refused"
	outcomeFailed   = "failed"
)

// countedVerifier counts what a verifier says.
type countedVerifier struct {
	auth.Verifier
	m *metrics
}

// Verify implements auth.Verifier.
func (v countedVerifier) Verify(ctx context.Context, r *http.Request) (auth.Pass, error) {
	pass, err := v.Verifier.Verify(ctx, r)
	outcome := outcomeFailed
	switch {
	case err == nil:
		outcome = outcomeAccepted
	case errors.Is(err, auth.ErrNone):
		outcome = outcomeNone
	case errors.Is(err, auth.ErrInvalid):
		outcome = outcomeRefused
	case r.Context().Err() != nil: // the client has left
		return pass, err
	}
	v.m.verified.WithLabelValues(outcome).Inc()
	return pass, err
}
