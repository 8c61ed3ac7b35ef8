package faults

import "syscall"

// attributes keep Ctrl-C on a terminal from the child, and end it when this process is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
