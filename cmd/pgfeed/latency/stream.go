package latency

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// arrivals are when things came, by name.
type arrivals struct {
	mu      sync.Mutex
	at      map[string]time.Time
	doubled int
	failed  error
}

func newArrivals() *arrivals { return &arrivals{at: map[string]time.Time{}} }

func (a *arrivals) note(name string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, there := a.at[name]; there {
		a.doubled++
		return
	}
	a.at[name] = at
}

func (a *arrivals) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = err
}

func (a *arrivals) count() (n int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.at), a.failed
}

func (a *arrivals) when(name string) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, there := a.at[name]
	return at, there
}

// stream notes the descriptions of a gateway's activities as they come, until ctx ends. hello is closed when it has begun.
func stream(ctx context.Context, addr, token string, a *arrivals, hello chan<- struct{}) {
	err := func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/activity/stream?topics=activity", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // it is given up
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the gateway answered %s", resp.Status)
		}
		lines := bufio.NewReaderSize(resp.Body, 1<<16)
		event := ""
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return err
			}
			now := time.Now()
			field, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			switch {
			case field == "event":
				if event = value; event == "hello" {
					close(hello)
				} else if event == "reset" || event == "bye" {
					return fmt.Errorf("the gateway sent %s", event)
				}
			case field == "data" && event == "activity:new":
				var e struct{ Data struct{ Description string } }
				if err := json.Unmarshal([]byte(value), &e); err != nil {
					return err
				}
				a.note(e.Data.Description, now)
			}
		}
	}()
	if ctx.Err() == nil {
		a.fail(fmt.Errorf("the stream ended: %w", err))
	}
}

// listen notes the notifications of a channel as they come, until ctx ends.
func listen(ctx context.Context, conn *pgx.Conn, a *arrivals) {
	for {
		n, err := conn.WaitForNotification(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			a.fail(fmt.Errorf("the bare client: %w", err))
			return
		}
		a.note(n.Payload, time.Now())
	}
}
