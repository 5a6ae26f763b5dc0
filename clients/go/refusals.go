package signoff

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
)

// ErrRefused matches every [Refusal] with [errors.Is].
var ErrRefused = errors.New("signoff: refused")

// Refusal is why a function was not run. It is one of [RejectedError], [AutoRejectedError], [TimedOutError],
// [CancelledError], [AlreadyClaimedError], [ClaimWindowClosedError], [DigestMismatchError], [UnknownStatusError],
// [InvalidAnswerError], [UnavailableError], [RequestFailedError] and [InvalidArgumentsError], to be found with
// [errors.As]. Its Error is a text that can be handed to a model.
type Refusal interface {
	error
	// Tool is the name of the tool that was to be called.
	Tool() string
	// Approval is the id of the approval; empty when there is none, or none is known.
	Approval() string
}

// Refused is what all refusals have.
type Refused struct {
	// ToolName is the name of the tool that was to be called.
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

// RejectedError says that a person rejected the call.
type RejectedError struct {
	Refused
	// Comment is what the person said about it; may be empty.
	Comment string
	// DecidedBy is who rejected it, as ISSUER/SUBJECT.
	DecidedBy string
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("The call to %s was rejected by a reviewer%s. It was not run.", e.ToolName, quoted(e.Comment))
}

// AutoRejectedError says that the policy rejected the call.
type AutoRejectedError struct {
	Refused
	// Rule is the name of the policy's rule.
	Rule string
	// Message is the rule's message; may be empty.
	Message string
}

func (e *AutoRejectedError) Error() string {
	return fmt.Sprintf("The call to %s is not allowed by the policy%s. It was not run.", e.ToolName, quoted(e.Message))
}

// TimedOutError says that nobody decided in time.
type TimedOutError struct{ Refused }

func (e *TimedOutError) Error() string {
	return fmt.Sprintf("Nobody decided about the call to %s in time. It was not run.", e.ToolName)
}

// CancelledError says that the approval was withdrawn.
type CancelledError struct{ Refused }

func (e *CancelledError) Error() string {
	return fmt.Sprintf("The request to call %s was withdrawn. It was not run.", e.ToolName)
}

// AlreadyClaimedError says that another runner has started the call, or an earlier run of this one: it may have been
// made.
type AlreadyClaimedError struct {
	Refused
	// Result is what was reported of it: SUCCEEDED or FAILED; empty while there is no report.
	Result string
	// ReportTime is when that was, such as 2027-01-15T08:00:09Z.
	ReportTime string
	// Message is what the report said, shortened; may be empty.
	Message string
}

var outcomes = map[string]string{"SUCCEEDED": "succeeded", "FAILED": "failed"}

func (e *AlreadyClaimedError) Error() string {
	started := fmt.Sprintf("The call to %s was approved, but it has been started before", e.ToolName)
	outcome, known := outcomes[e.Result]
	if !known {
		return started + ". It was not run again; whether it has been done is not known here."
	}
	if e.ReportTime != "" {
		outcome += " at " + e.ReportTime
	}
	return fmt.Sprintf("%s, and %s%s. It was not run again.", started, outcome, quoted(e.Message))
}

// ClaimWindowClosedError says that the call was approved too long ago.
type ClaimWindowClosedError struct{ Refused }

func (e *ClaimWindowClosedError) Error() string {
	return fmt.Sprintf("The call to %s was approved, but too long ago to be run now. It was not run.", e.ToolName)
}

// DigestMismatchError says that what was approved is not what would be run.
type DigestMismatchError struct{ Refused }

func (e *DigestMismatchError) Error() string {
	return fmt.Sprintf("The call to %s is not the one that was approved. It was not run.", e.ToolName)
}

// UnknownStatusError says that a newer server sent a status that this client does not know.
type UnknownStatusError struct {
	Refused
	// Status is the status's number.
	Status int32
}

func (e *UnknownStatusError) Error() string {
	return fmt.Sprintf("The answer about the call to %s is not understood, so it counts as not approved. "+
		"It was not run.", e.ToolName)
}

// InvalidAnswerError says that an answer of the server contradicts the request, an earlier answer or itself.
type InvalidAnswerError struct {
	Refused
	// Problem is what is wrong with it.
	Problem string
}

func (e *InvalidAnswerError) Error() string {
	return fmt.Sprintf("The approvals server gave an invalid answer about the call to %s: %s. It was not run.",
		e.ToolName, e.Problem)
}

// UnavailableError says that the server could not be reached for long enough.
type UnavailableError struct {
	Refused
	// Cause is the last failure, a gRPC status; [ErrClosed] if the client was closed.
	Cause error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("Approval of the call to %s could not be obtained: the approvals server cannot be reached. "+
		"It was not run.", e.ToolName)
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// RequestFailedError says that the server refused the request: not authenticated, not allowed, invalid, over a limit.
// What cannot be sent at all fails with it too.
type RequestFailedError struct {
	Refused
	// Code is the gRPC code.
	Code codes.Code
	// Reason is that of the server's ErrorInfo, without the prefix ERROR_REASON_, or else the name of the code.
	Reason string
	// Message is the server's.
	Message string
	// Cause is the gRPC status, with its details.
	Cause error
}

func (e *RequestFailedError) Error() string {
	return fmt.Sprintf("Approval of the call to %s could not be obtained (%s)%s. It was not run.",
		e.ToolName, e.Reason, quoted(e.Message))
}

// Unwrap returns the cause.
func (e *RequestFailedError) Unwrap() error { return e.Cause }

// InvalidArgumentsError says that the arguments cannot be approved as they are, or that the function cannot take the
// arguments that a reviewer has edited.
type InvalidArgumentsError struct {
	Refused
	// Path is where the problem is, such as a.b[1]; empty for the arguments as a whole.
	Path string
	// Problem says what is wrong there: "is not a finite number".
	Problem string
}

func (e *InvalidArgumentsError) Error() string {
	place := "argument " + e.Path
	if e.Path == "" {
		place = "the set of arguments"
	}
	return fmt.Sprintf("The call to %s cannot be approved: %s %s. It was not run.", e.ToolName, place, e.Problem)
}

// quoted is what others said, to go before a full stop.
func quoted(text string) string {
	if text = strings.TrimSuffix(text, "."); text == "" {
		return ""
	}
	return ": " + text
}
