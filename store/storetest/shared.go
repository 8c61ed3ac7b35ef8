package storetest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"

	"github.com/pgfeed/pgfeed/store/pgserver"
)

const (
	envURL       = "TEST_DATABASE_URL"
	envContainer = "PGFEED_TEST_CONTAINER"
	envImage     = "PGFEED_TEST_IMAGE"
	defaultImage = "postgres:17"
)

// shared is the one server of this test process: a process-wide thing, hence a global.
var shared sharedServer

// sharedServer is started by the first test that needs it; a failure is remembered for those after it.
type sharedServer struct {
	once  sync.Once
	admin string // the connection string by which databases are created
	err   error
	stops func(context.Context) error // nil where there is nothing to stop
}

func (s *sharedServer) url(t testing.TB) (string, error) {
	t.Helper()
	s.once.Do(func() { s.err = s.start(t) })
	return s.admin, s.err
}

func (s *sharedServer) start(t testing.TB) error {
	t.Helper()
	if named := os.Getenv(envURL); named != "" {
		s.admin = named
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if want := os.Getenv(envContainer); want != "0" {
		c, err := startContainer(ctx, image())
		if err == nil {
			t.Logf("storetest: PostgreSQL in a container of %s", image())
			s.admin, s.stops = c.url, c.stop
			return nil
		}
		if want == "1" {
			return fmt.Errorf("%s=1 asks for a container of %s: %w", envContainer, image(), err)
		}
		t.Logf("storetest: no container (%v): trying PostgreSQL's own programs", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), startTimeout) // an image that can't be pulled may have taken all of the other
	defer cancel()
	server, err := pgserver.Open(ctx, pgserver.Options{Settings: maps.Clone(settings)})
	if err != nil {
		return fmt.Errorf("no %s, no container, and %w", envURL, err)
	}
	t.Logf("storetest: PostgreSQL from %s", server.BinDir())
	s.admin, s.stops = server.URL("postgres"), server.Stop
	return nil
}

// stop ends what start began. Tests must have ended.
func (s *sharedServer) stop() error {
	if s.stops == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return s.stops(ctx)
}

func image() string {
	if name := os.Getenv(envImage); name != "" {
		return name
	}
	return defaultImage
}
