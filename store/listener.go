package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgxlisten"

	"github.com/pgfeed/pgfeed/gateway"
)

const (
	probeEvery  = 2 * time.Second
	deafRead    = 250 * time.Millisecond
	longestWait = 5 * time.Second // between two attempts to connect
	atATime     = 1000            // channels that one statement listens to or leaves: notifications, probes among them, wait for it
)

// ProbeTimeout is usual for NewListener: a listener that has gone deaf is noticed within 5 s, as probes are sent every 2.
const ProbeTimeout = 3 * time.Second

// HintSink takes what the listener hears.
type HintSink interface {
	// Hint takes a tenant's hint: with its event, or nil where the log has to be read.
	Hint(tenant string, e *gateway.Event)
	// Wake asks for a reading of the log within a time.
	Wake(within time.Duration)
}

// Listener LISTENs, on one connection of its own, for the hints of the tenants that it is told are wanted. A control
// channel that it pokes through the pool makes it take up changes, and shows that it still hears.
type Listener struct {
	config  *pgx.ConnConfig
	pool    *pgxpool.Pool
	timeout time.Duration // of a probe
	log     *slog.Logger
	control string
	changed chan struct{}
	echo    chan uint64
	// Most is how many channels of tenants are listened to; 0: as many as there are. LISTEN takes 0.1 ms for each, and the server looks
	// through them one by one for every notification. What is written for the other tenants is found by reading the log often.
	Most int

	counters listenerCounters

	mu      sync.Mutex
	wanted  map[string]string // channel → tenant
	conn    *pgx.Conn
	heard   bool // a probe has come back, and none has failed to since
	late    bool // one should have come back by now
	probed  bool // once
	attempt int
	lacking bool // not all that is wanted is listened to
	crowded bool // nor will be: there is more of it than Most

	channels map[string]Channel // not touched once Run has been called

	// Only touched on the listener's own goroutine.
	sink      HintSink
	inner     *pgxlisten.Listener
	listening map[string]string // channel → tenant
}

// NewListener makes a listener. url is a direct connection, not one through a pooler in transaction mode; pool may be any. A
// probe that takes longer than the timeout to come back says that the listener hears nothing.
func NewListener(url string, pool *pgxpool.Pool, timeout time.Duration, log *slog.Logger) (*Listener, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("notify database URL: %w", err)
	}
	introduce(config, "pgfeed listener")
	return &Listener{
		config: config, pool: pool, timeout: timeout, log: log, control: "pgfeed_ctl_" + rand.Text(),
		changed: make(chan struct{}, 1), echo: make(chan uint64, 16),
		wanted: map[string]string{}, listening: map[string]string{},
	}, nil
}

// Want says whether a tenant's hints are wanted. It doesn't block.
func (l *Listener) Want(tenant string, wanted bool) {
	l.mu.Lock()
	if wanted {
		l.wanted[gateway.Channel(tenant)] = tenant
	} else {
		delete(l.wanted, gateway.Channel(tenant))
	}
	l.mu.Unlock()
	l.poke()
}

// poke has a probe sent at once.
func (l *Listener) poke() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Hears reports whether the last probe came back in time.
func (l *Listener) Hears() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard
}

// OnTime reports whether Hears holds and no probe is late at the moment. A busy system may have one late that comes back: it is
// for what costs little to do in vain.
func (l *Listener) OnTime() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard && !l.late
}

func (l *Listener) isLacking() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lacking
}

// Run listens until ctx ends, reconnecting with backoff.
func (l *Listener) Run(ctx context.Context, sink HintSink) {
	l.sink = sink
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { l.probe(ctx) })
	wg.Go(func() { l.readWhileDeaf(ctx) })
	for ctx.Err() == nil {
		l.listen(ctx)
	}
}

