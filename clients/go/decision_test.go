package signoff_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// decides answers a request with an approval of a status, changed.
func (f *fake) decides(is signoffv1.ApprovalStatus, change func(*signoffv1.Approval)) answers {
	return answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		approval := f.approvalOf(request, is)
		change(approval)
		return f.send(stream, approval)
	}}
}

const autoRejected = signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_REJECTED

func TestRevokedApprovalsAreNotClaimed(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = f.decides(approved, func(approval *signoffv1.Approval) {
		approval.Revocation = &signoffv1.Revocation{Reason: "Wrong customer."}
	})
	_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	revoked := refusal[*signoff.RevokedError](t, err)
	tool.never(t)
	if revoked.Reason != "Wrong customer." || revoked.ApprovalID != "approval-1" || len(f.claimed) != 0 {
		t.Errorf("%#v, claimed %v", revoked, f.claimed)
	}
}

// A server that grants the claim of what it says is revoked is not believed.
func TestClaimsOfRevokedApprovalsRunNothing(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.claim = claims{
		func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			answer := f.granted()
			answer.GetApproval().Revocation = &signoffv1.Revocation{}
			return answer, nil
		},
	}
	_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	refusal[*signoff.RevokedError](t, err)
	tool.never(t)
	f.expectFailed(t)
}

func TestRememberedRejectionsAreRejections(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = f.decides(autoRejected, func(approval *signoffv1.Approval) {
		approval.Policy = &signoffv1.PolicyEvaluation{Rule: "_remembered_rejection", Message: "?"}
		approval.Decision.RememberedRejection = &signoffv1.RememberedRejection{
			ApprovalId: "approval-0", Comment: "Not today.",
			DecidedBy: &signoffv1.Actor{Issuer: "local", Subject: "olga"},
		}
	})
	_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	rejected := refusal[*signoff.RejectedError](t, err)
	tool.never(t)
	if rejected.Comment != "Not today." || rejected.DecidedBy != "local/olga" || rejected.ApprovalID != "approval-1" {
		t.Errorf("%#v", rejected)
	}
}

func TestFrozenRequestsAreNotThePolicys(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = f.decides(autoRejected, func(approval *signoffv1.Approval) {
		approval.Policy = &signoffv1.PolicyEvaluation{Rule: "_freeze", Message: "Ask again after the thaw."}
		approval.Decision.Comment = "Incident 12."
	})
	_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	frozen := refusal[*signoff.FrozenError](t, err)
	tool.never(t)
	if frozen.Reason != "Incident 12." {
		t.Errorf("%#v", frozen)
	}
}

// told is an error of the server with metadata.
func told(reason string, metadata map[string]string) error {
	info := &errdetails.ErrorInfo{Domain: "signoff.v1", Reason: reason, Metadata: metadata}
	made, err := status.New(codes.FailedPrecondition, "because").WithDetails(info)
	if err != nil {
		panic(err)
	}
	return made.Err()
}

func TestWhatStopsAClaimIsTold(t *testing.T) {
	t.Parallel()
	claimed := func(metadata map[string]string) error {
		f, tool := &fake{claim: claimFails(told(metadata["reason_of_error"], metadata))}, &tool{}
		_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
		tool.never(t)
		if len(f.claimed) != 1 || len(f.reports) != 0 {
			t.Errorf("claimed %v, reported %v", f.claimed, f.reports)
		}
		return err
	}
	err := claimed(map[string]string{"reason_of_error": "APPROVAL_REVOKED", "reason": "Wrong customer."})
	if refusal[*signoff.RevokedError](t, err).Reason != "Wrong customer." {
		t.Error(err)
	}
	err = claimed(map[string]string{"reason_of_error": "FROZEN", "reason": "Incident 12."})
	if refusal[*signoff.FrozenError](t, err).Reason != "Incident 12." {
		t.Error(err)
	}
	err = claimed(map[string]string{
		"reason_of_error": "ALREADY_CLAIMED", "claimed_by": "local/other", "claim_time": "2027-01-15T08:00:02Z",
		"result": "FAILED", "report_time": "2027-01-15T08:00:09Z", "message": "No such list.",
	})
	known := refusal[*signoff.AlreadyClaimedError](t, err)
	expected := signoff.AlreadyClaimedError{
		Refused: known.Refused, ClaimedBy: "local/other", ClaimTime: "2027-01-15T08:00:02Z",
		Result: "FAILED", ReportTime: "2027-01-15T08:00:09Z", Message: "No such list.",
	}
	if *known != expected || !strings.Contains(err.Error(), "failed at 2027-01-15T08:00:09Z: No such list.") {
		t.Errorf("%#v", known)
	}
}

// The end of a context says whether anybody can still approve the call.
func TestGivingUpSaysWhatHolds(t *testing.T) {
	t.Parallel()
	give := func(t *testing.T, f *fake, withdraws bool) error {
		t.Helper()
		ctx, giveUp := context.WithCancel(t.Context())
		f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
			if err := f.send(stream, f.approvalOf(request, pending)); err != nil {
				return err
			}
			return silent(request, stream)
		}}
		call, tool := sending(), &tool{}
		call.CancelOnAbandon = withdraws
		client := f.client(t)
		client.Approvals = hooked{client.Approvals, giveUp}
		_, err := signoff.Do(ctx, client, call, tool.send)
		tool.never(t)
		if !errors.Is(err, context.Canceled) || len(f.claimed) != 0 {
			t.Errorf("%v, claimed %v", err, f.claimed)
		}
		return err
	}
	waiting := refusal[*signoff.StillWaitingError](t, give(t, &fake{}, false))
	if waiting.ApprovalID != "approval-1" || waiting.Approved {
		t.Errorf("%#v", waiting)
	}
	isRefusal[*signoff.CancelledError](t, give(t, &fake{}, true))
	// Nothing was answered yet.
	ctx, giveUp := context.WithCancel(t.Context())
	f := &fake{ask: answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		giveUp()
		return silent(request, stream)
	}}}
	_, err := signoff.Do(ctx, f.client(t), sending(), new(tool).send)
	unanswered := refusal[*signoff.StillWaitingError](t, err)
	text := unanswered.DeveloperText()
	if !errors.Is(err, context.Canceled) || !strings.Contains(text, "had not answered") {
		t.Errorf("%#v: %s", unanswered, text)
	}
	late := &fake{cancel: []func() error{func() error { return failure(codes.FailedPrecondition, "ALREADY_DECIDED") }}}
	if err := give(t, late, true); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	tooLate := &fake{cancel: []func() error{func() error {
		return told("ALREADY_DECIDED", map[string]string{"status": "APPROVED"})
	}}}
	if stopped := refusal[*signoff.StillWaitingError](t, give(t, tooLate, true)); !stopped.Approved {
		t.Errorf("%#v", stopped)
	}
	fails := &fake{cancel: []func() error{func() error { return failure(codes.PermissionDenied, "PERMISSION_DENIED") }}}
	isRefusal[*signoff.StillWaitingError](t, give(t, fails, true))
}

// A model must not take the end of its tool's time for an answer.
func TestGivingUpOnAServerThatIsAwayNamesIt(t *testing.T) {
	t.Parallel()
	client := newClient(t, signoff.Options{Address: freeAddress(t), Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := signoff.Do(ctx, client, sending(), new(tool).send)
	away := refusal[*signoff.UnavailableError](t, err)
	if away.Problem != "connection refused" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%#v", away)
	}
}
