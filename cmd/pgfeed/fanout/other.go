//go:build !linux

package fanout

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/bench"
)

var errLinux = errors.New("this benchmark runs on Linux only")

// Run isn't there.
func Run(context.Context, Options, *bench.Report, *bench.Progress) error { return errLinux }

// RunOthers isn't there.
func RunOthers(context.Context, OthersOptions, *bench.Report, *bench.Progress) error { return errLinux }

// RunIdle isn't there.
func RunIdle(context.Context, IdleOptions, *bench.Report, *bench.Progress) error { return errLinux }

// Floor isn't there.
func Floor(*os.File, io.Writer) error { return errLinux }
