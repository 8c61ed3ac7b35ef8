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
		return one(Warn, "As the tables' owner: pgfeed session watch, with the same --session- settings.",
			"changes of sessions are not reported: gateways ask for each that has streams, every second"), nil
	}
	return ok("can be looked up, and changes are reported"), nil
}
