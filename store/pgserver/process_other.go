//go:build unix && !linux

package pgserver

import "syscall"

// dieWithParent does nothing: only Linux tells a child that its parent has died.
func dieWithParent(*syscall.SysProcAttr) {}
