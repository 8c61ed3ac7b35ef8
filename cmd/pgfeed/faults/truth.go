package faults

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Truth is what the application's tables hold.
type Truth struct {
	rows map[who][topics][]int64
}

// who a row is for; activities have no user.
type who struct{ tenant, user string }

// ReadTruth reads that of some tenants. Nothing should be written for them meanwhile.
func ReadTruth(ctx context.Context, url string, tenants []string) (Truth, error) {
	truth := Truth{map[who][topics][]int64{}}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return truth, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `
select 0, id, "tenantId", '' from "activityLogs" where "tenantId" = any ($1)
union all
select 1, id, "tenantId", "userId" from notifications where "tenantId" = any ($1)`, tenants)
	if err != nil {
		return truth, err
	}
	var topic int
	var id int64
	var to who
	_, err = pgx.ForEachRow(rows, []any{&topic, &id, &to.tenant, &to.user}, func() error {
		list := truth.rows[to]
		list[topic] = append(list[topic], id)
		truth.rows[to] = list
		return nil
	})
	return truth, err
}

// Rows is how many there are.
func (t Truth) Rows() (n int) {
	for _, lists := range t.rows {
		for _, list := range lists {
			n += len(list)
		}
	}
	return n
}

// Difference is what one subscriber, or all of them together, have of the truth.
type Difference struct {
	Expected int64
	Missing  int64
	Doubled  int64 // rows that came twice although duplicates were dropped by event id, or that it should not have got
	Again    int64 // events that came more than once on the wire, and were dropped
}

func (d *Difference) add(e Difference) {
	d.Expected += e.Expected
	d.Missing += e.Missing
	d.Doubled += e.Doubled
	d.Again += e.Again
}

// compare says what a subscriber has of it.
func (s *Subscriber) compare(t Truth) (d Difference, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lists := [topics][]int64{t.rows[who{s.Tenant, ""}][activity], t.rows[who{s.Tenant, s.User}][notification]}
	var missed string
	for topic, list := range lists {
		d.Expected += int64(len(list))
		for _, id := range list {
			if !s.got.rows[topic].has(id) {
				if d.Missing++; d.Missing <= 5 {
					missed += fmt.Sprintf(" %d/%d", topic, id)
				}
			}
		}
	}
	d.Again = s.got.again
	// Whatever it has beyond what it should have never committed.
	d.Doubled = int64(len(s.got.doubled)) + max(0, s.got.number-(d.Expected-d.Missing))
	if d.Missing > 0 {
		err = fmt.Errorf("%d of %d rows are missing, such as%s", d.Missing, d.Expected, missed)
	}
	if d.Doubled > 0 {
		err = errors.Join(err, fmt.Errorf("%d rows came twice, or should not have come: %.5q", d.Doubled, s.got.doubled))
	}
	if err != nil {
		err = fmt.Errorf("subscriber %s/%s: %w", s.Tenant, s.User, err)
	}
	return d, err
}

// Compare waits, as long as ctx allows, until no subscriber misses anything, and says what they have. Its error names the
// first few who don't have exactly the truth.
func Compare(ctx context.Context, t Truth, subscribers []*Subscriber) (Difference, error) {
	var all Difference
	var wrong []error
	for _, s := range subscribers {
		_ = s.Await(ctx, func(SubscriberStats, int64) bool {
			d, _ := s.compare(t)
			return d.Missing == 0
		}) // the comparison says what is missing
		d, err := s.compare(t)
		all.add(d)
		if err != nil && len(wrong) < 5 {
			wrong = append(wrong, err)
		}
	}
	return all, errors.Join(wrong...)
}
