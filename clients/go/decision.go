package signoff

import signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"

// The known statuses. Any other status is not approved, and final only when the stream ends after it.
var statuses = map[signoffv1.ApprovalStatus]struct{ terminal, approved bool }{
	signoffv1.ApprovalStatus_APPROVAL_STATUS_PENDING:       {false, false},
	signoffv1.ApprovalStatus_APPROVAL_STATUS_APPROVED:      {true, true},
	signoffv1.ApprovalStatus_APPROVAL_STATUS_REJECTED:      {true, false},
	signoffv1.ApprovalStatus_APPROVAL_STATUS_TIMED_OUT:     {true, false},
	signoffv1.ApprovalStatus_APPROVAL_STATUS_CANCELLED:     {true, false},
	signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_APPROVED: {true, true},
	signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_REJECTED: {true, false},
}

// ruleOfFreezes is the name of the rule that rejects what an operator has frozen.
const ruleOfFreezes = "_freeze"

// decision returns the refusal of a decided call; nil if the call is approved and not revoked.
func (g *gate) decision() error {
	current := g.approval.GetStatus()
	if statuses[current].approved {
		if revocation := g.approval.GetRevocation(); revocation != nil {
			return &RevokedError{Refused: g.refused(), Reason: revocation.GetReason()}
		}
		return nil
	}
	decision := g.approval.GetDecision()
	switch current {
	case signoffv1.ApprovalStatus_APPROVAL_STATUS_REJECTED:
		return g.rejected(decision.GetComment(), decision.GetDecidedBy())
	case signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_REJECTED:
		return g.autoRejected(decision, g.approval.GetPolicy())
	case signoffv1.ApprovalStatus_APPROVAL_STATUS_TIMED_OUT:
		return &TimedOutError{g.refused()}
	case signoffv1.ApprovalStatus_APPROVAL_STATUS_CANCELLED:
		return &CancelledError{Refused: g.refused()}
	default:
		return &UnknownStatusError{Refused: g.refused(), Status: int32(current)}
	}
}

// autoRejected distinguishes an earlier rejection by a person, a freeze by an operator, and a rule of the policy.
func (g *gate) autoRejected(decision *signoffv1.Decision, policy *signoffv1.PolicyEvaluation) error {
	if remembered := decision.GetRememberedRejection(); remembered != nil {
		return g.rejected(remembered.GetComment(), remembered.GetDecidedBy())
	}
	if policy.GetRule() == ruleOfFreezes {
		return &FrozenError{Refused: g.refused(), Reason: decision.GetComment()}
	}
	return &AutoRejectedError{Refused: g.refused(), Rule: policy.GetRule(), Message: policy.GetMessage()}
}

func (g *gate) rejected(comment string, by *signoffv1.Actor) error {
	return &RejectedError{
		Refused: g.refused(), Comment: comment, DecidedBy: by.GetIssuer() + "/" + by.GetSubject(),
	}
}