// listen tries to connect, and listens for as long as the connection stands. A pgxlisten.Listener forgets no handler, and listens
// to every channel that it has one for with a statement of its own, before it hears anything: so each connection has another, which
// knows but a few channels at first. Those of tenants are added by sync.
func (l *Listener) listen(ctx context.Context) {
	ctx, over := context.WithCancel(ctx)
	defer over()
	begun := false
	l.inner = &pgxlisten.Listener{
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			if begun {
				over()
				return nil, ctx.Err()
			}
			begun = true
			return l.connect(ctx)
		},
		LogError: func(ctx context.Context, err error) {
			if ctx.Err() == nil {
				l.log.Warn("listener", "error", err)
			}
		},
		ReconnectDelay: time.Millisecond, // connect waits, with backoff
	}
	l.inner.Handle(l.control, controlHandler{l})
	for name, c := range l.channels {
		l.inner.Handle(name, channelHandler(c))
	}
	_ = l.inner.Listen(ctx) // ends with ctx, and says no more than that
}

func (l *Listener) connect(ctx context.Context) (*pgx.Conn, error) {
	l.mu.Lock()
	wait := time.Duration(0)
	if l.attempt > 0 {
		wait = min(100*time.Millisecond<<min(l.attempt-1, 10), longestWait)
		wait = wait/2 + mathrand.N(wait) //nolint:gosec // jitter
	}
	l.attempt++
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(wait):
	}
	dial, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(dial, l.config)
	if err != nil {
		return nil, err
	}
	l.counters.connects.Add(1)
	l.mu.Lock()
	l.conn, l.lacking = conn, len(l.wanted) > 0
	l.mu.Unlock()
	clear(l.listening)
	return conn, nil
}

// sync brings what the connection listens to closer to what is wanted, and has itself called again for the rest.
func (l *Listener) sync(ctx context.Context, conn *pgx.Conn) error {
	l.mu.Lock()
	var statements []string
	for channel := range l.listening {
		if len(statements) == atATime {
			break
		}
		if _, ok := l.wanted[channel]; !ok {
			statements = append(statements, "unlisten "+pgx.Identifier{channel}.Sanitize())
			delete(l.listening, channel)
		}
	}
	left := len(statements)
	l.lacking = false
	for channel, tenant := range l.wanted {
		if _, ok := l.listening[channel]; ok {
			continue
		}
		if l.lacking = len(statements) == atATime || l.Most > 0 && len(l.listening) >= l.Most; l.lacking {
			break
		}
		statements = append(statements, "listen "+pgx.Identifier{channel}.Sanitize())
		l.listening[channel] = tenant
		l.inner.Handle(channel, tenantHandler{l})
	}
	crowded := l.Most > 0 && len(l.wanted) > l.Most
	if crowded && !l.crowded {
		l.log.Warn("more tenants have subscribers than channels are listened to: the log is read four times a second", "channels", l.Most)
	}
	l.crowded = crowded
	l.mu.Unlock()
	if len(statements) == 0 {
		return nil
	}
	if err := execute(ctx, conn, statements); err != nil {
		// What is listened to isn't known now: a new connection starts from nothing.
		_ = conn.PgConn().Conn().Close()
		return fmt.Errorf("listen to %d and leave %d channels: %w", len(statements)-left, left, err)
	}
	if len(statements) == atATime {
		l.poke()
	}
	if len(statements) > left {
		l.sink.Wake(0) // what was committed before LISTEN took effect
	}
	return nil
}

// execute runs statements in one go, and unprepared, since each is used once. It leaves out those for tenants that the database can't name,
// in its encoding, and so has no events of.
func execute(ctx context.Context, conn *pgx.Conn, statements []string) error {
	_, err := conn.Exec(ctx, strings.Join(statements, "; "))
	if !isClass(err, "22") { // data_exception
		return err
	}
	if len(statements) == 1 {
		return nil
	}
	half := len(statements) / 2
	if err := execute(ctx, conn, statements[:half]); err != nil {
		return err
	}
	return execute(ctx, conn, statements[half:])
}

// controlHandler answers pokes: a number is a probe.
type controlHandler struct{ l *Listener }

func (h controlHandler) HandleNotification(ctx context.Context, n *pgconn.Notification, conn *pgx.Conn) error {
	if probe, err := strconv.ParseUint(n.Payload, 10, 64); err == nil {
		select {
		case h.l.echo <- probe:
		default: // a prober that is away asks again
		}
	}
	return h.l.sync(ctx, conn)
}

// HandleBacklog leaves the tenants' channels to the first probe: pgxlisten is still going through its handlers, and would listen to
// those of any that is added now one by one.
func (h controlHandler) HandleBacklog(context.Context, string, *pgx.Conn) error {
	h.l.poke()
	h.l.sink.Wake(0)
	return nil
}

