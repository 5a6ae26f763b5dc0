package signoff

import (
	"context"
	"errors"
	"fmt"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// warnOfRepetition warns once per tool that a call cannot be retried safely: its caller may stop waiting unnoticed, and
// a retry is then a second request.
func (g *gate) warnOfRepetition(ctx context.Context) {
	if g.call.RequestID != "" || g.call.CallID != "" || ctx.Done() != nil {
		return
	}
	if _, told := g.client.repeatable.LoadOrStore(g.call.ToolName, true); told {
		return
	}
	g.client.logger.WarnContext(ctx, fmt.Sprintf("The call to %s has no RequestID, no RunID with CallID, and no "+
		"context that can be cancelled. A retry asks for a second approval.", g.call.ToolName),
		"tool_name", g.call.ToolName)
}

// abandon makes the error of a call whose context ended during the wait. The context's error is always in it.
func (g *gate) abandon(ctx context.Context) error {
	if g.call.CancelOnAbandon {
		is, err := g.withdraw(ctx)
		switch {
		case err != nil: // The warning has said so.
		case is == signoffv1.ApprovalStatus_APPROVAL_STATUS_CANCELLED:
			return &CancelledError{Refused: g.refused(), Cause: ctx.Err()}
		case statuses[is].approved:
			return g.stillWaiting(ctx, true)
		default: // Somebody decided otherwise meanwhile.
			return ctx.Err()
		}
	}
	switch {
	case g.approval == nil && g.failure != nil:
		return g.unavailable(g.client.diagnose(g.failure), errors.Join(ctx.Err(), g.failure))
	default: // Perhaps the server has the request, even if it has not answered yet.
		return g.stillWaiting(ctx, g.isApproved())
	}
}

// stillWaiting is the refusal of a call whose context ended before it ran.
func (g *gate) stillWaiting(ctx context.Context, isApproved bool) error {
	return &StillWaitingError{Refused: g.refused(), Approved: isApproved, Cause: ctx.Err()}
}
