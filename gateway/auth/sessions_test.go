package auth_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
	"github.com/pgfeed/pgfeed/gateway/auth"
)

// hangingSource finds a session that expires in a second, once. Then its database doesn't answer any more.
type hangingSource struct {
	watched bool // it still answers whether changes are reported: they aren't
	found   atomic.Bool
	hangs   chan struct{} // closed once somebody waits in vain
}

func (s *hangingSource) hang(ctx context.Context) error {
	close(s.hangs) // nobody asks again
	<-ctx.Done()
	return ctx.Err()
}

func (s *hangingSource) Find(ctx context.Context, tokens []string) (map[string]auth.Found, error) {
	if s.found.Swap(true) {
		return nil, s.hang(ctx)
	}
	return map[string]auth.Found{tokens[0]: {Identity: gateway.Identity{Tenant: "acme", User: "ada", Expiry: time.Now().Add(time.Second)}}}, nil
}

func (s *hangingSource) Watched(ctx context.Context) (bool, error) {
	if s.watched {
		return false, nil
	}
	return false, s.hang(ctx)
}

func TestStreamsEndWhenTheirSessionsExpireThoughTheDatabaseHangs(t *testing.T) {
	for asked, watched := range map[string]bool{"whether changes are reported": false, "for sessions": true} {
		t.Run("asked "+asked, func(t *testing.T) {
			source := &hangingSource{watched: watched, hangs: make(chan struct{})}
			ended := make(chan string, 1)
			sessions := auth.NewSessions(auth.SessionsConfig{Source: source, Fresh: 10 * time.Millisecond, Timeout: time.Hour, Close: func(session string) {
				select {
				case ended <- session:
				default: // it is told so again and again
				}
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			done := make(chan struct{})
			go func() {
				defer close(done)
				sessions.Run(ctx)
			}()
			defer func() {
				cancel()
				<-done
			}()
			pass, err := sessions.Find(ctx, goodToken)
			if err != nil {
				t.Fatal(err)
			}
			defer pass.Hold(&pass.Identity).Release()
			<-source.hangs
			select {
			case session := <-ended:
				if session != auth.Name(goodToken) {
					t.Errorf("the session %q ended", session)
				}
			case <-ctx.Done():
				t.Error("its streams go on")
			}
		})
	}
}
