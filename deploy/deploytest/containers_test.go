package deploytest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"

	// The driver "pgx", by which the container is asked whether it answers.
	_ "github.com/jackc/pgx/v5/stdlib"
)

const maxImage = 30 << 20 // bytes

// TestContainersLoseNothing takes parts away under load, one after another, in one world, since that takes its time to start.
func TestContainersLoseNothing(t *testing.T) {
	w := newWorld(t)
	checkImage(t, w)
	followers := w.followers(24, "acme", "globex")
	stop := w.write(t, "acme", "globex")
	step := func(name string, do func()) {
		t.Helper()
		begun := time.Now()
		t.Log("nothing is lost when", name)
		do()
		settle(t, w.database, followers)
		t.Logf("%v, %d streams, %d rows of acme so far", time.Since(begun).Round(time.Millisecond), streams(followers), len(w.committed(t, "acme")))
	}

	step("nothing happens", func() {})

	step("a gateway is killed and replaced", func() {
		lost := w.gateways[0]
		w.gateways = w.gateways[1:]
		before := streams(followers)
		w.kill(lost)
		await(t, "a follower that has lost its stream comes back", func() error { return more(followers, before) })
		w.addGateway()
	})

	step("Postgres is killed", func() {
		w.kill(w.postgres)
		w.ready(http.StatusServiceUnavailable)
		if err := w.postgres.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.ready(http.StatusOK)
	})

	step("a gateway loses its network", func() {
		before := streams(followers)
		mend := w.cut(w.gateways[0], "gateway")
		w.healthy(w.gateways[0], container.Unhealthy)
		await(t, "a follower of the lost gateway comes back", func() error { return more(followers, before) })
		mend()
		w.healthy(w.gateways[0], container.Healthy)
	})

	step("Postgres loses its network", func() {
		mend := w.cut(w.postgres, "postgres")
		w.ready(http.StatusServiceUnavailable)
		mend()
		w.ready(http.StatusOK)
	})

	step("all gateways are replaced, one after another", func() {
		for range len(w.gateways) {
			w.addGateway()
			old := w.gateways[0]
			w.gateways = w.gateways[1:]
			grace := 30 * time.Second
			if err := old.Stop(t.Context(), &grace); err != nil {
				t.Fatal(err)
			}
			if state, err := old.State(t.Context()); err != nil || state.ExitCode != 0 {
				t.Errorf("the gateway ended with status %d, %v", state.ExitCode, err)
			}
		}
		drained := 0
		for _, f := range followers {
			f.mu.Lock()
			drained += f.byes[`{"reason":"drain"}`]
			f.mu.Unlock()
		}
		if drained == 0 {
			t.Error("no stream was told that its gateway drains")
		}
	})

	stop()
	settleExactly(t, w.database, followers)
}

// checkImage says what is wrong with the gateway's image: it should be one binary without rights.
func checkImage(t *testing.T, w *world) {
	t.Helper()
	g := w.gateways[0]
	image, err := w.docker.ImageInspect(t.Context(), w.image)
	if err != nil {
		t.Fatal(err)
	}
	if image.Size == 0 || image.Size > maxImage {
		t.Errorf("the image has %d bytes, at most %d are allowed", image.Size, maxImage)
	}
	if user := image.Config.User; user == "" || user == "root" || user[0] == '0' {
		t.Errorf("it runs as %q", user)
	}
	if image.Config.Healthcheck == nil || image.Config.Healthcheck.Test[0] != "CMD" {
		t.Errorf("its health check is %+v, want one that needs no shell", image.Config.Healthcheck)
	}
	for _, command := range [][]string{{"/bin/sh", "-c", "true"}, {"sh", "-c", "true"}} {
		if code, _, err := g.Exec(t.Context(), command); err == nil && code == 0 {
			t.Errorf("%q runs in it", command)
		}
	}
	if code, _, err := g.Exec(t.Context(), []string{"/pgfeed", "health"}); err != nil || code != 0 {
		t.Errorf("/pgfeed health: status %d, %v", code, err)
	}
}

func streams(followers []*follower) (n int) {
	for _, f := range followers {
		n += f.streams()
	}
	return n
}

func more(followers []*follower, than int) error {
	if n := streams(followers); n <= than {
		return fmt.Errorf("%d streams so far: %w", n, errNotYet)
	}
	return nil
}
