package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthSaysWhetherTheGatewayIsReady(t *testing.T) {
	noLeaks(t)
	url, _ := database(t)
	g := startReady(t, url)
	addr := strings.TrimPrefix(g.URL, "http://")
	for _, args := range [][]string{{"--http-addr", addr}, {"--http-addr", addr[strings.LastIndexByte(addr, ':'):]}, {"--url", g.URL + "/healthz"}} {
		if code, out, err := command(t, append([]string{"health"}, args...)...); code != 0 || !strings.Contains(out, "status") {
			t.Errorf("%q: status %d, %q, %q", args, code, out, err)
		}
	}
	g.stop()
	if code, _, err := command(t, "health", "--http-addr", addr); code != exitFailed || !strings.Contains(err, addr) {
		t.Errorf("with nobody there: status %d, %q", code, err)
	}
}

func TestHealthFailsWhereTheGatewayAnswersThatItIsNotReady(t *testing.T) {
	noLeaks(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "draining", http.StatusServiceUnavailable)
	}))
	defer s.Close()
	if code, _, err := command(t, "health", "--url", s.URL+"/readyz"); code != exitFailed || !strings.Contains(err, "503") || !strings.Contains(err, "draining") {
		t.Errorf("status %d, %q", code, err)
	}
}
