package deploytest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// follower is a client that does what the SDK promises: it resumes by cursor, honours retry, drops what comes twice by
// event id, and takes a silent stream for dead.
type follower struct {
	tenant, token string
	address       func() string // where the next try goes
	client        *http.Client
	silence       time.Duration

	mu     sync.Mutex
	cursor string
	ids    map[string]bool
	rows   map[string]int // description of a row → times seen, under different event ids
	wrong  []error        // what must never happen
	opened int            // streams that said hello
	closed []time.Time    // when streams were lost
	byes   map[string]int
}

// follow starts a follower and waits for its first stream; it is stopped when the test ends.
func follow(t *testing.T, f *follower) *follower {
	t.Helper()
	f.ids, f.rows, f.byes = map[string]bool{}, map[string]int{}, map[string]int{}
	if f.client == nil {
		transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: -1}
		t.Cleanup(transport.CloseIdleConnections)
		f.client = &http.Client{Transport: transport}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	await(t, "a follower's first stream", func() error {
		if f.streams() == 0 {
			return errors.New("no hello yet")
		}
		return nil
	})
	return f
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		retry := f.stream(ctx)
		f.mu.Lock()
		f.closed = append(f.closed, time.Now())
		f.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// stream follows one connection to its end and gives the time to wait before the next.
func (f *follower) stream(ctx context.Context) (retry time.Duration) {
	retry = 200*time.Millisecond + rand.N(200*time.Millisecond)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dead := time.AfterFunc(f.silence, cancel)
	defer dead.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address()+"/api/activity/stream?topics=activity", nil)
	if err != nil {
		f.fail(err)
		return time.Hour
	}
	req.Header.Set("Authorization", "Bearer "+f.token)
	f.mu.Lock()
	if f.cursor != "" {
		req.Header.Set("Last-Event-ID", f.cursor)
	}
	f.mu.Unlock()
	resp, err := f.client.Do(req)
	if err != nil {
		return retry
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
			body, _ := io.ReadAll(resp.Body)
			f.fail(fmt.Errorf("%s: %s", resp.Status, body))
		}
		return retry
	}
	lines := bufio.NewReader(resp.Body)
	fields := map[string]string{}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return retry
		}
		dead.Reset(f.silence)
		line = strings.TrimSuffix(line, "\n")
		if line != "" {
			name, value, _ := strings.Cut(line, ":")
			fields[name] = strings.TrimPrefix(value, " ")
			continue
		}
		if ms, err := strconv.Atoi(fields["retry"]); err == nil {
			retry = time.Duration(ms) * time.Millisecond
		}
		f.take(fields)
		clear(fields)
	}
}

// take is one frame.
func (f *follower) take(frame map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch event := frame["event"]; event {
	case "", "ping":
	case "hello":
		f.opened++
	case "bye":
		f.byes[frame["data"]]++
	case "activity:new":
		var e struct {
			ID   string
			Data struct{ TenantID, Description string }
		}
		if err := json.Unmarshal([]byte(frame["data"]), &e); err != nil {
			f.wrong = append(f.wrong, err)
			return
		}
		if e.Data.TenantID != f.tenant {
			f.wrong = append(f.wrong, fmt.Errorf("a row of tenant %q", e.Data.TenantID))
		}
		if !f.ids[e.ID] {
			f.ids[e.ID] = true
			f.rows[e.Data.Description]++
		}
	default:
		f.wrong = append(f.wrong, fmt.Errorf("event %s: %s", event, frame["data"]))
	}
	if frame["id"] != "" {
		f.cursor = frame["id"]
	}
}

func (f *follower) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong = append(f.wrong, err)
}

// streams is how many have been opened.
func (f *follower) streams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened
}

// lacks gives an error unless the follower has all of these rows, each once.
func (f *follower) lacks(rows []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.wrong) > 0 {
		return errors.Join(f.wrong...)
	}
	missing := 0
	first := ""
	for _, row := range rows {
		switch n := f.rows[row]; {
		case n == 0 && missing == 0:
			first, missing = row, 1
		case n == 0:
			missing++
		case n > 1:
			return fmt.Errorf("%q came under %d event ids", row, n)
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d rows haven't come, the first is %q; %d streams so far", missing, len(rows), first, f.opened)
	}
	return nil
}

// patience bounds how long a test hangs; it is far above what anything here takes.
const patience = 2 * time.Minute

// await asks until there is no error.
func await(t *testing.T, what string, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond) // between two questions
	}
}
