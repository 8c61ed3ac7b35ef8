//go:build !linux

package faults

import "syscall"

// attributes keep Ctrl-C on a terminal from the child.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
