package store_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/store"
	"github.com/pgfeed/pgfeed/store/storetest"
)

func TestStatementsArentCompiled(t *testing.T) {
	url := storetest.Database(t)
	for name, c := range map[string]struct{ url, want string }{
		"directly":          {url, "off"},
		"as the URL says":   {url + "&jit=on", "on"},
		"through PgBouncer": {storetest.PgBouncer(t, url, storetest.PoolTransaction), "on"}, // which refuses connections that set it
	} {
		pool, err := store.NewPool(c.url)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		var got string
		if err := pool.QueryRow(t.Context(), `show jit`).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s: jit is %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// After a failover, or behind a firewall that forgets connections, the pool's stand and carry nothing, while new ones go elsewhere.
func TestAConnectionThatWentSilentIsGivenUpForANewOne(t *testing.T) {
	direct := storetest.Database(t)
	link, first := through(t, direct)
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	u.Host += "," + second.Host
	lazy, err := store.NewPool(u.String() + "&connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	defer lazy.Close()
	cfg := lazy.Config()
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true } // as if a second had passed
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var before, after int
	if err := pool.QueryRow(t.Context(), `select pg_backend_pid()`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	if err := link.Mute(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := pool.QueryRow(ctx, `select pg_backend_pid()`).Scan(&after); err != nil || after == before {
		t.Errorf("process %d, %v: want another one than %d", after, err, before)
	}
}
