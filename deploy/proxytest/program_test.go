package proxytest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
)

// program is a proxy with its configuration in deploy/.
type program struct {
	name string
	file string // its configuration
	// arguments are what it is started with to run a configuration in a directory, without leaving the terminal.
	arguments func(dir, config string) []string
	// replace gives what is put in the place of what, in pairs. Each must be there.
	replace func(s site) []string
	// more are files that go beside the configuration.
	more func(t *testing.T, s site) map[string]string
	// asksNext tells whether a gateway's 503 is the next one's turn.
	asksNext bool
}

// site is what a proxy's configuration is made for.
type site struct {
	dir      string
	port     int
	gateways [2]string
}

var programs = []program{
	{
		name: "nginx", file: "nginx/pgfeed.conf", asksNext: true,
		arguments: func(dir, _ string) []string {
			return []string{"-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr"}
		},
		replace: func(s site) []string {
			return []string{
				"127.0.0.1:8081", s.gateways[0], "127.0.0.1:8082", s.gateways[1], "listen 443 ", fmt.Sprintf("listen 127.0.0.1:%d ", s.port),
				"/etc/nginx/tls/tls.crt", s.dir + "/tls.crt", "/etc/nginx/tls/tls.key", s.dir + "/tls.key",
				"/etc/nginx/pgfeed-proxy.conf", s.dir + "/pgfeed-proxy.conf",
			}
		},
		more: func(t *testing.T, s site) map[string]string {
			return map[string]string{
				"pgfeed-proxy.conf": read(t, "../nginx/pgfeed-proxy.conf"),
				"nginx.conf": fmt.Sprintf(`daemon off; pid %[1]s/nginx.pid; events {}
http { access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
include %[1]s/pgfeed.conf; }`, s.dir),
			}
		},
	},
	{
		name: "haproxy", file: "haproxy/haproxy.cfg", asksNext: true,
		arguments: func(_, config string) []string { return []string{"-db", "-f", config} },
		replace: func(s site) []string {
			return []string{
				"127.0.0.1:8081", s.gateways[0], "127.0.0.1:8082", s.gateways[1], "bind :443 ", fmt.Sprintf("bind 127.0.0.1:%d ", s.port),
				"/etc/haproxy/tls/pgfeed.pem", s.dir + "/pgfeed.pem",
			}
		},
	},
	{
		name: "caddy", file: "caddy/Caddyfile",
		arguments: func(_, config string) []string { return []string{"run", "--config", config, "--adapter", "caddyfile"} },
		replace: func(s site) []string {
			return []string{
				"127.0.0.1:8081", s.gateways[0], "127.0.0.1:8082", s.gateways[1],
				"pgfeed.example.com {", fmt.Sprintf("pgfeed.example.com:%d {\n\tbind 127.0.0.1", s.port),
				"admin off", "admin off\n\tauto_https disable_redirects",
				"/etc/caddy/tls/tls.crt", s.dir + "/tls.crt", "/etc/caddy/tls/tls.key", s.dir + "/tls.key",
			}
		},
	},
}

// path finds the program, also where only root's PATH would have it.
func (p program) path(t *testing.T) string {
	t.Helper()
	for _, name := range []string{p.name, "/usr/sbin/" + p.name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s isn't installed", p.name)
	}
	t.Skipf("%s isn't installed: .ci/setup proxies installs it", p.name)
	return ""
}

// start runs the proxy in front of two gateways until the test ends. Further pairs are replaced in its configuration as well.
func (p program) start(t *testing.T, gateways [2]string, changes ...string) *front {
	t.Helper()
	path := p.path(t)
	dir, err := os.MkdirTemp("/tmp", "pgfeed-"+p.name+"-") // where its workers, who have another user, get to
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	port, err := faults.FreePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := site{dir: dir, port: port, gateways: gateways}
	cert, key := certificate(t)
	files := map[string]string{"tls.crt": cert.pem, "tls.key": key, "pgfeed.pem": cert.pem + key}
	if p.more != nil {
		for name, text := range p.more(t, s) {
			files[name] = text
		}
	}
	files[filepath.Base(p.file)] = read(t, "../"+p.file)
	pairs := append(p.replace(s), changes...)
	for i := 0; i < len(pairs); i += 2 {
		found := false
		for name, text := range files {
			if strings.Contains(text, pairs[i]) {
				files[name], found = strings.ReplaceAll(text, pairs[i], pairs[i+1]), true
			}
		}
		if !found {
			t.Fatalf("the configuration of %s has no %q", p.name, pairs[i])
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(path, p.arguments(dir, filepath.Join(dir, filepath.Base(p.file)))...) //nolint:gosec // one of ours
	var logs lockedBuffer
	command.Stdout, command.Stderr = &logs, &logs
	command.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = command.Wait() // ended by a signal
		close(exited)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(10 * time.Second):
			_ = command.Process.Kill()
			<-exited
		}
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, logs.String())
		}
	})
	f := newFront(t, s.port, cert)
	await(t, p.name, func() error {
		select {
		case <-exited:
			t.Fatalf("%s ended:\n%s", p.name, logs.String())
		default:
		}
		return f.ready(t)
	})
	return f
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// await asks until there is no error. The limit is far above what anything here takes.
func await(t *testing.T, what string, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond) // between two questions
	}
}
