package main

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/pgfeed/pgfeed/gateway/sse/ssetest"
)

// A client that missed 50,000 events, and is cut off every few thousand, goes on from where it was cut, on whichever gateway;
// no event comes twice even on the wire, since each has an id that says how far the replay has come.
func TestAReplayThatIsCutAgainAndAgainGetsToItsEnd(t *testing.T) {
	noLeaks(t)
	const missed, most = 50_000, 6000
	url, pool := database(t)
	gateways := []*testGateway{startReady(t, url, "--max-replay", "100000"), startReady(t, url, "--max-replay", "100000")}
	token := session(t, pool, "acme", "ada")
	s := gateways[0].stream(t, token)
	s.Close()
	at := s.LastID
	for range missed / 1000 {
		exec(t, pool, `insert into "activityLogs" ("tenantId", action, description) select 'acme', 'missed', repeat('x', 300) from generate_series(1, 1000)`)
	}
	rng := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // to be repeatable
	got := make(map[int64]bool, missed)
	cuts := 0
	for ; len(got) < missed; cuts++ {
		s := ssetest.Open(t, gateways[cuts%2].URL+"/api/activity/stream?cursor="+at, token)
		s.Until(t, "hello")
		for range 1 + rng.IntN(most) {
			id, err := strconv.ParseInt(s.Event(t).ID, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if got[id] {
				t.Fatalf("event %d came twice, after %d cuts", id, cuts)
			}
			if got[id] = true; len(got) == missed {
				break
			}
		}
		at = s.LastID
		s.Close()
	}
	if cuts < missed/most {
		t.Errorf("it was cut only %d times", cuts)
	}
	// Nothing is left, and nothing comes again.
	end := gateways[0].stream(t, token, "?cursor="+at)
	insert(t, pool, "acme", "goes on")
	if got := description(t, end.Event(t)); got != "goes on" {
		t.Errorf("behind the replay came %q", got)
	}
}
