package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// ErrNone says that a request carries no credentials that a verifier knows; ErrInvalid that those it carries don't hold.
// Their texts are what clients are told.
var (
	ErrNone    = errors.New("no session token: send Authorization: Bearer TOKEN, or the session cookie")
	ErrInvalid = errors.New("the session token is unknown, expired or revoked")
)

// Refusal is an ErrInvalid with its reason, which is for the log: it would tell a forger what to mend.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return "refused: " + r.Reason }

// Is makes a Refusal an ErrInvalid.
func (r *Refusal) Is(target error) bool { return target == ErrInvalid }

func refuse(reason string) error { return &Refusal{Reason: reason} }

// Pass is what a verifier gives for good credentials. Its identity has an expiry where that is fixed, and streams have to end
// then; where it isn't, whoever watches the session ends them.
type Pass struct {
	gateway.Identity
	sessions *Sessions // nil: the credentials can't be revoked before they expire
	token    string
	expiry   time.Time // as of now: the application may extend it
}

// Hold has the session watched for as long as a stream of it is open, which it keeps the identity for: the caller's own, with the texts
// of the pass's. The stream's end calls Release, once.
func (p Pass) Hold(id *gateway.Identity) Hold {
	if p.sessions == nil {
		return Hold{}
	}
	return Hold{p.sessions, p.sessions.hold(p, id)}
}

// Hold is one stream's part in its session's being watched. Its zero value watches nothing.
type Hold struct {
	sessions *Sessions
	held     *held
}

// Release ends it.
func (h Hold) Release() {
	if h.sessions != nil {
		h.sessions.release(h.held)
	}
}

// Verifier turns a request's credentials into a pass. Other errors than ErrNone and ErrInvalid mean that it can't tell at
// present.
type Verifier interface {
	Verify(ctx context.Context, r *http.Request) (Pass, error)
}

// Verifiers asks one after another; the first that knows the kind of credentials decides.
type Verifiers []Verifier

var _ Verifier = Verifiers(nil)

// Verify implements Verifier.
func (list Verifiers) Verify(ctx context.Context, r *http.Request) (Pass, error) {
	for _, v := range list {
		pass, err := v.Verify(ctx, r)
		if !errors.Is(err, ErrNone) {
			return pass, err
		}
	}
	return Pass{}, ErrNone
}
