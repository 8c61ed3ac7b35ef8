package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// stream is one connection of a subscriber. It is read by the goroutine that dialled it, and costs little.
type stream struct {
	conn net.Conn
	body *bufio.Reader
	line []byte // of more than the reader's buffer
}

// frame is one block of a stream. Its data is good until the next read.
type frame struct {
	event, id string
	data      []byte
	retry     time.Duration
}

const (
	dialWithin  = 10 * time.Second // connection, answer and hello
	staleAfter  = 60 * time.Second // without a byte, after which the client library gives a connection up
	streamBytes = 4 << 10
)

// openStream connects and gives an error for an answer other than 200.
func openStream(ctx context.Context, addr, token, cursor string) (*stream, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	release := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer release()
	resume := ""
	if cursor != "" {
		resume = "Last-Event-ID: " + cursor + "\r\n"
	}
	_, err = fmt.Fprintf(conn, "GET /api/activity/stream HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n%s\r\n",
		addr, token, resume)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, streamBytes), &http.Request{Method: http.MethodGet, URL: &url.URL{}}) //nolint:bodyclose // the stream's life is its connection's
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return nil, errors.Join(fmt.Errorf("%s: %s", resp.Status, text), conn.Close())
	}
	return &stream{conn: conn, body: bufio.NewReaderSize(resp.Body, streamBytes)}, nil
}

func (s *stream) close() { _ = s.conn.Close() }

// next reads a frame. One of comments alone has no event, id or retry; silence is the longest time between two lines.
func (s *stream) next() (f frame, silence time.Duration, err error) {
	last := time.Now()
	for {
		line, err := s.readLine()
		now := time.Now()
		silence = max(silence, now.Sub(last))
		last = now
		if err != nil {
			return f, silence, err
		}
		if len(line) == 0 {
			return f, silence, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			f.event = string(value)
		case "id":
			f.id = string(value)
		case "data":
			f.data = append([]byte(nil), value...)
		case "retry":
			if ms, err := strconv.Atoi(string(value)); err == nil {
				f.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// readLine gives a line without its end, good until the next one.
func (s *stream) readLine() ([]byte, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(staleAfter))
	line, err := s.body.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		s.line = append(s.line[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = s.body.ReadSlice('\n')
			s.line = append(s.line, line...)
		}
		line = s.line
		if cap(s.line) > 64<<10 {
			s.line = nil
		}
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
}
