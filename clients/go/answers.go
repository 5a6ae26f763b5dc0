package signoff

import (
	"slices"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/structpb"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// The checks of an answer; docs/clients.md of the project has the list. A lying server, or a proxy that mixes answers
// up, must not make a tool run. So each answer is compared with the request, with the earlier answers, and with itself.

// problems is a table of checks, so that all clients check in the same order.
type problems []struct {
	isThere bool
	text    string
}

// refuse returns the first problem as a refusal.
func (g *gate) refuse(all problems) error {
	for _, each := range all {
		if each.isThere {
			return &InvalidAnswerError{
				Refused: g.refused(), Address: g.client.address.String(), Problem: each.text,
			}
		}
	}
	return nil
}

// checkUpdate checks an update of the stream.
func (g *gate) checkUpdate(update *signoffv1.ApprovalUpdate) error {
	if err := g.checkApproval(update.GetApproval()); err != nil {
		return err
	}
	// A resumed call was asked elsewhere: its request must be in the answer.
	unseen := g.handle != nil && g.approval == nil && !slices.ContainsFunc(update.GetEvents(), isRequest)
	return g.refuse(problems{
		{g.recordsOtherArguments(update.GetEvents()), "the request was recorded with other arguments"},
		{unseen, "the approval does not show the request"},
		{!leadTo(update.GetApproval(), update.GetEvents()), "the events contradict the approval"},
	})
}

// checkApproval checks any approval against the request, the approval before it, and itself.
func (g *gate) checkApproval(now *signoffv1.Approval) error {
	if now == nil {
		return g.refuse(problems{{true, "the answer has no approval"}})
	}
	before := g.approval
	if before == nil {
		before = now
	}
	id := before.GetId()
	if g.handle != nil {
		id = g.handle.ApprovalID
	}
	is, decision := now.GetStatus(), now.GetDecision()
	meaning, known := statuses[is]
	consistent := decision == nil || (decision.GetStatus() == is && meaning.terminal)
	changed := is != before.GetStatus() || now.GetDigest() != before.GetDigest()
	caller := now.GetCaller()
	return g.refuse(problems{
		{now.GetId() == "", "the approval has no id"},
		{now.GetId() != id, "the approval's id changed"},
		{now.GetRequestId() != g.requestID, "the approval is for another request"},
		{now.GetToolName() != g.call.ToolName, "the approval is for another tool"},
		{caller.GetIssuer() == "" || caller.GetSubject() == "", "the approval has no caller"},
		{!same(caller, before.GetCaller()), "the approval's caller changed"},
		{now.GetRevision() == 0, "the approval has no revision"},
		{now.GetRevision() < before.GetRevision(), "the approval's revision went back"},
		{now.GetRevision() == before.GetRevision() && changed, "the approval changed without a new revision"},
		{meaning.terminal && decision == nil, "the approval has no decision"},
		{known && !consistent, "the decision contradicts the status"},
	})
}

// checkClaim checks the answer to the claim.
func (g *gate) checkClaim(answer *signoffv1.ClaimExecutionResponse) error {
	if err := g.refuse(problems{{answer.GetClaimId() == "", "the answer has no claim id"}}); err != nil {
		return err
	}
	approval, approved := answer.GetApproval(), g.approval
	if err := g.checkApproval(approval); err != nil {
		return err
	}
	changed := approval.GetStatus() != approved.GetStatus()
	if err := g.refuse(problems{{changed, "the approval's status changed"}}); err != nil {
		return err
	}
	if revocation := approval.GetRevocation(); revocation != nil { // No honest server grants such a claim.
		return &RevokedError{Refused: g.refused(), Reason: revocation.GetReason()}
	}
	if approval.GetDigest() != approved.GetDigest() || !g.isDecidedFor(approval) {
		return &DigestMismatchError{g.refused()}
	}
	claim := approval.GetClaim()
	return g.refuse(problems{
		{claim == nil, "the approval has no claim"},
		{claim.GetId() != answer.GetClaimId(), "the claim has another id"},
		{!same(claim.GetClaimedBy(), approval.GetCaller()), "the claim is another caller's"},
		{claim.GetOutcome() != nil, "the claim has an outcome already"},
	})
}

// isDecidedFor tells whether the decision is about the approval's digest, and that is the one calculated from its
// arguments.
func (g *gate) isDecidedFor(approval *signoffv1.Approval) bool {
	own, err := digest(g.call.ToolName, plain(approval.GetArguments()))
	return err == nil && own == approval.GetDigest() && approval.GetDecision().GetDigest() == own
}

func (g *gate) recordsOtherArguments(events []*signoffv1.Event) bool {
	for _, event := range events {
		if requested := event.GetRequested(); requested != nil && requested.GetDigest() != g.digest {
			return true
		}
	}
	return false
}

func isRequest(event *signoffv1.Event) bool { return event.GetRequested() != nil }

// isReported tells whether the answer is about the claim and the outcome that were reported.
func isReported(request *signoffv1.ReportExecutionRequest, answer *signoffv1.ReportExecutionResponse) bool {
	approval := answer.GetApproval()
	claim := approval.GetClaim()
	return approval.GetId() == request.GetApprovalId() && claim.GetId() == request.GetClaimId() &&
		claim.GetOutcome().GetResult() == request.GetResult()
}

// leadTo tells whether the events go up to the approval's revision, one by one, and to its status.
func leadTo(approval *signoffv1.Approval, events []*signoffv1.Event) bool {
	// A PENDING request may have another status than the approval only if a decision follows.
	isDecided := slices.ContainsFunc(events, func(event *signoffv1.Event) bool { return event.GetDecided() != nil })
	for i, event := range events {
		is := approval.GetStatus()
		if requested := event.GetRequested(); requested != nil &&
			(!isDecided || requested.GetStatus() != signoffv1.ApprovalStatus_APPROVAL_STATUS_PENDING) {
			is = requested.GetStatus()
		}
		if decided := event.GetDecided(); decided != nil {
			is = decided.GetStatus()
		}
		// An event beyond the approval's revision wraps around, and is none of its own.
		after := uint64(len(events) - 1 - i)
		if event.GetRevision()+after != approval.GetRevision() || is != approval.GetStatus() {
			return false
		}
	}
	return true
}

// same tells whether two callers are the same, as the server tells callers apart.
func same(one, other *signoffv1.Actor) bool {
	return one != nil && other != nil &&
		sameName(one.GetIssuer(), other.GetIssuer()) && sameName(one.GetSubject(), other.GetSubject())
}

// sameName compares names by their composed form (NFC): the server keeps old ones as they were recorded.
func sameName(one, other string) bool {
	return norm.NFC.String(one) == norm.NFC.String(other)
}

// plain is what a Struct holds; nothing for none.
func plain(arguments *structpb.Struct) map[string]any {
	if arguments == nil {
		return map[string]any{}
	}
	return arguments.AsMap()
}
