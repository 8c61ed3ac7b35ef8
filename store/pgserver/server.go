package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser    = "postgres"
	startTimeout = time.Minute
	retryEvery   = 50 * time.Millisecond
	pingTimeout  = 5 * time.Second
	// leftoverWait is how long the processes of a killed server may take to notice and go.
	leftoverWait = 15 * time.Second
	quitWait     = 10 * time.Second
)

// Options say what server to start. The zero value is a server on a free port with a data directory that Stop removes.
type Options struct {
	BinDir   string            // where initdb and postgres are; "": Find looks for them
	DataDir  string            // created and initialised when missing or empty; "": a temporary one
	Port     int               // 0: a free one
	Settings map[string]string // configuration parameters, such as "fsync": "off"
	Logger   *slog.Logger      // nil: none
	Log      io.Writer         // the server's own log; nil: none

	CacheDir     string // where Open keeps downloaded programs; "": in the user's cache directory
	DownloadFrom string // the Maven repository that Open downloads from; "": Maven Central
}

// Server is a running PostgreSQL server.
type Server struct {
	opts    Options
	log     *slog.Logger
	account *account // whom the server runs as; nil: as ourselves
	cleaner *cleaner // removes a temporary data directory; nil when the directory is the caller's

	port int // fixed once Start has returned

	mu      sync.Mutex // held by Stop, Crash, Restart for as long as they take
	process *process   // nil when stopped
}

// Start initialises DataDir when it is empty, starts a server on it, and returns when that accepts connections.
// Run as root, it gives DataDir to the user postgres (else nobody) and runs the server as that user, since PostgreSQL
// refuses root; every directory above DataDir must then let that user pass.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.BinDir == "" {
		binDir, err := Find(ctx)
		if err != nil {
			return nil, err
		}
		opts.BinDir = binDir
	}
	s := &Server{opts: opts, log: opts.Logger, port: opts.Port}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.account, err = serverAccount(); err != nil {
		return nil, err
	}
	if opts.DataDir == "" {
		if s.opts.DataDir, s.cleaner, err = temporaryDir(s.account); err != nil {
			return nil, err
		}
	} else if s.opts.DataDir, err = filepath.Abs(opts.DataDir); err != nil {
		return nil, fmt.Errorf("data directory %s: %w", opts.DataDir, err)
	}
	if err := s.prepare(ctx); err != nil {
		s.cleaner.clean()
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		s.cleaner.clean()
		return nil, err
	}
	return s, nil
}

// URL returns the connection string of a database of this server. It stays the same over Restart.
func (s *Server) URL(dbname string) string { return serverURL(s.port, dbname) }

func serverURL(port int, dbname string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path:     "/" + dbname,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port returns the port that the server listens on.
func (s *Server) Port() int { return s.port }

// DataDir returns the server's data directory.
func (s *Server) DataDir() string { return s.opts.DataDir }

// BinDir returns the directory of the server's programs.
func (s *Server) BinDir() string { return s.opts.BinDir }

// Stop shuts the server down: open transactions are rolled back, committed ones are safe. When ctx ends first it is
// stopped the hard way, as by Crash, and the error says so. A temporary data directory is removed. Stopping a stopped
// server does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.halt(ctx)
	s.cleaner.clean()
	return err
}

// Crash stops the server at once, without a checkpoint, as a power cut would: Restart then recovers from the WAL.
func (s *Server) Crash() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quit()
}

// Restart starts the server again, on the same port and data, after stopping it if it runs.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cleaner.cleaned() {
		return errors.New("restart PostgreSQL: its temporary data directory went with Stop")
	}
	if err := s.halt(ctx); err != nil {
		return err
	}
	return s.launch(ctx)
}

// halt is a fast shutdown. The caller holds mu.
func (s *Server) halt(ctx context.Context) error {
	if s.process == nil {
		return nil
	}
	s.process.signal(syscall.SIGINT)
	select {
	case <-s.process.done:
		s.process = nil
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop PostgreSQL: %w; stopped it at once", ctx.Err()), s.quit())
	}
}

