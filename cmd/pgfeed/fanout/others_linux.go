package fanout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/faults"
)

// RunOthers measures other servers beside the gateway, all in turns, and adds their figures to the report.
func RunOthers(ctx context.Context, o OthersOptions, report *bench.Report, progress *bench.Progress) (err error) {
	var cleanup bench.Cleanup
	defer func() { err = errors.Join(err, cleanup.Run(ctx)) }()
	m, err := open(ctx, o.Options, report, progress, &cleanup)
	if err != nil {
		return err
	}
	report.Settings["servers"] = strings.Join(o.Servers, ",")
	targets := []target{m.ofGateway()}
	for _, name := range o.Servers {
		t, err := others[name].start(ctx, m.frame-len("data: \n\n"), &cleanup)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	slow := load{subscribers: m.Subscribers, tenants: 1, rate: 10}
	fast := load{subscribers: m.Subscribers, tenants: 1, window: 100, batch: 25, writers: 2, drain: time.Minute}
	rated, saturated, idle := map[string][]outcome{}, map[string][]outcome{}, map[string]float64{}
	for _, t := range targets {
		m.progress.Step("%s, idle", t.name)
		if idle[t.name], err = m.memoryEach(ctx, t, o.Settle); err != nil {
			return fmt.Errorf("%s, idle: %w", t.name, err)
		}
	}
	for n := range m.Rounds {
		for _, t := range targets {
			for _, do := range []struct {
				what string
				load load
				into map[string][]outcome
			}{{"10 events/s", slow, rated}, {"as fast as they are delivered", fast, saturated}} {
				m.progress.Step("%s, %s: round %d of %d", t.name, do.what, n+1, m.Rounds)
				o, err := m.round(ctx, t, do.load)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", t.name, do.what, err)
				}
				do.into[t.name] = append(do.into[t.name], o)
			}
		}
		slices.Reverse(targets)
	}
	for _, t := range targets {
		group := fmt.Sprintf("%s, one tenant, %d subscribers", t.name, m.Subscribers)
		s := saturated[t.name]
		m.report.Add(
			bench.Median(group, "CPU per delivery, 10 events/s", "µs", each(rated[t.name], cpuMicroseconds)),
			bench.Median(group, "p99, 10 events/s", "ms", each(rated[t.name], p99Milliseconds)),
			bench.Median(group, "deliveries, as fast as they are made", "/s", each(s, perSecond)),
			bench.Median(group, "CPU per delivery, as fast as they are made", "µs", each(s, cpuMicroseconds)),
			bench.Median(group, "not delivered within a minute", "", each(s, func(o outcome) float64 { return o.late })),
			bench.Figure{Group: group, Name: "user-space memory of an idle one", Unit: "bytes", Value: idle[t.name]},
		)
	}
	return nil
}

// memoryEach is what a server holds for each subscriber on whom nothing happens, beyond what it has kept of a crowd that went.
func (m *measuring) memoryEach(ctx context.Context, t target, settle time.Duration) (float64, error) {
	crowd := func(n int, stay time.Duration) (held float64, err error) {
		c, _, err := connect(ctx, t.addr, t.hello, n, 0, func(i int) []byte { return t.request(0, i) })
		if err != nil {
			return 0, err
		}
		if bench.Pause(ctx, stay) {
			held, err = t.memory()
		}
		return held, errors.Join(err, ctx.Err(), c.close())
	}
	if _, err := crowd(min(warmUp, m.Subscribers), 0); err != nil {
		return 0, err
	}
	one, err := crowd(1, settle)
	if err != nil {
		return 0, err
	}
	all, err := crowd(m.Subscribers, settle)
	return (all - one) / float64(max(m.Subscribers-1, 1)), err
}

// other is another server that sends events to browsers, as it is set up to let them resume: with what it remembers of a channel in
// its own memory. Nobody proves to it who he is, which spares it work.
type other struct {
	name    string
	program string // looked for on the PATH
	missing string // how to get it
	config  string // in which ADDR, HOST, PORT and DIR are replaced, as in args
	args    []string
	hello   string
	request func(addr string, tenant int) []byte
	publish func(ctx context.Context, client *http.Client, addr string, tenant int, data []json.RawMessage) error
}

// nchanModule is where Debian's package has it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

