package test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
)

// nobody is a database at which nobody answers.
const nobody = "postgres://nobody@127.0.0.1:1/nothing"

// build builds pgfeed, as it is here.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "pgfeed")
	command := exec.Command("go", "build", "-o", program, "./cmd/pgfeed")
	command.Dir = "../../.."
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// environment is what a container's program sees. Secrets are nobody's database; every setting must be one that pgfeed knows,
// since it ignores others without a word.
func environment(t *testing.T, c core.Container, instead map[string]string) []string {
	t.Helper()
	known, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for _, v := range c.Env {
		if strings.HasPrefix(v.Name, "PGFEED_") && !strings.Contains(string(known), "`"+v.Name+"`") {
			t.Errorf("pgfeed knows no %s", v.Name)
		}
		value := v.Value
		if v.ValueFrom != nil {
			value = nobody
		}
		if other, ok := instead[v.Name]; ok {
			value = other
		}
		env = append(env, v.Name+"="+value)
	}
	return env
}

func TestTheGatewayIsAsItsManifestSays(t *testing.T) {
	all := render(t)
	gateway := named[apps.Deployment](t, all, "pgfeed").Spec.Template.Spec.Containers[0]
	for name, v := range map[string]string{"http": "PGFEED_HTTP_ADDR", "admin": "PGFEED_ADMIN_ADDR"} {
		if got, want := setting(t, gateway, v), fmt.Sprintf(":%d", port(t, all, name)); got != want {
			t.Errorf("%s is %q, but the port %s is %s", v, got, name, want)
		}
	}
	command := exec.Command(build(t), gateway.Args...)
	command.Env = environment(t, gateway, map[string]string{"PGFEED_HTTP_ADDR": "127.0.0.1:0", "PGFEED_ADMIN_ADDR": "127.0.0.1:0"})
	logs, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	type addresses struct{ Msg, HTTP, Admin string }
	serving, said := make(chan addresses, 1), make(chan string, 1)
	go func() {
		var text strings.Builder
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			text.WriteString(lines.Text() + "\n")
			var a addresses
			if json.Unmarshal(lines.Bytes(), &a) == nil && a.Msg == "serving" {
				serving <- a
			}
		}
		said <- text.String()
	}()
	var at addresses
	select {
	case at = <-serving:
	case text := <-said:
		t.Fatalf("the gateway ended:\n%s", text)
	}

	// Alive though its database is away, but not ready.
	for what, c := range map[string]struct {
		probe *core.Probe
		want  int
	}{
		"startup": {gateway.StartupProbe, http.StatusOK}, "liveness": {gateway.LivenessProbe, http.StatusOK},
		"readiness": {gateway.ReadinessProbe, http.StatusServiceUnavailable},
	} {
		get := c.probe.HTTPGet
		if get.Port.StrVal != "http" {
			t.Errorf("the %s probe asks port %v", what, get.Port)
		}
		if status, body := ask(t, "http://"+at.HTTP+get.Path); status != c.want {
			t.Errorf("the %s probe gets %d %s, want %d", what, status, body, c.want)
		}
	}
	endpoint := named[monitoring.ServiceMonitor](t, all, "pgfeed").Spec.Endpoints[0]
	_, metrics := ask(t, "http://"+at.Admin+endpoint.Path)
	for _, m := range named[autoscaling.HorizontalPodAutoscaler](t, all, "pgfeed").Spec.Metrics {
		if m.Pods != nil && !strings.Contains(metrics, "\n"+m.Pods.Metric.Name+" ") {
			t.Errorf("the gateway has no metric %s", m.Pods.Metric.Name)
		}
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	text := <-said
	if err := command.Wait(); err != nil {
		t.Errorf("on SIGTERM the gateway ended with %v:\n%s", err, text)
	}
}

func TestTheMigrationIsACommandOfTheProgram(t *testing.T) {
	c := named[batch.Job](t, render(t), "pgfeed-migrate").Spec.Template.Spec.Containers[0]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, build(t), c.Args...)
	command.Env = environment(t, c, nil)
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 { // 2 would be wrong usage
		t.Errorf("without a database: %v, want status 1\n%s", err, out)
	}
}

func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext}
	resp, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
