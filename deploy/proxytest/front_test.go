package proxytest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const host = "pgfeed.example.com"

type issued struct {
	pem  string
	pool *x509.CertPool
}

// certificate is for host, and signs itself.
func certificate(t *testing.T) (cert issued, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	cert.pool = x509.NewCertPool()
	cert.pool.AppendCertsFromPEM([]byte(cert.pem))
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

// front is a proxy as clients see it.
type front struct {
	url  string
	port int
	cert issued
}

func newFront(t *testing.T, port int, cert issued) *front {
	t.Helper()
	return &front{url: fmt.Sprintf("https://%s:%d", host, port), port: port, cert: cert}
}

// client speaks the protocol "h2" or "http/1.1" to the proxy, from an address of this machine.
func (f *front) client(t *testing.T, protocol, from string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{
		ForceAttemptHTTP2: protocol == "h2",
		TLSClientConfig:   &tls.Config{RootCAs: f.cert.pool, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", f.port))
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (f *front) ready(t *testing.T) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := f.client(t, "http/1.1", "127.0.0.1")
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only its status matters
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz: %s", resp.Status)
	}
	return nil
}

// stream is an open event stream.
type stream struct {
	*http.Response
	lastID string
	lines  chan string // closed at its end
	cancel context.CancelFunc
}

// open starts a stream and gives an error for an answer other than 200. It ends with the test, or by close.
func (f *front) open(t *testing.T, client *http.Client, token string, header ...string) (*stream, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/api/activity/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept-Encoding", "gzip, br, zstd") // as browsers do
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		cancel()
		return nil, &refused{resp.StatusCode, string(body)}
	}
	s := &stream{Response: resp, lines: make(chan string, 1024), cancel: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.lines)
		defer resp.Body.Close() //nolint:errcheck // reading is over
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			select {
			case s.lines <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return s, nil
}

// refused is an answer other than 200.
type refused struct {
	status int
	body   string
}

func (r *refused) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.body) }

// line gives the next one, or an error when the stream has ended.
func (s *stream) line(t *testing.T) (string, error) {
	t.Helper()
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "", io.EOF
		}
		if id, found := strings.CutPrefix(line, "id: "); found {
			s.lastID = id
		}
		return line, nil
	case <-time.After(time.Minute):
		t.Fatal("nothing comes, and the stream doesn't end")
		return "", nil
	}
}

// until skips lines up to one that contains the text.
func (s *stream) until(t *testing.T, text string) {
	t.Helper()
	for {
		line, err := s.line(t)
		if err != nil {
			t.Fatalf("the stream ended before %q", text)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

// frame skips lines up to the end of a frame that has the text.
func (s *stream) frame(t *testing.T, text string) {
	t.Helper()
	s.until(t, text)
	for {
		line, err := s.line(t)
		if err != nil {
			t.Fatalf("the stream ended inside of a frame with %q", text)
		}
		if line == "" {
			return
		}
	}
}
