package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

//go:generate go run . reference --output ../../docs/configuration.md

type referenceCmd struct {
	Output string `placeholder:"FILE" help:"File to write. Default: stdout."`
}

// Run writes the reference of commands and settings as Markdown.
func (c referenceCmd) Run(io streams, app *kong.Context) error {
	if c.Output == "" {
		return writeReference(io.out, app.Model)
	}
	var text strings.Builder
	if err := writeReference(&text, app.Model); err != nil {
		return err
	}
	return os.WriteFile(c.Output, []byte(text.String()), 0o644) //nolint:gosec // documentation is for everyone
}

const referenceHead = `<!-- Written by "go generate ./cmd/pgfeed" from the flags' declarations: change those. -->
# Commands and settings

Every setting is a flag, an environment variable, and a key of a YAML file (` + "`--config FILE`" + `) that is named like the flag
without its dashes. A flag goes before the environment, the environment before the file. Durations are written like ` + "`250ms`, `30s`, `1h30m`" + `.
Wrong settings are refused at start, each by its name: all at once, after those that can't be read at all, such as a word for a number. Exit status: 0, 1 failed, 2 wrong usage. Results go
to stdout, logs to stderr (text on a terminal, JSON lines elsewhere).

`

func writeReference(w io.Writer, app *kong.Application) error {
	var out strings.Builder
	out.WriteString(referenceHead)
	out.WriteString("## Every command\n\n")
	referenceFlags(&out, app.Flags)
	for _, command := range app.Leaves(true) {
		fmt.Fprintf(&out, "## %s\n\n%s\n\n", strings.TrimPrefix(command.FullPath(), app.Name+" "), command.Help)
		if command.Detail != "" {
			fmt.Fprintf(&out, "%s\n\n", command.Detail)
		}
		for _, p := range command.Positional {
			fmt.Fprintf(&out, "- `%s`: %s\n", p.Summary(), p.Help)
		}
		if len(command.Positional) > 0 {
			out.WriteString("\n")
		}
		referenceFlags(&out, command.Flags)
	}
	_, err := io.WriteString(w, strings.TrimRight(out.String(), "\n")+"\n")
	return err
}

func referenceFlags(out *strings.Builder, flags []*kong.Flag) {
	rows := 0
	for _, f := range flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		if rows++; rows == 1 {
			out.WriteString("| flag | environment | default | |\n|---|---|---|---|\n")
		}
		name := "--" + f.Name
		if f.Tag.Negatable != "" {
			name = "--[no-]" + f.Name
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", name, codes(f.Envs), flagDefault(f), cell(f.Help))
	}
	if rows > 0 {
		out.WriteString("\n")
	}
}

func flagDefault(f *kong.Flag) string {
	switch {
	case f.Required:
		return "required"
	case f.HasDefault && f.Default != "":
		return "`" + f.Default + "`"
	case f.IsBool():
		return "off"
	}
	return ""
}

func codes(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = "`" + s + "`"
	}
	return strings.Join(quoted, " ")
}

// cell is text inside a Markdown table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}
