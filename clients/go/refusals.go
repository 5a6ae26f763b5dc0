package signoff

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
)

// ErrRefused matches every [Refusal] with [errors.Is].
var ErrRefused = errors.New("signoff: refused")

// Refusal is the reason that a function did not run. It is one of [StillWaitingError], [RejectedError],
// [AutoRejectedError], [TimedOutError], [CancelledError], [RevokedError], [FrozenError], [AlreadyClaimedError],
// [ClaimWindowClosedError], [DigestMismatchError], [UnknownStatusError], [InvalidAnswerError], [UnavailableError],
// [RequestFailedError], [InvalidArgumentsError] and [InvalidEditError], which [errors.As] finds.
//
// Its Error is for the model: the call did not run, why, and what not to do. Pass it on unchanged.
type Refusal interface {
	error
	// DeveloperText is for people: it may name addresses, causes and settings.
	DeveloperText() string
	// Tool is the name of the tool.
	Tool() string
	// Approval is the id of the approval; empty when there is none, or none is known.
	Approval() string
}

// Refused has the fields of all refusals.
type Refused struct {
	// ToolName is the name of the tool.
	ToolName string
	// ApprovalID is the id of the approval; empty when there is none, or none is known.
	ApprovalID string
}

// Tool implements [Refusal].
func (r Refused) Tool() string { return r.ToolName }

// Approval implements [Refusal].
func (r Refused) Approval() string { return r.ApprovalID }

// Is tells that this is ErrRefused.
func (r Refused) Is(target error) bool { return target == ErrRefused }

// StillWaitingError says that the context ended before the call ran: the approval is still pending, or approved and
// unused. Without an approval id, the server had not answered yet.
type StillWaitingError struct {
	Refused
	// Approved tells that the call was approved when the context ended.
	Approved bool
	// Cause is the context's error, [context.Canceled] or [context.DeadlineExceeded].
	Cause error
}

