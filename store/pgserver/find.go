package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// EnvBinDir names the environment variable that says where the server's programs are.
const EnvBinDir = "PGFEED_PG_BIN"

// ErrNotFound says that no PostgreSQL server programs are installed.
var ErrNotFound = errors.New("no PostgreSQL server programs (initdb, postgres, pg_ctl) found")

// programs must lie in one directory: initdb looks for postgres beside itself.
var programs = []string{"initdb", "postgres", "pg_ctl"}

// places are searched after PATH; within a pattern the newest version wins.
var places = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
}

// Find returns the directory of the newest installed server programs: $PGFEED_PG_BIN, else PATH, else the usual
// places. Where there are none the error is ErrNotFound, with what to install. A directory named by $PGFEED_PG_BIN that
// doesn't hold the programs is another error, not a reason to look, or to download, elsewhere.
func Find(ctx context.Context) (binDir string, err error) {
	return find(ctx, os.Getenv(EnvBinDir), places)
}

func find(ctx context.Context, named string, places []string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	if named != "" {
		if missing := missingPrograms(named); len(missing) > 0 {
			return "", fmt.Errorf("%s=%s: the directory holds no %s", EnvBinDir, named, strings.Join(missing, ", "))
		}
		return named, nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if dir := programDir(path); len(missingPrograms(dir)) == 0 {
			return dir, nil
		}
	}
	for _, pattern := range places {
		// The patterns are constants, so Glob's only error, a bad pattern, can't happen.
		dirs, _ := filepath.Glob(pattern)
		slices.SortStableFunc(dirs, func(a, b string) int { return versionIn(b) - versionIn(a) })
		for _, dir := range dirs {
			if len(missingPrograms(dir)) == 0 {
				return dir, nil
			}
		}
	}
	return "", fmt.Errorf("%w: install them (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql), "+
		"or set %s to the directory that holds them", ErrNotFound, EnvBinDir)
}

// programDir follows a link such as /usr/local/bin/postgres to the directory where the other programs are.
func programDir(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Dir(path)
}

func missingPrograms(dir string) []string {
	var missing []string
	for _, name := range programs {
		info, err := os.Stat(filepath.Join(dir, name)) //nolint:gosec // whoever sets the variable may run programs anyway
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			missing = append(missing, name)
		}
	}
	return missing
}

// versionIn reads the 15 of /usr/lib/postgresql/15/bin and of .../postgresql@15/bin; 0 when there is none.
func versionIn(dir string) int {
	name := filepath.Base(dir)
	if name == "bin" {
		name = filepath.Base(filepath.Dir(dir))
	}
	start := strings.IndexAny(name, "0123456789")
	if start < 0 {
		return 0
	}
	digits, _, _ := strings.Cut(name[start:], ".")
	version, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return version
}
