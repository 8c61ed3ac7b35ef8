package store

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connectTimeout bounds an attempt to connect, where the URL doesn't say connect_timeout: nobody answers on a dead network.
const connectTimeout = 10 * time.Second

// pingTimeout bounds the ping of a connection that hasn't been used for a second, where the URL doesn't say pool_ping_timeout:
// one that a firewall or a failover left half-open is given up for a new one, where whoever asked would wait for good.
const pingTimeout = time.Second

// NewPool connects lazily to a database; a URL that can't be read is an error. A pooler in between is found out: one in
// transaction mode, such as PgBouncer, would run a prepared statement on a connection that doesn't have it, so none are
// prepared then. The URL may say default_query_exec_mode to have it otherwise.
func NewPool(url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	introduce(cfg.ConnConfig, "pgfeed")
	cfg.ConnConfig.OnNotice = passWarning
	if !strings.Contains(url, "connect_timeout") {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(url, "pool_ping_timeout") {
		cfg.PingTimeout = pingTimeout
	}
	if !strings.Contains(url, "default_query_exec_mode") {
		cfg.BeforeConnect = new(poolerCheck).prepare
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	return pool, nil
}

// introduce sets what the server is told of a connection, whatever the database's own encoding is: text in Go is UTF-8.
func introduce(c *pgx.ConnConfig, as string) {
	c.RuntimeParams["application_name"] = as
	c.RuntimeParams["client_encoding"] = "UTF8"
}

// poolerCheck remembers whether a URL leads to a pooler.
type poolerCheck struct{ found atomic.Int32 }

const (
	unknown = iota
	direct
	pooler
)

// prepare makes a connection's settings fit for what it leads to.
func (p *poolerCheck) prepare(ctx context.Context, c *pgx.ConnConfig) error {
	if p.found.Load() == unknown {
		through, err := behindPooler(ctx, c)
		if err != nil {
			return err
		}
		p.found.Store(direct)
		if through {
			p.found.Store(pooler)
		}
	}
	if p.found.Load() == pooler {
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // unnamed statements only
		return nil
	}
	// Reading the log looks dear to the planner, and takes a millisecond: compiling it first took up to two seconds. A pooler
	// would refuse this setting.
	if _, said := c.RuntimeParams["jit"]; !said {
		c.RuntimeParams["jit"] = "off"
	}
	// Where the database's default is serializable, readings of the log would be among those that Postgres gives up
	// an application's transaction for.
	c.RuntimeParams["default_transaction_isolation"] = "read committed"
	return nil
}

// behindPooler compares what the connection was told at its start with what the server says: a pooler has to make up the
// former, before it knows which server process will serve.
func behindPooler(ctx context.Context, c *pgx.ConnConfig) (bool, error) {
	c = c.Copy()
	c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var pid uint32
	if err := conn.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
		return false, err
	}
	return pid != conn.PgConn().PID(), nil
}
