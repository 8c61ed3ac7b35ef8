// Package programtest builds pgfeed for tests that start it as a process.
package programtest

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Run builds pgfeed, says in program where it is, and runs a package's tests with run, such as (*testing.M).Run. It removes what
// it has built and gives the exit status, for TestMain to end with.
func Run(m *testing.M, program *string, run func(*testing.M) int) int {
	dir, err := os.MkdirTemp("", "pgfeed-test-")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	*program = filepath.Join(dir, "pgfeed")
	build := exec.Command("go", "build", "-o", *program, "github.com/pgfeed/pgfeed/cmd/pgfeed") //nolint:noctx,gosec // the tests wait for it
	if out, err := build.CombinedOutput(); err != nil {
		log.Printf("build pgfeed: %v\n%s", err, out)
		return 1
	}
	return run(m)
}
