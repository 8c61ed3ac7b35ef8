// Package proxytest holds the tests of the proxies' configurations beside it, with the real programs: nginx, HAProxy and
// Caddy, each with TLS and HTTP/2 in front of two gateways.
//
// The files are used as they are, but for addresses, certificates and, in one test, the limits on silence. A program that isn't
// installed is skipped, which is an error where CI is set; .ci/setup proxies installs all three.
package proxytest
