package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type healthCmd struct {
	URL      string        `placeholder:"URL" help:"Address to ask. Default: /readyz of the gateway on this machine, at the port of --http-addr."`
	HTTPAddr string        `default:":8080" help:"Address that the gateway serves."`
	Timeout  time.Duration `default:"5s" help:"Time for the whole answer."`
}

// Run succeeds if the gateway answers 200. It is the health check of images that have no shell and no curl.
func (c healthCmd) Run(ctx context.Context, std streams) error {
	target, err := c.target()
	if c.Timeout <= 0 {
		err = errors.Join(err, fmt.Errorf("--timeout must be more than zero, not %v", c.Timeout))
	}
	if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return usageError{fmt.Errorf("--url: %w", err)}
	}
	// A connection of its own: one that was kept would have to be closed.
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // the answer is read as far as it matters
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("health: read the answer of %s: %w", target, err)
	}
	answer := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s: %s: %s", target, resp.Status, answer)
	}
	_, _ = fmt.Fprintln(std.out, answer)
	return nil
}

func (c healthCmd) target() (string, error) {
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return "", fmt.Errorf("--url: write http://host:port/path, not %q", c.URL)
		}
		return c.URL, nil
	}
	host, port, err := net.SplitHostPort(c.HTTPAddr)
	if err != nil {
		return "", fmt.Errorf("--http-addr: %w; write host:port, or :port for all addresses", err)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1" // what listens on all addresses
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz", nil
}
