package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrInUse says that another server runs on the data directory.
var ErrInUse = errors.New("data directory is in use")

// prepare makes the data directory one that the server can start on, by initdb where it is missing or empty.
func (s *Server) prepare(ctx context.Context) error {
	dir := s.opts.DataDir
	if err := s.account.canEnter(s.opts.BinDir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("data directory: %w", err)
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "PG_VERSION")); err != nil {
			return fmt.Errorf("%s is not empty and not a PostgreSQL data directory: choose another", dir)
		}
		if err := s.account.own(dir); err != nil {
			return fmt.Errorf("give the data directory to user %s: %w", s.account.name, err)
		}
		return s.account.canEnter(dir)
	}
	return s.initialise(ctx, dir)
}

// initialise runs initdb beside the data directory and moves the result into place, so that one that was cut short
// (kill -9, a full disk) is never taken for a whole one.
func (s *Server) initialise(ctx context.Context, dir string) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // the server's user must be able to pass
		return fmt.Errorf("data directory: %w", err)
	}
	if err := s.account.canEnter(parent); err != nil {
		return err
	}
	half := dir + ".init"
	if err := os.RemoveAll(half); err != nil {
		return fmt.Errorf("remove what an earlier start left: %w", err)
	}
	if err := os.Mkdir(half, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(half) }() // after the move there is nothing left of it
	if err := s.account.own(half); err != nil {
		return fmt.Errorf("give the data directory to user %s: %w", s.account.name, err)
	}

	args := []string{
		"-D", half, "-U", superuser, "--encoding=UTF8", "--locale=C",
		"--auth-local=trust", "--auth-host=trust", // initdb writes pg_hba.conf for loopback alone
	}
	if s.opts.Settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	begun := time.Now()
	cmd := exec.CommandContext(ctx, filepath.Join(s.opts.BinDir, "initdb"), args...) //nolint:gosec // the caller's program
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = attributes(s.account)
	out, err := cmd.CombinedOutput()
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		said := &tail{}
		_, _ = said.Write(out)
		return fmt.Errorf("initdb in %s: %w%s", dir, err, said.quoted())
	}
	if err := os.Rename(half, dir); err != nil {
		return fmt.Errorf("move the new data directory into place: %w", err)
	}
	s.log.Info("initialised a PostgreSQL data directory", "data", dir, "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// clearLockFile removes a postmaster.pid whose server has gone. PostgreSQL does so itself unless the process id has
// been given to someone else since. A server that is on its way out, since its owner died, is waited for.
func (s *Server) clearLockFile(ctx context.Context) error {
	path := filepath.Join(s.opts.DataDir, "postmaster.pid")
	deadline := time.Now().Add(leftoverWait)
	for {
		text, err := os.ReadFile(path) //nolint:gosec // in the data directory
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("lock file of the data directory: %w", err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(first))
		if err != nil || pid <= 0 || !isServer(ctx, pid, s.opts.DataDir) {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove the stale lock file of the data directory: %w", err)
			}
			s.log.Info("removed the lock file of a server that was killed", "file", path, "pid", first)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w: %s has a server, process %d: stop it, or choose another directory",
				ErrInUse, s.opts.DataDir, pid)
		}
		if !sleep(ctx, retryEvery) {
			return fmt.Errorf("%w: waited for process %d to leave %s: %w", ErrInUse, pid, s.opts.DataDir, ctx.Err())
		}
	}
}

// isServer tells whether the process is a server on that data directory, which a server has as its working directory.
func isServer(ctx context.Context, pid int, dataDir string) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	if _, err := os.Stat("/proc/self/cwd"); err == nil {
		cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
		if errors.Is(err, os.ErrPermission) {
			return true // someone else's; leave the judgement to PostgreSQL
		}
		if real, err := filepath.EvalSymlinks(dataDir); err == nil {
			dataDir = real
		}
		return err == nil && cwd == dataDir
	}
	out, err := exec.CommandContext(ctx, "ps", "-p", strconv.Itoa(pid), "-o", "command=").Output() //nolint:gosec // a number
	return err == nil && strings.Contains(string(out), "postgres")
}
