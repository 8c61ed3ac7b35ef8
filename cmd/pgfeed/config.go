package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configFile gives flags their values from a YAML file whose keys are the names of flags, of any command. What is given on
// the command line or in the environment goes before it.
type configFile map[string]any

func loadConfigFile(r io.Reader) (kong.Resolver, error) {
	values := configFile{}
	if err := yaml.NewDecoder(r).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("not a YAML file of settings: %w", err)
	}
	return values, nil
}

// Validate refuses keys that no command has a flag for: a misspelt setting would be a setting that isn't made.
func (c configFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	var visit func(n *kong.Node)
	visit = func(n *kong.Node) {
		for _, f := range n.Flags {
			known[f.Name] = true
		}
		for _, child := range n.Children {
			visit(child)
		}
	}
	visit(app.Node)
	var wrong error
	for key := range c {
		if !known[key] {
			wrong = errors.Join(wrong, fmt.Errorf("config file: no setting is called %q", key))
		}
	}
	return wrong
}

// Resolve implements kong.Resolver.
func (c configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // kong's word for "not here"
		}
	}
	return c[flag.Name], nil
}
