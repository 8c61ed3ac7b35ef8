package fanout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// crowd is many subscribers on one thread.
type crowd struct {
	peers    []peer
	greeting []byte
	epoll    int
	latency  *hdrhistogram.Histogram // microseconds; of every sampleth delivery. The thread's own until it has ended

	greeted, ended, deliveries, bytes atomic.Int64

	stop   chan struct{}
	wg     sync.WaitGroup
	failed error
}

// peer is one subscriber. What it gets is known by how many events there were and by the sum of their numbers' hashes.
type peer struct {
	fd      atomic.Int32 // set before the thread hears of it; -1: none
	sent    bool         // the request
	greeted bool
	deaf    bool // it doesn't read
	ended   bool
	count   uint32
	sum     uint64
	rest    []byte // of a mark that hasn't ended
	request []byte
}

const (
	markBegin  = "@@"
	numberSize = 10
	timeSize   = 19
	markSize   = len(markBegin) + numberSize + timeSize
	// underWay is how many connections are being made at a time: fewer than a listener's backlog holds.
	underWay = 512
	// perSource is how many connections come from one source address.
	perSource = 5000
)

// mark is what an event's text begins with.
func mark(number int, at time.Time) string {
	return fmt.Sprintf("%s%0*d%0*d", markBegin, numberSize, number, timeSize, at.UnixNano())
}

// hash spreads numbers, so that a sum tells which there were.
func hash(number uint64) uint64 {
	number ^= number >> 31
	number *= 0x9e3779b97f4a7c15
	return number ^ number>>29
}

// hello is how a gateway greets: from there on a stream misses nothing.
const hello = "event: hello"

// connect connects n subscribers and waits until all have got the server's greeting. Those that are deaf never read after that.
func connect(ctx context.Context, addr, greeting string, n, deaf int, request func(i int) []byte) (*crowd, time.Duration, error) {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return nil, 0, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, 0, err
	}
	c := &crowd{peers: make([]peer, n), greeting: []byte(greeting), epoll: epoll, latency: hdrhistogram.New(1, 600_000_000, 3), stop: make(chan struct{})}
	for i := range c.peers {
		p := &c.peers[i]
		p.fd.Store(-1)
		p.request, p.deaf = request(i), i < deaf
	}
	begun := time.Now()
	c.wg.Go(func() { c.run() })
	target := &unix.SockaddrInet4{Port: to.Port}
	copy(target.Addr[:], to.IP.To4())
	for i := range c.peers {
		for int64(i)-c.greeted.Load()-c.ended.Load() >= underWay {
			time.Sleep(200 * time.Microsecond) // until some are through
			if err := ctx.Err(); err != nil {
				return nil, 0, errors.Join(err, c.close())
			}
		}
		if err := c.dial(i, target); err != nil {
			return nil, 0, errors.Join(fmt.Errorf("connect subscriber %d: %w", i, err), c.close())
		}
	}
	for deadline := time.Now().Add(time.Minute); c.greeted.Load() < int64(n); time.Sleep(time.Millisecond) {
		if ended := c.ended.Load(); ended > 0 || time.Now().After(deadline) || ctx.Err() != nil {
			return nil, 0, errors.Join(fmt.Errorf("%d of %d subscribers are connected, %d were sent away", c.greeted.Load(), n, ended), ctx.Err(), c.close())
		}
	}
	return c, time.Since(begun), nil
}

func (c *crowd) dial(i int, to *unix.SockaddrInet4) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	p := &c.peers[i]
	p.fd.Store(int32(fd)) //nolint:gosec // a descriptor
	if p.deaf {
		// A buffer at the sender's side has room for twenty segments to begin with (tcp_sndbuf_expand), of 64 kB each on the loopback
		// interface: small ones make it full soon.
		if err := errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10),
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536)); err != nil {
			return err
		}
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + i/perSource)}}); err != nil { //nolint:gosec // a few
		return err
	}
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS { //nolint:errorlint // an errno
		return err
	}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd,
		&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(i)}) //nolint:gosec // a small number
}

// run reads until close.
func (c *crowd) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var events [512]unix.EpollEvent
	buf := make([]byte, 256<<10)
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		n, err := unix.EpollWait(c.epoll, events[:], 20)
		if err != nil && err != unix.EINTR { //nolint:errorlint // an errno
			c.failed = err
			return
		}
		now := time.Now().UnixNano()
		for _, e := range events[:max(n, 0)] {
			p := &c.peers[e.Fd]
			if p.ended {
				continue
			}
			if !p.sent && e.Events&unix.EPOLLOUT != 0 {
				p.sent = true
				if _, err := unix.Write(int(p.fd.Load()), p.request); err != nil {
					c.end(p)
					continue
				}
				p.request = nil
			}
			if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
				c.read(p, buf, now)
			}
		}
	}
}

