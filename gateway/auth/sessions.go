package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pgfeed/pgfeed/gateway"
)

// Found is what a Source knows of a token.
type Found struct {
	gateway.Identity
	// Refused is why the session doesn't count, such as that its user is banned; "": it does.
	Refused string
}

// Source is the table of sessions.
type Source interface {
	// Find looks up several tokens at once. Tokens that it doesn't know are absent from the answer, by token.
	Find(ctx context.Context, tokens []string) (map[string]Found, error)
	// Watched reports whether changes of sessions are reported (Sessions.Changed), as far as the database knows.
	Watched(ctx context.Context) (bool, error)
}

// SessionsConfig is what Sessions work with. Source and Close are required; each other field says its default.
type SessionsConfig struct {
	Source Source
	// Close ends the streams of a session. It must not block.
	Close func(session string)
	// Hears reports whether notifications arrive at present. Default: they do.
	Hears func() bool
	// Fresh is how long an answer is good for new streams; 1s.
	Fresh time.Duration
	// Recheck is after what time a session with open streams is looked up again where changes are reported; 1m. Where they
	// are not, it is Fresh.
	Recheck time.Duration
	// Timeout bounds one query; 10s.
	Timeout time.Duration
	Logger  *slog.Logger // discards
}

// Sessions looks tokens up, remembers the answers for a moment, and watches the sessions that have open streams.
type Sessions struct {
	cfg SessionsConfig
	log *slog.Logger

	work chan struct{} // a token while there is something to look up
	poke chan struct{} // a token when something is due

	mu       sync.Mutex
	calls    map[string]*call    // by token: asked for, and not answered yet
	queue    []string            // of these, the ones that no query has taken
	fresh    map[string]verified // by token
	held     map[string]*held    // by session: those with open streams
	due      map[string]struct{} // of these, the ones to look up at once
	rota     []string            // sessions to look up again by their age, a part at each tick
	share    int                 // how many that are
	soonest  int64               // none of held expires before, in nanoseconds since 1970
	ended    int                 // of held, those that were told to end
	changes  changes
	watched  bool      // changes are reported, as far as the database knows
	checked  time.Time // when that was last asked
	lookedUp lookupStats
}

// call is one lookup, which many may wait for.
type call struct {
	done chan struct{}
	id   gateway.Identity
	err  error
}

type verified struct {
	id gateway.Identity
	at time.Time
}

// held is a session with open streams. There may be one for every stream, so it is small.
type held struct {
	id      *gateway.Identity // that of a stream; its expiry doesn't count
	token   string
	expiry  int64 // nanoseconds since 1970; 0: never
	streams int32
	closed  bool // its streams were told to end
}

func (h *held) identity() gateway.Identity {
	id := gateway.Identity{Tenant: h.id.Tenant, User: h.id.User}
	if h.expiry != 0 {
		id.Expiry = time.Unix(0, h.expiry)
	}
	return id
}

// expires sets when a session expires. It needs the lock.
func (s *Sessions) expires(h *held, at time.Time) {
	if h.expiry = 0; !at.IsZero() {
		h.expiry = at.UnixNano()
		s.soonest = min(s.soonest, h.expiry)
	}
}

type lookupStats struct {
	queries, tokens, joined, remembered, closed atomic.Uint64
}