// quit is an immediate shutdown. The caller holds mu.
func (s *Server) quit() error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	p.signal(syscall.SIGQUIT)
	select {
	case <-p.done:
		return nil
	case <-time.After(quitWait):
		p.signal(syscall.SIGKILL)
		<-p.done
		return fmt.Errorf("PostgreSQL process %d ignored SIGQUIT for %s and was killed", p.pid, quitWait)
	}
}

// launch starts the server process and waits until it answers. The caller holds mu, or is the only one to know s.
func (s *Server) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.clearLockFile(ctx); err != nil {
		return err
	}
	leftovers := time.Now().Add(leftoverWait)
	for {
		port := s.port
		if port == 0 {
			var err error
			if port, err = freePort(ctx); err != nil {
				return err
			}
		}
		p, err := startProcess(filepath.Join(s.opts.BinDir, "postgres"), s.args(port), s.account, s.opts.Log)
		if err != nil {
			return fmt.Errorf("start PostgreSQL: %w", err)
		}
		err = s.waitReady(ctx, p, port)
		if err == nil {
			s.process = p
			if s.port == 0 { // Restart keeps the first one, so that URL may be called meanwhile
				s.port = port
			}
			s.log.Info("PostgreSQL runs", "port", port, "data", s.opts.DataDir, "programs", s.opts.BinDir)
			return nil
		}
		p.signal(syscall.SIGQUIT)
		<-p.done
		switch {
		case ctx.Err() != nil:
		case s.port == 0 && p.tail.contains("Address already in use"):
			continue // somebody took the port between freePort and now
		case s.opts.Port == 0 && p.tail.contains("Address already in use"):
			// The system gave the port to somebody while the server was down. URL must stay the same: it may come free again.
			if sleep(ctx, retryEvery) {
				continue
			}
		case p.tail.contains("is still in use") && time.Now().Before(leftovers):
			// Children of a server that was killed still hold its shared memory; they go by themselves.
			if sleep(ctx, retryEvery) {
				continue
			}
		}
		return fmt.Errorf("start PostgreSQL on %s, port %d: %w%s", s.opts.DataDir, port, err, p.tail.quoted())
	}
}

func (s *Server) args(port int) []string {
	settings := map[string]string{}
	maps.Copy(settings, s.opts.Settings)
	settings["port"] = strconv.Itoa(port)
	settings["listen_addresses"] = "127.0.0.1"
	// No socket file: its path would have a length limit, and nobody here uses it.
	settings["unix_socket_directories"] = ""
	settings["logging_collector"] = "off"
	args := []string{"-D", s.opts.DataDir}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// waitReady returns nil when the server answers a query, an error when its process ends or ctx does.
func (s *Server) waitReady(ctx context.Context, p *process, port int) error {
	for {
		err := s.ping(ctx, port)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(retryEvery)
		select {
		case <-timer.C:
		case <-p.done:
			timer.Stop()
			return fmt.Errorf("it ended at once: %w", p.err)
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("no answer: %w (last: %w)", ctx.Err(), err)
		}
	}
}

// ping asks the server for its data directory: another server may have the port, and answer while ours gives up.
func (s *Server) ping(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, serverURL(port, superuser))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var dir string
	if err := conn.QueryRow(ctx, "select current_setting('data_directory')").Scan(&dir); err != nil {
		return err
	}
	if dir != s.opts.DataDir {
		return fmt.Errorf("the server on port %d is another one, on %s", port, dir)
	}
	return nil
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return strconv.Atoi(text)
}

// sleep reports whether it slept to the end, rather than being cut short by ctx.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// environment is ours without what would steer PostgreSQL (PGDATA, PGOPTIONS, ...) or translate its messages, which
// launch reads.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "PG") || strings.HasPrefix(pair, "LC_") || strings.HasPrefix(pair, "LANG")
	})
	return append(env, "LC_ALL=C")
}
