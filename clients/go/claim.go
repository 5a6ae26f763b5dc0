package signoff

import (
	"context"

	"google.golang.org/grpc/status"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// claim takes the only permission to run the call, and returns its id. A caller that stops waiting meanwhile gets none.
func (g *gate) claim(ctx context.Context) (string, error) {
	if err := g.takeArguments(); err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", g.stillWaiting(ctx, true)
	}
	lasting, done := outlive(ctx)
	defer done()
	// One request_id for all tries. After a lost reply the client cannot know whether the server granted the claim. The
	// same id asks for the same claim: the server answers as the first time, while the claim window is open and no outcome
	// is on record. A new id would get ALREADY_CLAIMED for this runner's own claim, and the call would never run.
	request := &signoffv1.ClaimExecutionRequest{
		ApprovalId: g.approvalID(), RequestId: randomRequestID(), Digest: g.approval.GetDigest(),
	}
	var answer *signoffv1.ClaimExecutionResponse
	// Pauses end with the context. A call under way does not: it may return with the permission.
	err := g.repeat(ctx, lasting, func(ctx context.Context) error {
		var err error
		answer, err = g.client.Approvals.ClaimExecution(ctx, request)
		return err
	})
	if ctx.Err() != nil {
		if err == nil && answer.GetClaimId() != "" {
			g.report(ctx, answer.GetClaimId(), failed, "not run: the caller stopped waiting")
		}
		return "", g.stillWaiting(ctx, true)
	}
	if err != nil {
		return "", g.claimFailed(err)
	}
	if err := g.checkClaim(answer); err != nil {
		if answer.GetClaimId() != "" { // Else nothing was granted.
			g.report(ctx, answer.GetClaimId(), failed, "not run: the claim does not match the request")
		}
		return "", err
	}
	return answer.GetClaimId(), nil
}

// takeArguments sets the arguments to run with: those of the call, or the server's if they were edited or the call is
// resumed. It fails if they are not the approved ones, or if the function cannot take them.
func (g *gate) takeArguments() error {
	// The policy approves what was asked for; only people edit.
	byPolicy := g.approval.GetStatus() == signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_APPROVED
	if !g.isDecidedFor(g.approval) || (g.edited() && byPolicy) {
		return &DigestMismatchError{g.refused()}
	}
	arguments := g.asked
	if g.edited() || g.handle != nil {
		arguments = plain(g.approval.GetArguments())
	}
	own, err := digest(g.call.ToolName, arguments)
	if err != nil || own != g.approval.GetDigest() {
		return &DigestMismatchError{g.refused()}
	}
	if g.takes != nil {
		rebuilt, p := rebuild(arguments, g.takes)
		if p != nil {
			return g.untakeable(p)
		}
		g.rebuilt = rebuilt
	}
	g.arguments = arguments
	return nil
}

func (g *gate) claimFailed(err error) error {
	info := serverInfo(status.Convert(err))
	switch info.GetReason() {
	case "ALREADY_CLAIMED":
		known := info.GetMetadata()
		return &AlreadyClaimedError{
			Refused: g.refused(), ClaimedBy: known["claimed_by"], ClaimTime: known["claim_time"],
			Result: known["result"], ReportTime: known["report_time"], Message: known["message"],
		}
	case "APPROVAL_REVOKED":
		return &RevokedError{Refused: g.refused(), Reason: info.GetMetadata()["reason"]}
	case "FROZEN":
		return &FrozenError{Refused: g.refused(), Reason: info.GetMetadata()["reason"]}
	case "CLAIM_WINDOW_CLOSED":
		return &ClaimWindowClosedError{g.refused()}
	case "DIGEST_MISMATCH":
		return &DigestMismatchError{g.refused()}
	default:
		return g.failed(err)
	}
}