// NewSessions makes Sessions that answer once Run runs.
func NewSessions(cfg SessionsConfig) *Sessions {
	cfg.Fresh = cmp.Or(cfg.Fresh, time.Second)
	cfg.Recheck = cmp.Or(cfg.Recheck, time.Minute)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	if cfg.Hears == nil {
		cfg.Hears = func() bool { return true }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Sessions{
		cfg: cfg, log: cfg.Logger, work: make(chan struct{}, 1), poke: make(chan struct{}, 1),
		calls: map[string]*call{}, fresh: map[string]verified{}, held: map[string]*held{}, due: map[string]struct{}{}, soonest: math.MaxInt64,
	}
}

// Name is what a token's session is called in logs, revocations and notifications: a part of its SHA-256, from which the
// token can't be had. pgfeed.on_session_change does the same in SQL.
func Name(token string) string {
	hash := sha256.Sum256([]byte(token))
	return hex.EncodeToString(hash[:8])
}

// ErrClosed says that Sessions don't run any more.
var ErrClosed = errors.New("sessions are not looked up any more")

// Find gives the pass of a token, or a Refusal.
func (s *Sessions) Find(ctx context.Context, token string) (Pass, error) {
	id, err := s.find(ctx, token)
	if err != nil {
		return Pass{}, err
	}
	pass := Pass{Identity: id, sessions: s, expiry: id.Expiry}
	pass.Expiry = time.Time{} // the application may extend the session: watch ends its streams
	pass.own(token)
	return pass, nil
}

// own gives the pass texts that hold on to nothing else, such as a request's header, in one piece: a stream keeps them.
func (p *Pass) own(token string) {
	text := token + p.Session + p.User
	p.token, text = text[:len(token)], text[len(token):]
	p.Session, p.User = text[:len(p.Session)], text[len(p.Session):]
}

func (s *Sessions) find(ctx context.Context, token string) (gateway.Identity, error) {
	s.mu.Lock()
	if v, ok := s.fresh[token]; ok && time.Since(v.at) < s.cfg.Fresh {
		s.mu.Unlock()
		s.lookedUp.remembered.Add(1)
		return v.id, expired(v.id)
	}
	c := s.calls[token]
	if c == nil {
		c = &call{done: make(chan struct{})}
		s.calls[token] = c
		s.queue = append(s.queue, token)
		signal(s.work)
	} else {
		s.lookedUp.joined.Add(1)
	}
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return gateway.Identity{}, ctx.Err()
	case <-c.done:
		return c.id, c.err
	}
}

func same(a, b gateway.Identity) bool { return a.Tenant == b.Tenant && a.User == b.User }

func expired(id gateway.Identity) error {
	if !id.Expiry.IsZero() && !id.Expiry.After(time.Now()) {
		return refuse("the session has expired")
	}
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// hold counts a stream of a session. What changed between the lookup and now is found by another lookup.
func (s *Sessions) hold(p Pass, id *gateway.Identity) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[id.Session]
	if h == nil {
		h = &held{id: id, token: p.token}
		s.expires(h, p.expiry)
		s.held[id.Session] = h
	}
	h.streams++
	if v, ok := s.fresh[p.token]; !ok || !same(v.id, p.Identity) || !same(h.identity(), p.Identity) {
		s.due[id.Session] = struct{}{}
		signal(s.poke)
	}
	return h
}

func (s *Sessions) release(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.streams--; h.streams == 0 {
		delete(s.held, h.id.Session)
		delete(s.due, h.id.Session)
		if h.closed {
			s.ended--
		}
	}
}

// Run answers lookups and watches sessions until ctx ends. It waits for what it started.
func (s *Sessions) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range queriesAtATime {
		wg.Go(func() { s.lookUp(ctx) })
	}
	wg.Go(func() { s.expire(ctx) })
	s.watch(ctx)
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, c := range s.calls {
		c.err = ErrClosed
		close(c.done)
		delete(s.calls, token)
	}
	s.queue = nil
}

// SessionsStats is a snapshot of Sessions. All but Held and Watched count since the start.
type SessionsStats struct {
	Held       int    // sessions with open streams, now
	Watched    bool   // changes are reported by a trigger, as of the last check
	Queries    uint64 // sent to the database
	Tokens     uint64 // looked up by them
	Joined     uint64 // lookups that waited for another's answer
	Remembered uint64 // lookups answered without a query
	Closed     uint64 // sessions whose streams were closed because they were revoked or changed
}

// Stats gives the figures of the moment.
func (s *Sessions) Stats() SessionsStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lookedUp
	return SessionsStats{len(s.held), s.watched, l.queries.Load(), l.tokens.Load(), l.joined.Load(), l.remembered.Load(), l.closed.Load()}
}
