package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	// The driver "pgx", by which the container is asked whether it answers.
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

const (
	postgresPort      = "5432/tcp"
	containerPassword = "pgfeed" //nolint:gosec // of a throw-away server
	engineTimeout     = 10 * time.Second
	answerTimeout     = time.Minute
)

// container is a PostgreSQL in a container, of an image that keeps the conventions of the official one.
type container struct {
	ctr testcontainers.Container
	url string
}

func startContainer(ctx context.Context, image string) (_ *container, err error) {
	if err := engineAnswers(ctx); err != nil {
		return nil, fmt.Errorf("no container engine answers: %w", err)
	}
	args := []string{"postgres"}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	ctr, err := testcontainers.Run(ctx, image,
		testcontainers.WithEnv(map[string]string{"POSTGRES_PASSWORD": containerPassword}),
		testcontainers.WithExposedPorts(postgresPort),
		testcontainers.WithCmd(args...),
		testcontainers.WithWaitStrategyAndDeadline(answerTimeout,
			wait.ForSQL(postgresPort, "pgx", containerURL).WithStartupTimeout(answerTimeout)),
	)
	c := &container{ctr: ctr}
	defer func() {
		if err != nil && ctr != nil {
			err = errors.Join(err, c.stop(context.WithoutCancel(ctx)))
		}
	}()
	if err != nil {
		return nil, err
	}
	host, err := ctr.Host(ctx)
	if err != nil {
		return nil, fmt.Errorf("the container's address: %w", err)
	}
	port, err := ctr.MappedPort(ctx, postgresPort)
	if err != nil {
		return nil, fmt.Errorf("the container's port: %w", err)
	}
	c.url = containerURL(host, port)
	return c, nil
}

// stop kills: nobody needs the data, and a polite stop would wait for connections that tests have left open.
func (c *container) stop(ctx context.Context) error {
	return testcontainers.TerminateContainer(c.ctr, testcontainers.StopContext(ctx), testcontainers.StopTimeout(0))
}

func containerURL(host string, port network.Port) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", containerPassword),
		Host:     fmt.Sprintf("%s:%d", host, port.Num()),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// engineAnswers asks before anything is started, so that the usual case, no engine, costs nothing.
func engineAnswers(ctx context.Context) (err error) {
	defer func() {
		// testcontainers panics where it finds no engine.
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	provider, err := testcontainers.ProviderDefault.GetProvider()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, provider.Close()) }()
	return provider.Health(ctx)
}
