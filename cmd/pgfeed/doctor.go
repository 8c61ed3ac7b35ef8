package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pgfeed/pgfeed/store/doctor"
)

type doctorCmd struct {
	databaseFlags
	sessionSourceFlags
	NotifyDatabaseURL string        `placeholder:"URL" help:"Direct connection for LISTEN, as gateways are given it. Default: --database-url."`
	LongTransaction   time.Duration `default:"5m" help:"Age from which an open or prepared transaction is worth a warning."`
	QueueUsage        float64       `default:"0.1" help:"Used part of the NOTIFY queue, from 0 to 1, that is worth a warning."`
	Timeout           time.Duration `default:"5s" help:"Longest time for one check."`
	JSON              bool          `name:"json" help:"Print the findings as JSON."`
}

// errUnwell says that a check failed; the findings, which are printed, say the rest.
var errUnwell = errors.New("something doesn't work as it is: see FAIL above")

func (c doctorCmd) validate() error {
	var s settings
	s.add(checkURL("database-url", c.DatabaseURL))
	s.url("notify-database-url", c.NotifyDatabaseURL)
	s.add(c.sessionSourceFlags.validate())
	if c.LongTransaction <= 0 {
		s.addf("--long-transaction must be more than zero, not %v", c.LongTransaction)
	}
	if c.QueueUsage <= 0 || c.QueueUsage > 1 {
		s.addf("--queue-usage is more than 0 and at most 1, not %v", c.QueueUsage)
	}
	atLeast(&s, "timeout", c.Timeout, 100*time.Millisecond)
	return s.err()
}

// Run examines the database and prints what it finds.
func (c doctorCmd) Run(ctx context.Context, io streams) error {
	if err := c.validate(); err != nil {
		return err
	}
	pool, err := newPool("database-url", c.DatabaseURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	findings, err := doctor.Examine(ctx, doctor.Options{
		DatabaseURL: c.DatabaseURL, NotifyURL: c.NotifyDatabaseURL, Sessions: c.lookUp(pool),
		LongOpen: c.LongTransaction, QueueWarn: c.QueueUsage, Timeout: c.Timeout,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(io.out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(findings); err != nil {
			return err
		}
	} else {
		printFindings(io.out, findings)
	}
	for _, f := range findings {
		if f.Status == doctor.Fail {
			return errUnwell
		}
	}
	return nil
}

// lookUp is nil where sessions aren't looked up in the database.
func (c doctorCmd) lookUp(pool *pgxpool.Pool) func(context.Context) (bool, error) {
	source := c.source(pool)
	if source == nil {
		return nil
	}
	return func(ctx context.Context) (bool, error) {
		if err := source.Check(ctx); err != nil {
			return false, err
		}
		return source.Watched(ctx)
	}
}

// printFindings writes a table; what is to be done about a finding stands below it.
func printFindings(w io.Writer, findings []doctor.Finding) {
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	for _, f := range findings {
		status := string(f.Status)
		if f.Status != doctor.OK {
			status = strings.ToUpper(status)
		}
		_, _ = fmt.Fprintf(w, "%-4s  %-*s  %s\n", status, width, f.Check, f.Found)
		if f.Mend != "" {
			_, _ = fmt.Fprintf(w, "%-4s  %-*s  -> %s\n", "", width, "", f.Mend)
		}
	}
}
