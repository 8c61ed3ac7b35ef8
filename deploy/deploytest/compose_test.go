package deploytest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// compose runs `docker compose`, of whichever generation is installed, on docker-compose.yml.
type compose struct {
	t       *testing.T
	program []string
	env     []string
}

func newCompose(t *testing.T) *compose {
	t.Helper()
	gateway, postgres, nginx := images(t)
	c := &compose{t: t, env: append(os.Environ(),
		"COMPOSE_PROJECT_NAME=pgfeed-test-"+fmt.Sprint(time.Now().UnixNano()), "PGFEED_ADDR=127.0.0.1:", // any port
		"PGFEED_IMAGE="+gateway, "POSTGRES_IMAGE="+postgres, "NGINX_IMAGE="+nginx)}
	if exec.Command("docker", "compose", "version").Run() == nil {
		c.program = []string{"docker", "compose"}
	} else if path, err := exec.LookPath("docker-compose"); err == nil {
		c.program = []string{path}
	} else {
		t.Skip("neither docker compose nor docker-compose is installed: .ci/setup compose installs one")
	}
	return c
}

func (c *compose) run(args ...string) (string, error) {
	args = append(append(c.program[1:len(c.program):len(c.program)], "-f", "../../docker-compose.yml", "--project-directory", "../.."), args...)
	command := exec.Command(c.program[0], args...)
	var out, logs bytes.Buffer
	command.Env, command.Stdout, command.Stderr = c.env, &out, &logs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%q: %w: %s%s", args, err, out.String(), logs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

func (c *compose) must(args ...string) string {
	c.t.Helper()
	out, err := c.run(args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// What docker-compose.yml promises: one command, one address, and things move there, also when a gateway dies.
func TestComposeUpGivesAPageWhereThingsMove(t *testing.T) {
	c := newCompose(t)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := c.run("logs", "--tail=20")
			t.Log(logs)
		}
		if _, err := c.run("down", "-v", "-t", "1"); err != nil {
			t.Error(err)
		}
	})
	c.must("up", "-d", "--no-build")
	page := "http://" + c.must("port", "proxy", "8080")

	await(t, "the page", func() error {
		body, err := get(page + "/")
		if err == nil && !strings.Contains(body, "<!doctype html>") {
			err = errors.New(body)
		}
		return err
	})
	gateways := strings.Fields(c.must("ps", "-q", "gateway"))
	if len(gateways) != 3 {
		t.Errorf("%d gateways, want three", len(gateways))
	}
	resp, err := http.Post(page+"/demo/login", "application/json", strings.NewReader(`{"tenant":"acme","user":"ada"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var login struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&login); err != nil || login.Token == "" {
		t.Fatalf("login: %s, %v", resp.Status, err)
	}
	f := follow(t, &follower{tenant: "acme", token: login.Token, silence: 45 * time.Second, address: func() string { return page }})
	moves := func(than int) {
		t.Helper()
		await(t, "activities", func() error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.wrong) > 0 {
				t.Fatal(errors.Join(f.wrong...))
			}
			if len(f.ids) <= than {
				return fmt.Errorf("%d so far: %w", len(f.ids), errNotYet)
			}
			return nil
		})
	}
	moves(0)
	// The demo's activities are inserted by one of the gateways: with two gone, another does it.
	for _, g := range gateways[:2] {
		if out, err := exec.Command("docker", "kill", g).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	}
	f.mu.Lock()
	n := len(f.ids)
	f.mu.Unlock()
	moves(n + 1)
}

// get gives the body of a 200.
func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}
