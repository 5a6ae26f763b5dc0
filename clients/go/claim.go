package signoff

import (
	"context"

	"google.golang.org/grpc/status"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// claim takes the one permission to run the call, and returns its id. A caller that gives up meanwhile gets none.
func (g *gate) claim(ctx context.Context) (string, error) {
	if _, err := g.argumentsToRun(); err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	lasting, done := outlive(ctx)
	defer done()
	request := &signoffv1.ClaimExecutionRequest{
		ApprovalId: g.approval.GetId(), RequestId: randomRequestID(), Digest: g.approval.GetDigest(),
	}
	var answer *signoffv1.ClaimExecutionResponse
	// The pauses end with the context; a call under way does not, as it may come back with the permission.
	err := g.client.repeat(ctx, lasting, g.patience, func(ctx context.Context) error {
		var err error
		answer, err = g.client.Approvals.ClaimExecution(ctx, request)
		return err
	})
	if ctx.Err() != nil {
		if err == nil && answer.GetClaimId() != "" {
			g.report(ctx, answer.GetClaimId(), failed, "not run: the caller gave up")
		}
		return "", ctx.Err()
	}
	if err != nil {
		return "", g.claimFailed(err)
	}
	if err := g.checkClaim(answer); err != nil {
		if answer.GetClaimId() != "" { // Else nothing was granted.
			g.report(ctx, answer.GetClaimId(), failed, "not run: the claim is not what was asked for")
		}
		return "", err
	}
	// The claim took its time, in which the caller may have changed the arguments that the function will see.
	if g.arguments, err = g.argumentsToRun(); err != nil {
		g.report(ctx, answer.GetClaimId(), failed, "not run: the arguments were changed after the approval")
		return "", err
	}
	return answer.GetClaimId(), nil
}

// argumentsToRun are a copy of those of the caller, or else the edited ones, if they are what was approved.
func (g *gate) argumentsToRun() (map[string]any, error) {
	// The policy approves what was asked for; only people edit.
	byPolicy := g.approval.GetStatus() == signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_APPROVED
	if !g.isDecidedFor(g.approval) || (g.edited() && byPolicy) {
		return nil, &DigestMismatchError{g.refused()}
	}
	arguments := plain(g.approval.GetArguments())
	if !g.edited() {
		// Encoded again, as the caller may have changed them in the meantime.
		var p *problem
		if arguments, p = encodeArguments(g.call.Arguments); p != nil {
			return nil, &DigestMismatchError{g.refused()}
		}
	}
	own, err := digest(g.call.ToolName, arguments)
	if err != nil || own != g.approval.GetDigest() {
		return nil, &DigestMismatchError{g.refused()}
	}
	return arguments, nil
}

func (g *gate) claimFailed(err error) error {
	info := serverInfo(status.Convert(err))
	switch info.GetReason() {
	case "ALREADY_CLAIMED":
		known := info.GetMetadata()
		return &AlreadyClaimedError{
			Refused: g.refused(), Result: known["result"], ReportTime: known["report_time"], Message: known["message"],
		}
	case "CLAIM_WINDOW_CLOSED":
		return &ClaimWindowClosedError{g.refused()}
	case "DIGEST_MISMATCH":
		return &DigestMismatchError{g.refused()}
	default:
		return g.failed(err)
	}
}
