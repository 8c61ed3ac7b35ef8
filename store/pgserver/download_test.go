package pgserver

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

func nothingInstalled(context.Context) (string, error) { return "", ErrNotFound }

func TestOpenDownloadsProgramsOnceWhereNoneAreInstalled(t *testing.T) {
	t.Parallel()
	installed, err := Find(t.Context())
	if err != nil {
		t.Skipf("the download's stand-in needs real programs: %v", err)
	}
	jar := archive(t, installed)
	var downloads atomic.Int64
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = fmt.Fprintf(w, "%x", sha256.Sum256(jar))
			return
		}
		downloads.Add(1)
		_, _ = w.Write(jar)
	}))
	defer repository.Close()
	opts := Options{
		CacheDir:     cacheForTest(t),
		DownloadFrom: repository.URL,
		Settings:     map[string]string{"fsync": "off"},
	}
	for range 2 {
		server, err := open(t.Context(), opts, nothingInstalled)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(server.BinDir(), opts.CacheDir) {
			t.Errorf("the server runs from %s, want the downloaded programs in %s", server.BinDir(), opts.CacheDir)
		}
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := downloads.Load(); n != 1 {
		t.Errorf("there were %d downloads, want 1", n)
	}
}

func TestOpenSaysWhatFindingAndDownloadingTried(t *testing.T) {
	t.Parallel()
	repository := httptest.NewServer(http.NotFoundHandler())
	defer repository.Close()
	opts := Options{CacheDir: cacheForTest(t), DownloadFrom: repository.URL}
	_, err := open(t.Context(), opts, nothingInstalled)
	if !errors.Is(err, ErrNotFound) || !strings.Contains(fmt.Sprint(err), "download PostgreSQL") {
		t.Errorf("open() = %v, want ErrNotFound and the download's error", err)
	}
}

func TestAnUnendingDownloadIsLeftWithTheContext(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	repository := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	}))
	defer repository.Close()
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := Fetch(ctx, Options{CacheDir: cacheForTest(t), DownloadFrom: repository.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch() = %v, want context.Canceled", err)
	}
}

// cacheForTest is a directory that the server's user may pass, unlike t.TempDir's.
func cacheForTest(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-cache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// archive makes what the repository serves, a .tar.xz in a .zip, with scripts that run the installed programs.
func archive(t *testing.T, installed string) []byte {
	t.Helper()
	var files bytes.Buffer
	tarball := tar.NewWriter(&files)
	for _, name := range programs {
		script := fmt.Sprintf("#!/bin/sh\nexec '%s/%s' \"$@\"\n", installed, name)
		header := &tar.Header{Typeflag: tar.TypeReg, Name: "bin/" + name, Mode: 0o755, Size: int64(len(script))}
		if err := tarball.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := tarball.Write([]byte(script)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tarball.Close(); err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	zipper := zip.NewWriter(&jar)
	entry, err := zipper.Create("postgres.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(xz(files.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := zipper.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// xz wraps up to 64 KiB in the xz format without compressing them, which no module of ours can do otherwise:
// one block of one uncompressed LZMA2 chunk, checked by CRC32.
func xz(data []byte) []byte {
	sum := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }
	pad := func(b []byte) []byte { return append(b, make([]byte, (4-len(b)%4)%4)...) }
	flags := []byte{0, 1} // the check is CRC32

	blockHeader := []byte{2, 0, 0x21, 1, 0, 0, 0, 0} // 12 bytes with its sum; one filter, LZMA2, 4 KiB dictionary
	blockHeader = append(blockHeader, sum(blockHeader)...)
	chunk := binary.BigEndian.AppendUint16([]byte{1}, uint16(len(data)-1))
	chunk = append(append(chunk, data...), 0)
	unpadded := len(blockHeader) + len(chunk) + 4

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(unpadded))
	index = binary.AppendUvarint(index, uint64(len(data)))
	index = pad(index)
	index = append(index, sum(index)...)

	footer := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	footer = append(footer, flags...)

	out := append([]byte("\xfd7zXZ\x00"), flags...)
	out = append(out, sum(flags)...)
	out = append(out, pad(append(blockHeader, chunk...))...)
	out = append(out, sum(data)...)
	out = append(out, index...)
	out = append(out, sum(footer)...)
	return append(append(out, footer...), "YZ"...)
}