var others = map[string]other{
	"centrifugo": {
		name: "centrifugo", program: "centrifugo", missing: "go install github.com/centrifugal/centrifugo/v6@latest",
		config: `{"http_server":{"address":"HOST","port":PORT},"http_api":{"insecure":true},"log":{"level":"error"},"uni_sse":{"enabled":true},
"client":{"insecure":true,"queue_max_size":16777216},"channel":{"without_namespace":{"history_size":1000,"history_ttl":"60s","force_recovery":true}}}`,
		args: []string{"-c", "DIR/config.json"}, hello: `"connect":{`,
		request: func(addr string, tenant int) []byte {
			subscribe := url.QueryEscape(fmt.Sprintf(`{"subs":{"tenant-%d":{}}}`, tenant))
			return fmt.Appendf(nil, "GET /connection/uni_sse?cf_connect=%s HTTP/1.1\r\nHost: %s\r\n\r\n", subscribe, addr)
		},
		publish: func(ctx context.Context, client *http.Client, addr string, tenant int, data []json.RawMessage) error {
			type publication struct {
				Channel string          `json:"channel"`
				Data    json.RawMessage `json:"data"`
			}
			type command struct {
				Publish publication `json:"publish"`
			}
			var batch struct {
				Commands []command `json:"commands"`
			}
			for _, d := range data {
				batch.Commands = append(batch.Commands, command{publication{fmt.Sprintf("tenant-%d", tenant), d}})
			}
			body, err := json.Marshal(batch)
			if err != nil {
				return err
			}
			return post(ctx, client, "http://"+addr+"/api/batch", body)
		},
	},
	"nchan": {
		name: "nchan", program: "nginx", missing: "Debian's package libnginx-mod-nchan has it",
		config: `load_module ` + nchanModule + `;
daemon off; error_log stderr error; pid DIR/nginx.pid; worker_processes auto; events { worker_connections 16384; }
http { access_log off; nchan_shared_memory_size 256M; client_body_temp_path DIR; proxy_temp_path DIR; fastcgi_temp_path DIR; uwsgi_temp_path DIR; scgi_temp_path DIR;
server { listen ADDR backlog=1024 reuseport; keepalive_requests 1000000;
location ~ ^/publish/(.+)$ { nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 1000; nchan_message_timeout 60s; }
location ~ ^/subscribe/(.+)$ { nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest; } } }`,
		args: []string{"-p", "DIR", "-e", "stderr", "-c", "DIR/config.json"}, hello: ": hi",
		request: func(addr string, tenant int) []byte {
			return fmt.Appendf(nil, "GET /subscribe/tenant-%d HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", tenant, addr)
		},
		publish: func(ctx context.Context, client *http.Client, addr string, tenant int, data []json.RawMessage) error {
			for _, d := range data {
				if err := post(ctx, client, fmt.Sprintf("http://%s/publish/tenant-%d", addr, tenant), d); err != nil {
					return err
				}
			}
			return nil
		},
	},
}

func post(ctx context.Context, client *http.Client, to string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 || bytes.Contains(text, []byte(`"error"`)) {
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return nil
}

// start runs the server until the cleanup. size is that of an event's data, in bytes.
func (o other) start(ctx context.Context, size int, cleanup *bench.Cleanup) (t target, err error) {
	path, err := exec.LookPath(o.program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + o.program) // only root's PATH may have it
	}
	if o.name == "nchan" && err == nil {
		_, err = os.Stat(nchanModule)
	}
	if err != nil {
		return t, fmt.Errorf("%s isn't installed (%s): %w", o.name, o.missing, err)
	}
	free, err := faults.FreePort(ctx)
	if err != nil {
		return t, err
	}
	host, port := "127.0.0.1", strconv.Itoa(free)
	addr := net.JoinHostPort(host, port)
	dir, err := os.MkdirTemp("", "pgfeed-bench-"+o.name+"-")
	if err != nil {
		return t, err
	}
	cleanup.Add("delete "+dir, func(context.Context) error { return os.RemoveAll(dir) })
	fill := strings.NewReplacer("ADDR", addr, "HOST", host, "PORT", port, "DIR", dir)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(fill.Replace(o.config)), 0o600); err != nil {
		return t, err
	}
	args := make([]string, len(o.args))
	for i := range args {
		args[i] = fill.Replace(o.args[i])
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, args...) //nolint:gosec // one of ours
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return t, err
	}
	var why error // read it after ended
	ended := make(chan struct{})
	go func() {
		why = cmd.Wait()
		close(ended)
	}()
	cleanup.Add("stop "+o.name, func(context.Context) error {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
		return nil
	})
	select {
	case <-ended:
		return t, fmt.Errorf("start %s: it ended: %w\n%s", o.name, why, log.String())
	case err := <-listening(ctx, addr):
		if err != nil {
			return t, fmt.Errorf("start %s: %w", o.name, err)
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writersAtATime}}
	cleanup.Add("close connections", func(context.Context) error { client.CloseIdleConnections(); return nil })
	return target{
		name: o.name, addr: addr, hello: o.hello, pids: family(cmd.Process.Pid),
		request: func(tenant, _ int) []byte { return o.request(addr, tenant) },
		publish: func(ctx context.Context, tenant int, texts []string) error {
			data := make([]json.RawMessage, len(texts))
			for i, text := range texts {
				data[i] = fmt.Appendf(nil, `{"text":"%s%s"}`, text, strings.Repeat("x", max(0, size-len(`{"text":""}`)-len(text))))
			}
			return o.publish(ctx, client, addr, tenant, data)
		},
	}, nil
}

// listening says when a server takes connections, or that it doesn't.
func listening(ctx context.Context, addr string) <-chan error {
	result := make(chan error, 1)
	go func() {
		for deadline := time.Now().Add(30 * time.Second); ; {
			c, err := new(net.Dialer).DialContext(ctx, "tcp4", addr)
			if err == nil {
				result <- c.Close()
				return
			}
			if time.Now().After(deadline) || !bench.Pause(ctx, 20*time.Millisecond) {
				result <- errors.Join(err, ctx.Err())
				return
			}
		}
	}()
	return result
}