// tenantHandler passes hints on.
type tenantHandler struct{ l *Listener }

func (h tenantHandler) HandleNotification(_ context.Context, n *pgconn.Notification, _ *pgx.Conn) error {
	tenant, ok := h.l.listening[n.Channel]
	if !ok {
		return nil // its last subscriber has just left
	}
	e, err := parseHint(tenant, n.Payload)
	if e != nil {
		h.l.counters.hintsEvent.Add(1)
	} else {
		h.l.counters.hintsBare.Add(1)
	}
	h.l.sink.Hint(tenant, e)
	return err
}

// parseHint gives the event in a payload, or nil where the payload carries none or can't be read: then the log is.
func parseHint(tenant, payload string) (*gateway.Event, error) {
	var p struct {
		Seq       int64           `json:"seq"`
		XID       uint64          `json:"xid"`
		Boot      int64           `json:"boot"`
		Topic     string          `json:"topic"`
		Event     string          `json:"event"`
		Recipient *string         `json:"recipient"`
		At        int64           `json:"at"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		return nil, fmt.Errorf("hint for tenant %q: %w", tenant, err)
	}
	if p.Seq <= 0 || p.XID == 0 || p.Boot == 0 || p.Topic == "" || len(p.Data) == 0 || !strings.HasPrefix(p.Event, p.Topic+":") {
		return nil, nil //nolint:nilnil // no event is an answer here
	}
	return &gateway.Event{
		Seq: p.Seq, Stamp: gateway.Stamp{Boot: p.Boot, XID: p.XID}, Tenant: tenant, Recipient: p.Recipient,
		Topic: p.Topic, Name: p.Event, Data: p.Data, At: time.UnixMicro(p.At),
	}, nil
}

// probe pokes the control channel now and then, and at once after a change. A poke that doesn't come back means a listener
// that hears nothing: its connection is given up, and until a new one answers the log is read more often.
func (l *Listener) probe(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for number := uint64(1); ; number++ {
		begun := time.Now()
		l.mu.Lock()
		conn := l.conn
		l.mu.Unlock()
		err := l.send(ctx, number)
		if ctx.Err() != nil {
			return
		}
		heard := err == nil
		if heard {
			l.counters.probes.Observe(time.Since(begun))
		} else {
			l.counters.probesFailed.Add(1)
		}
		l.mu.Lock()
		if !heard && (l.heard || !l.probed) {
			text := "the listener hears nothing: the log is read four times a second until it does"
			if errors.Is(err, errDeaf) {
				text += ". A pooler in between? Then give a direct connection for LISTEN (--notify-database-url)"
			}
			l.log.Warn(text, "error", err)
		} else if heard && !l.heard {
			l.log.Info("the listener hears")
		}
		l.heard, l.late, l.probed = heard, false, true
		if heard {
			l.attempt = 0
		} else if errors.Is(err, errDeaf) && conn != nil && l.conn == conn { // a newer one has all of the next probe's time
			_ = l.conn.PgConn().Conn().Close() // the socket alone: the connection is the listener's own
			l.conn = nil
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.changed:
		}
	}
}

// readWhileDeaf has the log read often for as long as no hints can be relied on, whatever the reason.
func (l *Listener) readWhileDeaf(ctx context.Context) {
	tick := time.NewTicker(deafRead)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !l.Hears() || l.isLacking() {
				l.sink.Wake(0)
			}
		}
	}
}

// errDeaf says that probes were sent and none came back.
var errDeaf = errors.New("the listener's connection hears nothing")

// send sends one probe, and again while it hasn't come back: the connection may be just about to listen.
func (l *Listener) send(ctx context.Context, number uint64) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	again := time.NewTicker(deafRead)
	defer again.Stop()
	for {
		if _, err := l.pool.Exec(ctx, "select pg_notify($1, $2)", l.control, strconv.FormatUint(number, 10)); err != nil {
			return fmt.Errorf("probe the listener: %w", err)
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return errDeaf
			case echo := <-l.echo:
				if echo == number {
					return nil
				}
			case <-again.C: // late already: don't rely on hints
				l.mu.Lock()
				l.late = true
				l.mu.Unlock()
				l.sink.Wake(0)
				waiting = false
			}
		}
	}
}
