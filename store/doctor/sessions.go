package doctor

import (
	"context"
	"errors"

	"github.com/pgfeed/pgfeed/store"
)

func sessions(ctx context.Context, p *patient) ([]Finding, error) {
	if p.Sessions == nil {
		return ok("are not looked up in the database"), nil
	}
	watched, err := p.Sessions(ctx)
	switch {
	case errors.Is(err, store.ErrSessionTables):
		return one(Fail, "Correct the --session- settings, or grant the role what it lacks: docs/security.md has both.", "can't be looked up: %v", err), nil
	case err != nil:
		return nil, err
	case !watched:
		var hinting bool
		if err := p.db.QueryRow(ctx, `select pgfeed.hinting()`).Scan(&hinting); err != nil {
			return nil, err
		}
		mend := "As the tables' owner, who needs pgfeed_gateway or pgfeed_migration as well: pgfeed session watch, with the same --session- settings."
		if !hinting {
			mend = hintsMend
		}
		return one(Warn, mend,
			"changes of sessions are not reported: gateways ask for each that has streams, every second"), nil
	}
	return ok("can be looked up, and changes are reported"), nil
}
