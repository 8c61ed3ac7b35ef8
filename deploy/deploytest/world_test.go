package deploytest

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"
)

// images by name, see .ci/container.
func images(t *testing.T) (gateway, postgres, nginx string) {
	t.Helper()
	for name, image := range map[string]*string{
		"PGFEED_TEST_GATEWAY_IMAGE": &gateway, "PGFEED_TEST_IMAGE": &postgres, "PGFEED_TEST_NGINX_IMAGE": &nginx,
	} {
		if *image = os.Getenv(name); *image == "" {
			t.Skipf("%s names no image: .ci/container makes one and runs this", name)
		}
	}
	return gateway, postgres, nginx
}

const password = "pgfeed"

// world is a network with a Postgres, gateways and nginx in containers, as in docker-compose.yml.
type world struct {
	t        *testing.T
	docker   *testcontainers.DockerClient
	net      *testcontainers.DockerNetwork
	image    string // of the gateways
	postgres testcontainers.Container
	gateways []testcontainers.Container
	proxy    string // its address on this machine
	database
}

func newWorld(t *testing.T) *world {
	t.Helper()
	gatewayImage, postgresImage, nginxImage := images(t)
	ctx := t.Context()
	w := &world{t: t, image: gatewayImage}
	var err error
	if w.docker, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.docker.Close() })
	if w.net, err = tcnetwork.New(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.net.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	url := func(host string, port network.Port) string {
		return fmt.Sprintf("postgres://pgfeed:%s@%s:%d/pgfeed?sslmode=disable", password, host, port.Num())
	}
	w.postgres = w.run(postgresImage, "postgres",
		testcontainers.WithEnv(map[string]string{"POSTGRES_USER": "pgfeed", "POSTGRES_DB": "pgfeed", "POSTGRES_PASSWORD": password}),
		testcontainers.WithExposedPorts("5432/tcp"), testcontainers.WithCmd("postgres", "-c", "fsync=off"), // killed, but with the power on
		testcontainers.WithWaitStrategyAndDeadline(patience, wait.ForSQL("5432/tcp", "pgx", url).WithStartupTimeout(patience)))
	w.database = database{func(ctx context.Context) (string, error) {
		host, err := w.postgres.Host(ctx)
		if err != nil {
			return "", err
		}
		port, err := w.postgres.MappedPort(ctx, "5432/tcp") // a restart may change it
		return url(host, port), err
	}}
	w.run(gatewayImage, "", testcontainers.WithCmd("migrate", "up"), gatewayEnv,
		testcontainers.WithWaitStrategyAndDeadline(patience, wait.ForExit()))
	for range 3 {
		w.addGateway()
	}
	files, err := filepath.Abs("../nginx")
	if err != nil {
		t.Fatal(err)
	}
	nginx := w.run(nginxImage, "proxy", testcontainers.WithExposedPorts("8080/tcp"),
		testcontainers.WithFiles(
			testcontainers.ContainerFile{HostFilePath: files + "/compose.conf", ContainerFilePath: "/etc/nginx/nginx.conf", FileMode: 0o644},
			testcontainers.ContainerFile{HostFilePath: files + "/pgfeed-proxy.conf", ContainerFilePath: "/etc/nginx/pgfeed-proxy.conf", FileMode: 0o644}),
		testcontainers.WithWaitStrategyAndDeadline(patience, wait.ForListeningPort("8080/tcp").SkipInternalCheck()))
	if w.proxy, err = nginx.PortEndpoint(ctx, "8080/tcp", "http"); err != nil {
		t.Fatal(err)
	}
	return w
}

var gatewayEnv = testcontainers.WithEnv(map[string]string{
	"PGFEED_DATABASE_URL": "postgres://pgfeed:" + password + "@postgres:5432/pgfeed?sslmode=disable",
	"PGFEED_KEEP_ALIVE":   "1s",
	"PGFEED_DRAIN_WINDOW": "2s",
})

