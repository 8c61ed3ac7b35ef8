package pgserver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindTakesTheNamedDirectoryFirst(t *testing.T) {
	dir := fakePrograms(t, filepath.Join(t.TempDir(), "bin"))
	t.Setenv(EnvBinDir, dir)
	if got, err := Find(t.Context()); err != nil || got != dir {
		t.Errorf("Find() = %q, %v; want %q", got, err, dir)
	}
}

func TestANamedDirectoryWithoutProgramsIsAnErrorThatNamesIt(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(EnvBinDir, dir)
	_, err := Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "initdb") {
		t.Errorf("Find() = %v, want an error with %s and what is missing", err, dir)
	}
	if errors.Is(err, ErrNotFound) {
		t.Error("it is ErrNotFound, on which Open would download")
	}
}

func TestALinkInPathLeadsToTheDirectoryOfAllPrograms(t *testing.T) {
	dir, links := fakePrograms(t, filepath.Join(t.TempDir(), "bin")), t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", links)
	want, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := find(t.Context(), "", nil); err != nil || got != want {
		t.Errorf("find() = %q, %v; want %q", got, err, want)
	}
}

func TestTheNewestVersionWins(t *testing.T) {
	root := t.TempDir()
	t.Setenv("PATH", root)
	for _, version := range []string{"9.6", "15", "18", "17"} {
		fakePrograms(t, filepath.Join(root, version, "bin"))
	}
	if err := os.Remove(filepath.Join(root, "18", "bin", "initdb")); err != nil { // clients alone don't count
		t.Fatal(err)
	}
	want := filepath.Join(root, "17", "bin")
	if got, err := find(t.Context(), "", []string{filepath.Join(root, "*", "bin")}); err != nil || got != want {
		t.Errorf("find() = %q, %v; want %q", got, err, want)
	}
}

func TestNothingFoundSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := find(t.Context(), "", nil)
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("find() = %v, want ErrNotFound with what to install", err)
	}
}

func TestFindHeedsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Find() = %v, want context.Canceled", err)
	}
}

// fakePrograms makes a directory that looks like one of server programs.
func fakePrograms(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
