package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// settings collects all that is wrong with a command's settings, so that it is said at once.
type settings struct{ wrong error }

func (s *settings) add(err error) { s.wrong = errors.Join(s.wrong, err) }

func (s *settings) addf(format string, args ...any) { s.add(fmt.Errorf(format, args...)) }

// url checks a database's URL, unless it is left out.
func (s *settings) url(flag, url string) {
	if url != "" {
		s.add(checkURL(flag, url))
	}
}

// address checks one to listen at.
func (s *settings) address(flag, addr string) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		s.addf("--%s: %w; write host:port, or :port for all addresses", flag, err)
	}
}

// names checks that each is one of those that are known.
func (s *settings) names(flag string, names, known []string) {
	for _, name := range names {
		if !slices.Contains(known, name) {
			s.addf("--%s: there is no %q; there are %s", flag, name, strings.Join(known, ", "))
		}
	}
}

// err is a usageError, or nil.
func (s *settings) err() error {
	if s.wrong == nil {
		return nil
	}
	return usageError{s.wrong}
}

// atLeast checks one number or time.
func atLeast[T cmp.Ordered](s *settings, flag string, value, least T) {
	if value < least {
		s.addf("--%s must be at least %v, not %v", flag, least, value)
	}
}
