package pgserver

import (
	"bytes"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one run of the server. Its goroutine ends with it.
type process struct {
	pid  int
	tail *tail
	done chan struct{} // closed when the process has gone
	err  error         // how it ended; read it after done
}

// startProcess runs the program as the account, with what it says going to log and to the process's tail.
func startProcess(program string, args []string, as *account, log io.Writer) (*process, error) {
	p := &process{tail: &tail{next: log}, done: make(chan struct{})}
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // the caller's program; it ends by signals of our choice
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = p.tail, p.tail
	cmd.SysProcAttr = attributes(as)
	cmd.WaitDelay = time.Second // a child that keeps the log open mustn't keep Wait from returning

	started := make(chan error, 1)
	go func() {
		// The kernel sends the parent-death signal when the *thread* that forked ends: keep it for as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// signal reaches the server process alone; it passes on what its children need to know.
func (p *process) signal(sig syscall.Signal) {
	select {
	case <-p.done:
	default:
		// It may end meanwhile: then there is nobody left to tell, which is what the caller wants.
		_ = syscall.Kill(p.pid, sig)
	}
}

// attributes put the child in a process group of its own, so that Ctrl-C on a terminal reaches us first, and us alone.
func attributes(as *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	dieWithParent(attr)
	return attr
}

// tail keeps the end of what is written to it, for error messages, and passes everything on.
type tail struct {
	mu   sync.Mutex
	kept []byte
	next io.Writer
}

const tailBytes = 4096

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	if t.next != nil {
		// A log that can't be written mustn't stop the server's output: it would block on a full pipe.
		_, _ = t.next.Write(b)
	}
	return len(b), nil
}

func (t *tail) contains(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.kept, []byte(text))
}

// quoted returns the kept lines for the end of an error message.
func (t *tail) quoted() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.kept))
	if text == "" {
		return ""
	}
	return "\n  | " + strings.ReplaceAll(text, "\n", "\n  | ")
}