// run starts a container; it is gone when the test ends.
func (w *world) run(image, alias string, options ...testcontainers.ContainerCustomizer) testcontainers.Container {
	w.t.Helper()
	var aliases []string
	if alias != "" {
		aliases = []string{alias}
	}
	options = append(options, testcontainers.WithLogger(log.New(io.Discard, "", 0)))
	ctr, err := testcontainers.Run(w.t.Context(), image, append(options, tcnetwork.WithNetwork(aliases, w.net))...)
	w.t.Cleanup(func() {
		if ctr == nil {
			return
		}
		if w.t.Failed() {
			w.dump(alias, ctr)
		}
		if err := testcontainers.TerminateContainer(ctr, testcontainers.StopTimeout(0)); err != nil {
			w.t.Error(err)
		}
	})
	if err != nil {
		w.t.Fatalf("start %s: %v", image, err)
	}
	return ctr
}

// dump shows the end of what a container wrote.
func (w *world) dump(name string, ctr testcontainers.Container) {
	logs, err := ctr.Logs(context.Background())
	if err != nil {
		return
	}
	defer logs.Close()
	text, _ := io.ReadAll(logs)
	w.t.Logf("%s %.12s:\n%s", name, ctr.GetContainerID(), text[max(0, len(text)-4000):])
}

// addGateway starts one more and waits until its image's own health check says that it is ready.
func (w *world) addGateway() {
	w.t.Helper()
	ctr := w.run(w.image, "gateway", gatewayEnv,
		testcontainers.WithConfigModifier(func(c *container.Config) {
			c.Healthcheck = &container.HealthConfig{Interval: 250 * time.Millisecond} // the image's, but asked more often
		}),
		testcontainers.WithWaitStrategyAndDeadline(patience, wait.ForHealthCheck().WithStartupTimeout(patience)))
	w.gateways = append(w.gateways, ctr)
}

// healthy waits for a gateway's health check.
func (w *world) healthy(ctr testcontainers.Container, want container.HealthStatus) {
	w.t.Helper()
	await(w.t, "the health check of a gateway", func() error {
		info, err := ctr.Inspect(w.t.Context())
		if err != nil {
			return err
		}
		if got := info.State.Health.Status; got != want {
			return fmt.Errorf("it says %s, not %s", got, want)
		}
		return nil
	})
}

// ready waits until the proxy's answer for /readyz is the given one.
func (w *world) ready(want int) {
	w.t.Helper()
	await(w.t, "readiness through the proxy", func() error {
		ctx, cancel := context.WithTimeout(w.t.Context(), 15*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.proxy+"/readyz", nil)
		if err != nil {
			return err
		}
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if (resp.StatusCode == http.StatusOK) != (want == http.StatusOK) {
			body, _ := io.ReadAll(resp.Body)
			return fmt.Errorf("%s: %s", resp.Status, body)
		}
		return nil
	})
}

// kill is `docker kill`.
func (w *world) kill(ctr testcontainers.Container) {
	w.t.Helper()
	if _, err := w.docker.ContainerKill(w.t.Context(), ctr.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		w.t.Fatal(err)
	}
}

// cut takes a container off the network until mend is called.
func (w *world) cut(ctr testcontainers.Container, alias string) (mend func()) {
	w.t.Helper()
	if _, err := w.docker.NetworkDisconnect(w.t.Context(), w.net.ID, client.NetworkDisconnectOptions{Container: ctr.GetContainerID(), Force: true}); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		w.t.Helper()
		if _, err := w.docker.NetworkConnect(w.t.Context(), w.net.ID, client.NetworkConnectOptions{
			Container: ctr.GetContainerID(), EndpointConfig: &network.EndpointSettings{Aliases: []string{alias}},
		}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// followers opens streams through the proxy, of the tenants in turn.
func (w *world) followers(n int, tenants ...string) []*follower {
	w.t.Helper()
	tokens := map[string]string{}
	for _, tenant := range tenants {
		tokens[tenant] = w.session(w.t, tenant, "ada")
	}
	var all []*follower
	for i := range n {
		tenant := tenants[i%len(tenants)]
		all = append(all, follow(w.t, &follower{
			tenant: tenant, token: tokens[tenant], silence: 10 * time.Second,
			address: func() string { return w.proxy },
		}))
	}
	return all
}
