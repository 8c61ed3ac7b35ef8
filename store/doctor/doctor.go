package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Status of a finding.
type Status string

// What a finding can be: all is well, it will do but look at it, or pgfeed doesn't work as it is.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Finding is what one check has found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Found  string `json:"found"`
	Mend   string `json:"mend,omitempty"` // what to do about it; empty when all is well
}

// Options say what is examined. Fields with a default may be zero.
type Options struct {
	DatabaseURL string
	NotifyURL   string        // direct connection for LISTEN; DatabaseURL
	LongOpen    time.Duration // age from which an open or prepared transaction is worth a warning; 5m
	QueueWarn   float64       // used part of the NOTIFY queue that is worth a warning; 0.1
	Timeout     time.Duration // for one check; 5s
	// Sessions makes sure that sessions can be looked up, and says whether changes of them are reported; nil: not asked.
	Sessions func(context.Context) (watched bool, err error)
	Now      func() time.Time // time.Now
}

func (o Options) withDefaults() Options {
	o.NotifyURL = cmp.Or(o.NotifyURL, o.DatabaseURL)
	o.LongOpen = cmp.Or(o.LongOpen, 5*time.Minute)
	o.QueueWarn = cmp.Or(o.QueueWarn, 0.1)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// patient is the database under examination.
type patient struct {
	Options
	db *pgx.Conn
}

// check is one examination. It gives at least one finding, or an error where it can't be made.
type check struct {
	name string
	run  func(context.Context, *patient) ([]Finding, error)
}

// checks are made in this order. Those after schema need pgfeed's tables.
var (
	serverChecks = []check{
		{"version", version}, {"primary", primary}, {"tls", encryption}, {"durability", durability}, {"clock", clock},
		{"connections", connections}, {"pooler", pooler}, {"listen", listen}, {"queue", queue},
		{"transactions", transactions}, {"prepared", prepared}, {"slots", slots},
	}
	schemaChecks = []check{
		{"grants", grants}, {"sessions", sessions}, {"tables", tables}, {"epoch", epoch}, {"numbers", numbers}, {"busy", busy}, {"log", logSize}, {"gateways", gateways},
	}
)

// Examine makes all checks. An error means that it was told something that is no connection string.
func Examine(ctx context.Context, o Options) ([]Finding, error) {
	p := &patient{Options: o.withDefaults()}
	config, err := pgx.ParseConfig(p.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	if _, err := pgx.ParseConfig(p.NotifyURL); err != nil {
		return nil, fmt.Errorf("notify database URL: %w", err)
	}
	prepareConfig(config)
	dial, cancel := context.WithTimeout(ctx, p.Timeout)
	p.db, err = pgx.ConnectConfig(dial, config)
	cancel()
	if err != nil {
		return []Finding{unreachable(err)}, nil
	}
	defer func() { p.close(p.db) }() // which another may have replaced
	findings := []Finding{{Check: "database", Status: OK, Found: fmt.Sprintf("%s answers as %s", config.Host, config.User)}}
	findings = append(findings, p.all(ctx, serverChecks)...)
	schema := p.all(ctx, []check{{"migrations", migrated}})
	findings = append(findings, schema...)
	if schema[0].Status == Fail {
		return findings, nil // the rest would only say the same in other words
	}
	return append(findings, p.all(ctx, schemaChecks)...), nil
}

// prepareConfig makes connections work through any pooler: nothing is prepared by name.
func prepareConfig(config *pgx.ConnConfig) {
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.RuntimeParams["application_name"] = "pgfeed doctor"
}

func (p *patient) all(ctx context.Context, checks []check) []Finding {
	var findings []Finding
	for _, c := range checks {
		limited, cancel := context.WithTimeout(ctx, p.Timeout)
		err := p.reconnect(limited)
		var found []Finding
		if err == nil {
			found, err = c.run(limited, p)
		}
		cancel()
		findings = append(findings, named(c.name, found, err)...)
	}
	return findings
}

// reconnect replaces a connection that is closed, as that of a check is which took too long.
func (p *patient) reconnect(ctx context.Context) error {
	if !p.db.IsClosed() {
		return nil
	}
	db, err := pgx.ConnectConfig(ctx, p.db.Config())
	if err == nil {
		p.db = db
	}
	return err
}

func named(name string, findings []Finding, err error) []Finding {
	if err != nil {
		return []Finding{{Check: name, Status: Warn, Found: "could not be checked: " + err.Error(), Mend: cannotCheck(err)}}
	}
	for i := range findings {
		findings[i].Check = name
	}
	return findings
}

func cannotCheck(err error) string {
	switch {
	case isCode(err, "42501"): // insufficient_privilege
		return "Run the doctor as a role that may, such as the tables' owner."
	case errors.Is(err, context.DeadlineExceeded):
		return "The database is slow to answer: try again, or give more time with --timeout."
	}
	return "Run the doctor again; if the error stays, look into the database's log."
}

func unreachable(err error) Finding {
	f := Finding{Check: "database", Status: Fail, Found: "can't be reached: " + err.Error()}
	switch {
	case isCode(err, "28P01"), isCode(err, "28000"): // invalid_password, invalid_authorization_specification
		f.Mend = "Correct user and password of --database-url, and see pg_hba.conf for who may come from here."
	case isCode(err, "3D000"): // invalid_catalog_name
		f.Mend = "Create the database, or correct its name in --database-url."
	case isCode(err, "53300"): // too_many_connections
		f.Mend = "Raise max_connections, or put a pooler in front of the applications."
	default:
		f.Mend = "See that the server runs, and that host and port of --database-url can be reached from here."
	}
	return f
}

func (p *patient) close(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func isCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

func one(status Status, mend, format string, args ...any) []Finding {
	return []Finding{{Status: status, Found: fmt.Sprintf(format, args...), Mend: mend}}
}

func ok(format string, args ...any) []Finding { return one(OK, "", format, args...) }