func (c *crowd) end(p *peer) {
	p.ended = true
	c.ended.Add(1)
}

func (c *crowd) read(p *peer, buf []byte, now int64) {
	for !p.deaf || !p.greeted {
		kept := copy(buf, p.rest)
		n, err := unix.Read(int(p.fd.Load()), buf[kept:])
		if err == unix.EAGAIN || err == unix.EINTR { //nolint:errorlint // an errno
			return
		}
		if err != nil || n == 0 {
			c.end(p)
			return
		}
		c.bytes.Add(int64(n))
		p.take(c, buf[:kept+n], now)
		if n < len(buf)-kept {
			return // there is no more: epoll tells when there is
		}
	}
}

func (p *peer) take(c *crowd, text []byte, now int64) {
	if !p.greeted {
		if bytes.HasPrefix(text, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(text, []byte("HTTP/1.1 200")) {
			c.end(p)
			return
		}
		at := bytes.Index(text, c.greeting)
		if at < 0 {
			p.rest = append(p.rest[:0], text...)
			return
		}
		p.greeted = true
		c.greeted.Add(1)
		text = text[at:]
	}
	p.rest = p.rest[:0]
	n := 0
	for {
		at := bytes.Index(text, []byte(markBegin))
		if at < 0 {
			if len(text) > 0 && text[len(text)-1] == markBegin[0] {
				p.rest = append(p.rest, markBegin[0])
			}
			break
		}
		if text = text[at:]; len(text) < markSize {
			p.rest = append(p.rest, text...)
			break
		}
		number := digits(text[len(markBegin):][:numberSize])
		sent := digits(text[len(markBegin)+numberSize:][:timeSize])
		p.count++
		p.sum += hash(number)
		_ = c.latency.RecordValue(min(max((now-int64(sent))/1000, 1), 600_000_000)) //nolint:gosec // a time
		text = text[markSize:]
		n++
	}
	if cap(p.rest) > 64 && len(p.rest) == 0 {
		p.rest = nil
	}
	c.deliveries.Add(int64(n))
}

func digits(text []byte) (n uint64) {
	for _, d := range text {
		n = 10*n + uint64(d-'0')
	}
	return n
}

var errLate = errors.New("not all was delivered in time")

// await waits until so many deliveries were made, or says how many are missing.
func (c *crowd) await(ctx context.Context, deliveries int64, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		got := c.deliveries.Load()
		switch {
		case got == deliveries:
			return nil
		case got > deliveries:
			return fmt.Errorf("%d deliveries, though there should be %d", got, deliveries)
		case c.ended.Load() > 0 && c.deafs() == 0:
			return fmt.Errorf("%d streams were ended", c.ended.Load())
		case time.Now().After(deadline), ctx.Err() != nil:
			return errors.Join(fmt.Errorf("%w: %d of %d deliveries are missing after %v", errLate, deliveries-got, deliveries, limit), ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *crowd) deafs() (n int) {
	for i := range c.peers {
		if c.peers[i].deaf {
			n++
		}
	}
	return n
}

// close ends the streams. What the peers have got is known then.
func (c *crowd) close() error {
	close(c.stop)
	c.wg.Wait()
	for i := range c.peers {
		if fd := c.peers[i].fd.Load(); fd >= 0 {
			_ = unix.Close(int(fd))
		}
	}
	return errors.Join(c.failed, unix.Close(c.epoll))
}

// check compares what each subscriber has got with what its group was sent. Call it after close.
func (c *crowd) check(group func(i int) int, sent []tally) error {
	for i := range c.peers {
		p := &c.peers[i]
		if want := sent[group(i)]; !p.deaf && (p.count != want.count || p.sum != want.sum) {
			return fmt.Errorf("subscriber %d got %d events with sum %x, want %d with %x", i, p.count, p.sum, want.count, want.sum)
		}
	}
	return nil
}

// tally is what a group was sent.
type tally struct {
	count uint32
	sum   uint64
}

func (t *tally) add(number int) {
	t.count++
	t.sum += hash(uint64(number)) //nolint:gosec // never negative
}
