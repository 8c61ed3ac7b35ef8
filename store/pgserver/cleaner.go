package pgserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// cleaner removes a temporary data directory: at clean, or, should we end without it (os.Exit, kill -9, a test binary
// without TestMain), by a shell that waits for our end of a pipe to close.
type cleaner struct {
	dir   string
	pipe  io.WriteCloser
	shell *exec.Cmd
	once  bool
}

// The server may need a moment to end; it is killed when it takes more. A pid that stays (a zombie nobody reaps)
// doesn't keep the directory from being removed.
const cleanerScript = `
trap '' HUP INT TERM
read -r line && exit 0
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) || pid=
if [ -n "$pid" ]; then
	kill -s QUIT "$pid" 2>/dev/null
	n=0
	while [ "$n" -lt 50 ] && kill -0 "$pid" 2>/dev/null; do n=$((n + 1)); sleep 0.1; done
fi
rm -rf -- "$1"
`

// temporaryDir makes a directory with room for the data directory in it, and who removes it.
func temporaryDir(as *account) (dataDir string, _ *cleaner, err error) {
	dir, err := os.MkdirTemp("", "pgfeed-postgres-")
	if err != nil {
		return "", nil, fmt.Errorf("temporary data directory: %w", err)
	}
	c := &cleaner{dir: dir}
	if err := as.own(dir); err != nil {
		return "", nil, errors.Join(fmt.Errorf("temporary data directory: %w", err), os.RemoveAll(dir))
	}
	c.shell = exec.Command("sh", "-c", cleanerScript, "sh", dir) //nolint:gosec,noctx // it has to outlive us
	c.shell.Dir = "/"
	c.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.pipe, err = c.shell.StdinPipe(); err == nil {
		err = c.shell.Start()
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("temporary data directory: %w", err), os.RemoveAll(dir))
	}
	return filepath.Join(dir, "data"), c, nil
}

// clean removes the directory. The server must have stopped.
func (c *cleaner) clean() {
	if c == nil || c.once {
		return
	}
	c.once = true
	if err := os.RemoveAll(c.dir); err == nil {
		_, _ = io.WriteString(c.pipe, "done\n") // else the shell tries again when the pipe closes
	}
	_ = c.pipe.Close()
	_ = c.shell.Wait()
}

func (c *cleaner) cleaned() bool { return c != nil && c.once }
