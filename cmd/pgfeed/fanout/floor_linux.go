package fanout

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Floor is the least that a server can do: on one thread, without a lock, a buffer or a protocol, it writes what comes in through the
// pipe in to every socket of a group. It says where it listens on out, and ends when the pipe does.
//
// Each message in the pipe is the group's number, a length, both 32 bits, little-endian, and bytes.
func Floor(in *os.File, out io.Writer) error {
	runtime.LockOSThread()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	accept := int(file.Fd()) //nolint:gosec // a descriptor
	if err := unix.SetNonblock(accept, true); err != nil {
		return err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	pipe := int(in.Fd()) //nolint:gosec // a descriptor
	f := &floor{epoll: epoll, accept: accept, pipe: pipe, groups: map[int][]int{}, rest: map[int][]byte{}}
	for _, fd := range []int{accept, pipe} {
		if err := f.watch(fd, unix.EPOLLIN); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(out).Encode(listener.Addr().String()); err != nil {
		return err
	}
	defer runtime.KeepAlive(in) // or it is closed once it isn't used any more
	defer runtime.KeepAlive(file)
	defer runtime.KeepAlive(listener)
	return f.run()
}

type floor struct {
	epoll, accept, pipe int
	groups              map[int][]int  // descriptors
	rest                map[int][]byte // what a full socket is yet to get
	input               []byte
}

func (f *floor) watch(fd int, what uint32) error {
	return unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: what, Fd: int32(fd)}) //nolint:gosec // a descriptor
}

func (f *floor) run() error {
	var events [256]unix.EpollEvent
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.EpollWait(f.epoll, events[:], -1)
		if err != nil && err != unix.EINTR { //nolint:errorlint // an errno
			return err
		}
		for _, e := range events[:max(n, 0)] {
			switch fd := int(e.Fd); fd {
			case f.accept:
				f.take()
			case f.pipe:
				n, err := unix.Read(fd, buf)
				if err != nil || n == 0 {
					return err
				}
				f.publish(buf[:n])
			default:
				f.happened(fd, e.Events, buf)
			}
		}
	}
}

func (f *floor) take() {
	for {
		fd, _, err := unix.Accept4(f.accept, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		_ = f.watch(fd, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLOUT|unix.EPOLLET)
	}
}

func (f *floor) happened(fd int, what uint32, buf []byte) {
	if what&unix.EPOLLIN != 0 {
		if n, _ := unix.Read(fd, buf); n > 0 { // the request: GET /GROUP HTTP/1.1
			_, path, _ := bytes.Cut(buf[:n], []byte(" /"))
			number, _, _ := bytes.Cut(path, []byte(" "))
			group, _ := strconv.Atoi(string(number))
			f.groups[group] = append(f.groups[group], fd)
			f.write(fd, []byte("HTTP/1.1 200 OK\r\n\r\n"+hello+"\n\n"))
		}
	}
	if rest := f.rest[fd]; what&unix.EPOLLOUT != 0 && rest != nil {
		delete(f.rest, fd)
		f.write(fd, rest)
	}
	if what&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		_ = unix.Close(fd)
		delete(f.rest, fd)
		f.leave(fd)
	}
}

func (f *floor) leave(fd int) {
	for group, members := range f.groups {
		for i, member := range members {
			if member == fd {
				members[i] = members[len(members)-1]
				f.groups[group] = members[:len(members)-1]
				return
			}
		}
	}
}

func (f *floor) publish(p []byte) {
	f.input = append(f.input, p...)
	for len(f.input) >= 8 {
		group, size := int(binary.LittleEndian.Uint32(f.input)), int(binary.LittleEndian.Uint32(f.input[4:]))
		if len(f.input) < 8+size {
			break
		}
		frame := f.input[8 : 8+size]
		for _, fd := range f.groups[group] {
			f.write(fd, frame)
		}
		f.input = f.input[8+size:]
	}
	f.input = append([]byte(nil), f.input...)
}

func (f *floor) write(fd int, p []byte) {
	if rest := f.rest[fd]; rest != nil {
		f.rest[fd] = append(rest, p...)
		return
	}
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p))) //nolint:gosec // it doesn't block
	if errno == unix.EAGAIN {
		n, errno = 0, 0
	}
	if errno == 0 && int(n) < len(p) { //nolint:gosec // no more than len(p)
		f.rest[fd] = append([]byte(nil), p[n:]...)
	}
}

// floorProcess is a Floor in a process of its own.
type floorProcess struct {
	addr string
	cmd  *exec.Cmd
	in   io.WriteCloser
	mu   sync.Mutex
	buf  []byte
}

func startFloor(program string) (*floorProcess, error) {
	cmd := exec.CommandContext(context.Background(), program, "bench", "floor") //nolint:gosec // this program
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	p := &floorProcess{cmd: cmd, in: in}
	if err := json.NewDecoder(out).Decode(&p.addr); err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	return p, nil
}

// publish sends a group a frame.
func (p *floorProcess) publish(group int, frame []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf = binary.LittleEndian.AppendUint32(p.buf[:0], uint32(group))  //nolint:gosec // a small number
	p.buf = binary.LittleEndian.AppendUint32(p.buf, uint32(len(frame))) //nolint:gosec // a small number
	p.buf = append(p.buf, frame...)
	_, err := p.in.Write(p.buf)
	return err
}

func (p *floorProcess) stop(context.Context) error {
	_ = p.in.Close()
	return p.cmd.Wait()
}
