// Command pgfeed streams rows inserted into Postgres to browsers. See `pgfeed --help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/pgfeed/pgfeed/cmd/pgfeed/fanout"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/soak"
	"github.com/pgfeed/pgfeed/cmd/pgfeed/writes"
)

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

type cli struct {
	Config   kong.ConfigFlag `placeholder:"FILE" help:"Read settings from this YAML file; each flag is a key, such as 'http-addr'."`
	LogLevel string          `enum:"debug,info,warn,error" default:"info" help:"Least severe log level: ${enum}."`

	Demo    demoCmd    `cmd:"" help:"Start a Postgres, a gateway and the web page with example data: all of pgfeed in one command."`
	Serve   serveCmd   `cmd:"" help:"Run a gateway: it streams committed rows to browsers over Server-Sent Events."`
	Migrate migrateCmd `cmd:"" help:"Create or update pgfeed's tables in the database."`
	Attach  attachCmd  `cmd:"" help:"Publish the rows inserted into a table from now on."`
	Detach  detachCmd  `cmd:"" help:"Stop publishing a table."`

	Maintain maintainCmd `cmd:"" help:"Empty what is no longer kept of the log, as gateways do by themselves."`

	Session sessionCmd `cmd:"" help:"Make, revoke or list session tokens of the table \"sessions\"."`
	Doctor  doctorCmd  `cmd:"" help:"Check what usually goes wrong between pgfeed and its database, and say how to mend it."`
	Bench   benchCmd   `cmd:"" help:"Measure pgfeed on the system at hand."`
	Tail    tailCmd    `cmd:"" help:"Print a tenant's events as JSON lines, as they are committed."`
	Health  healthCmd  `cmd:"" help:"Ask a gateway whether it is ready; the exit status is the answer. For health checks of containers."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Reference referenceCmd `cmd:"" hidden:"" help:"Write the reference of commands and settings as Markdown."`
}

// streams are where a command reads its results and logs to.
type streams struct {
	out, err io.Writer
}

// usageError is a wrong setting, found after the flags were parsed.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run executes one command line and gives its exit status.
func run(ctx context.Context, args []string, io streams) int {
	var c cli
	exited, status := false, 0
	parser, err := kong.New(&c,
		kong.Name("pgfeed"),
		kong.Description("pgfeed streams rows that an application inserts into Postgres to the browsers that should see them.\n\n"+
			"Every flag can also be given as an environment variable, such as PGFEED_HTTP_ADDR for --http-addr, or as a key of the --config file.\n\n"+
			"Start with: pgfeed demo"),
		kong.DefaultEnvars("PGFEED"),
		kong.Vars{"soak_faults": strings.Join(soak.Kinds(), ", "), "fanout_modes": strings.Join(fanout.Modes(), ", "), "fanout_servers": strings.Join(fanout.Servers(), ", "), "write_modes": strings.Join(writes.Modes(), ", ")},
		kong.Configuration(loadConfigFile),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { exited, status = true, code }),
	)
	if err != nil {
		_, _ = fmt.Fprintln(io.err, "pgfeed:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited { // --help was asked for and printed
		return status
	}
	if err != nil {
		_, _ = fmt.Fprintf(io.err, "pgfeed: %v\nRun \"pgfeed --help\", or \"pgfeed COMMAND --help\", to see what there is.\n", err)
		return exitUsage
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(io, newLogger(io.err, c.LogLevel))
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		_, _ = fmt.Fprintf(io.err, "pgfeed: %v\n", err)
		return exitUsage
	default:
		_, _ = fmt.Fprintf(io.err, "pgfeed: %v\n", err)
		return exitFailed
	}
}

// newLogger writes text on a terminal and JSON elsewhere.
func newLogger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // kong has checked it
	options := &slog.HandlerOptions{Level: l}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return slog.New(slog.NewTextHandler(w, options))
		}
	}
	options.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration { // JSON has no unit for it
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
