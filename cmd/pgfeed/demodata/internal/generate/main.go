// Command generate writes payloads.json.gz from the npm package that publishes the webhook bodies. Run it by
// `go generate ./cmd/pgfeed/demodata`; a second run changes nothing.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	source    = "@octokit/webhooks-examples@7.6.1"
	integrity = "sha512-De6U3XB6O3DtCa7bKgCMzTHdeopqqZ6SNivMYJnK65ierKL1AnNIA0tkRYCRS7lwGT792d+Ps1WbfHlso6MynQ=="
	member    = "package/api.github.com/index.json"
	target    = "payloads.json.gz"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	archive, err := download(ctx)
	if err != nil {
		return err
	}
	index, err := extract(archive)
	if err != nil {
		return fmt.Errorf("read %s: %w", source, err)
	}
	list, n, err := convert(index)
	if err != nil {
		return fmt.Errorf("convert %s: %w", member, err)
	}
	changed, err := write(list)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d payloads, changed: %t\n", target, n, changed)
	return nil
}

// download gives the package's archive, after comparing it with the pinned checksum.
func download(ctx context.Context) (archive []byte, err error) {
	dir, err := os.MkdirTemp("", "pgfeed-demodata-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	npm := exec.CommandContext(ctx, "npm", "pack", source, "--pack-destination", dir, "--silent")
	npm.Stderr = os.Stderr
	if err := npm.Run(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", source, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("npm pack %s left %d archives, want 1", source, len(files))
	}
	archive, err = os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(archive)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != integrity {
		return nil, fmt.Errorf("%s has integrity %s, want %s", source, got, integrity)
	}
	return archive, nil
}

// extract gives the package's list of events with their examples.
func extract(archive []byte) ([]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: no such file in the package", member)
		}
		if err != nil {
			return nil, err
		}
		if header.Name == member {
			return io.ReadAll(files)
		}
	}
}

// convert makes one item of each example, in the package's order, a line each. It writes the list by hand: encoding/json
// would escape <, > and & inside the payloads, which are to stay as they are.
func convert(index []byte) ([]byte, int, error) {
	var events []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.Unmarshal(index, &events); err != nil {
		return nil, 0, err
	}
	var list bytes.Buffer
	n := 0
	for _, event := range events {
		for _, example := range event.Examples {
			separator := ",\n"
			if n == 0 {
				separator = "[\n"
			}
			fmt.Fprintf(&list, `%s{"event":%q,"payload":`, separator, event.Name)
			if err := json.Compact(&list, example); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", event.Name, err)
			}
			list.WriteByte('}')
			n++
		}
	}
	if n == 0 {
		return nil, 0, errors.New("no examples")
	}
	list.WriteString("\n]\n")
	return list.Bytes(), n, nil
}

// write leaves a file with the same content alone: another Go version may compress the same bytes differently.
func write(list []byte) (changed bool, err error) {
	if old, err := os.ReadFile(target); err == nil {
		if unzipped, err := gzip.NewReader(bytes.NewReader(old)); err == nil {
			if content, err := io.ReadAll(unzipped); err == nil && bytes.Equal(content, list) {
				return false, nil
			}
		}
	}
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return false, err
	}
	if _, err := w.Write(list); err != nil {
		return false, err
	}
	if err := w.Close(); err != nil {
		return false, err
	}
	return true, os.WriteFile(target, zipped.Bytes(), 0o644) //nolint:gosec // a source file, for everyone to read
}