func (e *StillWaitingError) Error() string {
	switch {
	case e.Approved:
		return fmt.Sprintf("NOT RUN. The call to %s was approved, but the caller stopped before it ran. "+
			"Do not work around it.", e.ToolName)
	case e.ApprovalID == "":
		return fmt.Sprintf("NOT RUN. The call to %s is not approved yet. Do not work around it.", e.ToolName)
	}
	return fmt.Sprintf("NOT RUN. The call to %s is still waiting for approval. Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *StillWaitingError) DeveloperText() string {
	switch {
	case e.Approved:
		return "The caller stopped waiting. " + approvedNotRun(e.Refused)
	case e.ApprovalID == "":
		return fmt.Sprintf("The caller stopped waiting. The server had not answered the request for the call to %s.",
			e.ToolName)
	}
	return fmt.Sprintf("The caller stopped waiting. Approval %s of the call to %s is still pending.",
		e.ApprovalID, e.ToolName)
}

// Unwrap returns the cause.
func (e *StillWaitingError) Unwrap() error { return e.Cause }

// RejectedError says that a person rejected the call, now or when the same run made the same call before.
type RejectedError struct {
	Refused
	// Comment is the reviewer's comment; may be empty.
	Comment string
	// DecidedBy is who rejected it, as ISSUER/SUBJECT.
	DecidedBy string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("NOT RUN. A reviewer rejected the call to %s%s. Do not try it again.",
		e.ToolName, because(e.Comment))
}

// DeveloperText implements [Refusal].
func (e *RejectedError) DeveloperText() string { return e.Error() }

// AutoRejectedError says that the policy rejected the call.
type AutoRejectedError struct {
	Refused
	// Rule is the name of the policy's rule.
	Rule string
	// Message is the rule's message; may be empty.
	Message string
}

func (e *AutoRejectedError) Error() string {
	return fmt.Sprintf("NOT RUN. The policy does not allow the call to %s%s. Do not try it again.",
		e.ToolName, because(e.Message))
}

// DeveloperText implements [Refusal].
func (e *AutoRejectedError) DeveloperText() string { return e.Error() }

// TimedOutError says that no reviewer decided in time.
type TimedOutError struct{ Refused }

func (e *TimedOutError) Error() string {
	return fmt.Sprintf("NOT RUN. No reviewer decided on the call to %s in time. Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *TimedOutError) DeveloperText() string { return e.Error() }

// CancelledError says that the approval was withdrawn.
type CancelledError struct {
	Refused
	// Cause is the context's error when this call withdrew the approval because the context ended; else nil.
	Cause error
}

func (e *CancelledError) Error() string {
	return fmt.Sprintf("NOT RUN. The request to call %s was withdrawn. Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *CancelledError) DeveloperText() string { return e.Error() }

// Unwrap returns the cause.
func (e *CancelledError) Unwrap() error { return e.Cause }

// RevokedError says that the call was approved, and the approval revoked before the claim.
type RevokedError struct {
	Refused
	// Reason is why; may be empty.
	Reason string
}

func (e *RevokedError) Error() string {
	return fmt.Sprintf("NOT RUN. The approval of the call to %s was revoked%s. Do not try it again.",
		e.ToolName, because(e.Reason))
}

// DeveloperText implements [Refusal].
func (e *RevokedError) DeveloperText() string { return e.Error() }

// FrozenError says that an operator stopped such calls.
type FrozenError struct {
	Refused
	// Reason is why; may be empty.
	Reason string
}

func (e *FrozenError) Error() string {
	return fmt.Sprintf("NOT RUN. An operator has stopped the call to %s for now%s. Do not work around it.",
		e.ToolName, because(e.Reason))
}

// DeveloperText implements [Refusal].
func (e *FrozenError) DeveloperText() string { return e.Error() }

// AlreadyClaimedError says that another runner has the claim, or an earlier run of this one: the call may have run.
type AlreadyClaimedError struct {
	Refused
	// ClaimedBy is who has the claim, as ISSUER/SUBJECT.
	ClaimedBy string
	// ClaimTime is the time of the claim, such as 2027-01-15T08:00:02Z.
	ClaimTime string
	// Result is the reported outcome, SUCCEEDED or FAILED; empty without a report.
	Result string
	// ReportTime is the time of the report, such as 2027-01-15T08:00:09Z.
	ReportTime string
	// Message is the report's message, shortened; may be empty.
	Message string
}

var outcomes = map[string]string{"SUCCEEDED": "succeeded", "FAILED": "failed"}

func (e *AlreadyClaimedError) Error() string {
	started := "started before"
	if e.ClaimTime != "" {
		started = "started at " + e.ClaimTime
	}
	ended := ". Its outcome is unknown"
	if outcome, known := outcomes[e.Result]; known {
		if e.ReportTime != "" {
			outcome += " at " + e.ReportTime
		}
		ended = ", and " + outcome + because(e.Message)
	}
	return fmt.Sprintf("NOT RUN AGAIN. The call to %s was approved and %s%s. Do not repeat it.",
		e.ToolName, started, ended)
}

// DeveloperText implements [Refusal].
func (e *AlreadyClaimedError) DeveloperText() string {
	if e.ClaimedBy == "" {
		return e.Error()
	}
	return fmt.Sprintf("%s (Claimed by %s.)", e.Error(), e.ClaimedBy)
}

// ClaimWindowClosedError says that the call was approved, but its claim window has closed.
type ClaimWindowClosedError struct{ Refused }

func (e *ClaimWindowClosedError) Error() string {
	return fmt.Sprintf("NOT RUN. The approval of the call to %s has expired. Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *ClaimWindowClosedError) DeveloperText() string { return e.Error() }

// DigestMismatchError says that the approved call differs from the call to run.
type DigestMismatchError struct{ Refused }

func (e *DigestMismatchError) Error() string {
	return fmt.Sprintf("NOT RUN. The approved call differs from the call to %s that would run. Do not work around it.",
		e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *DigestMismatchError) DeveloperText() string { return e.Error() }

// UnknownStatusError says that a newer server sent a status that this client does not know.
type UnknownStatusError struct {
	Refused
	// Status is the status's number.
	Status int32
}

func (e *UnknownStatusError) Error() string {
	return fmt.Sprintf("NOT RUN. The approvals server sent an unknown status for the call to %s. "+
		"Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *UnknownStatusError) DeveloperText() string {
	return fmt.Sprintf("The server sent the unknown status %d for the call to %s. The call counts as not approved. "+
		"Update the client.", e.Status, e.ToolName)
}

// InvalidAnswerError says that an answer of the server contradicts the request, an earlier answer or itself.
type InvalidAnswerError struct {
	Refused
	// Address is the server's.
	Address string
	// Problem is what is wrong with the answer.
	Problem string
}

func (e *InvalidAnswerError) Error() string {
	return fmt.Sprintf("NOT RUN. The approvals server sent an invalid answer for the call to %s. "+
		"Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *InvalidAnswerError) DeveloperText() string {
	return fmt.Sprintf("The server at %s sent an invalid answer for the call to %s%s.",
		e.Address, e.ToolName, because(e.Problem))
}

// UnavailableError says that the server was unreachable for too long, or cannot be at its address.
type UnavailableError struct {
	Refused
	// Address is the server's.
	Address string
	// Problem says what is wrong: "connection refused", or what to configure.
	Problem string
	// Approved tells that the call was approved, and the claim failed.
	Approved bool
	// Cause is the last failure, a gRPC status; [ErrClosed] if the client was closed.
	Cause error
}

func (e *UnavailableError) Error() string {
	switch {
	case e.Approved:
		return fmt.Sprintf("NOT RUN. The call to %s was approved, but the approvals server cannot be reached to start "+
			"it. Do not work around it.", e.ToolName)
	case e.ApprovalID != "":
		return fmt.Sprintf("NOT RUN. The call to %s is still waiting for approval, and the approvals server cannot be "+
			"reached. Do not work around it.", e.ToolName)
	}
	return fmt.Sprintf("NOT RUN. The call to %s could not be approved, because the approvals server cannot be "+
		"reached. Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *UnavailableError) DeveloperText() string {
	text := fmt.Sprintf("Cannot reach the approvals server at %s%s.", e.Address, because(e.Problem))
	if e.Approved {
		text += " " + approvedNotRun(e.Refused)
	}
	return text
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// RequestFailedError says that the server rejected the request: not authenticated, not allowed, invalid, over a limit.
// A request that cannot be sent fails with it too.
type RequestFailedError struct {
	Refused
	// Address is the server's.
	Address string
	// Code is the gRPC code.
	Code codes.Code
	// Reason is that of the server's ErrorInfo, without the prefix ERROR_REASON_, or else the name of the code.
	Reason string
	// Message is the server's.
	Message string
	// Cause is the gRPC status, with its details.
	Cause error
}

// The model can correct an invalid request. Everything else is for the operator.
func (e *RequestFailedError) Error() string {
	if e.Reason == "INVALID_REQUEST" {
		return fmt.Sprintf("NOT RUN. The call to %s could not be approved%s.", e.ToolName, because(e.Message))
	}
	return fmt.Sprintf("NOT RUN. The approvals server rejected the request to call %s. "+
		"Do not work around it.", e.ToolName)
}

// DeveloperText implements [Refusal].
func (e *RequestFailedError) DeveloperText() string {
	return fmt.Sprintf("The server at %s rejected the request (%s)%s.", e.Address, e.Reason, because(e.Message))
}

// Unwrap returns the cause.
func (e *RequestFailedError) Unwrap() error { return e.Cause }

// InvalidArgumentsError says that the arguments cannot be approved as they are.
type InvalidArgumentsError struct {
	Refused
	// Path is where the problem is, such as a.b[1]; empty for the arguments as a whole.
	Path string
	// Problem says what is wrong there: "is not a finite number".
	Problem string
}

func (e *InvalidArgumentsError) Error() string {
	return fmt.Sprintf("NOT RUN. The call to %s cannot be approved: %s.", e.ToolName, place(e.Path, e.Problem))
}

// DeveloperText implements [Refusal].
func (e *InvalidArgumentsError) DeveloperText() string { return e.Error() }

// InvalidEditError says that a reviewer's edit does not fit the function. Nothing was claimed, so the approval can
// still be revoked.
type InvalidEditError struct {
	Refused
	// Path is where the problem is, such as a.b[1]; empty for the arguments as a whole.
	Path string
	// Problem says what is wrong there: "is not a number".
	Problem string
}

func (e *InvalidEditError) Error() string {
	return fmt.Sprintf("NOT RUN. A reviewer's edit does not fit the call to %s: %s. "+
		"Ask for approval again.", e.ToolName, place(e.Path, e.Problem))
}

// DeveloperText implements [Refusal].
func (e *InvalidEditError) DeveloperText() string { return e.Error() }
