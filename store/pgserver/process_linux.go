package pgserver

import "syscall"

// dieWithParent asks for a fast shutdown when we go, even by kill -9.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
