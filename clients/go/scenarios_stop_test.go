package signoff_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// stopped is a connection that calls a function before each claim.
type stopped struct {
	signoffv1.ApprovalServiceClient
	before func()
}

func (s stopped) ClaimExecution(
	ctx context.Context, request *signoffv1.ClaimExecutionRequest, options ...grpc.CallOption,
) (*signoffv1.ClaimExecutionResponse, error) {
	s.before()
	return s.ApprovalServiceClient.ClaimExecution(ctx, request, options...)
}

func TestScenario20Revoked(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	client, call := s.agent(), sending()
	call.RequestID = "mail-1"
	client.Approvals = stopped{client.Approvals, func() {
		request := &signoffv1.RevokeApprovalRequest{ApprovalId: s.all()[0].GetId(), Reason: "Wrong customer."}
		if _, err := s.reviewer.Approvals.RevokeApproval(t.Context(), request); err != nil {
			t.Error(err)
		}
	}}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), client, call, tool.send) })
	approval := s.approve()
	expectRevoked := func(err error) {
		t.Helper()
		revoked := refusal[*signoff.RevokedError](t, err)
		if revoked.Reason != "Wrong customer." || revoked.ApprovalID != approval.GetId() {
			t.Errorf("%#v", revoked)
		}
	}
	expectRevoked(finish(t, done).err)
	// Another run sees it before it claims.
	_, err := signoff.Do(t.Context(), s.agent(), call, tool.send)
	expectRevoked(err)
	tool.never(t)
	if claim := s.approval(approval.GetId()).GetClaim(); claim != nil {
		t.Errorf("claimed: %v", claim)
	}
}

func TestScenario21Frozen(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	freeze := func() {
		scope := &signoffv1.FreezeScope{Scope: &signoffv1.FreezeScope_Tool{Tool: "send_*"}}
		request := &signoffv1.FreezeRequest{Scope: scope, Reason: "Incident 12."}
		if _, err := s.client(s.tokens.Operator).Admin.Freeze(t.Context(), request); err != nil {
			t.Error(err)
		}
	}
	client := s.agent()
	client.Approvals = stopped{client.Approvals, freeze}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), client, sending(), tool.send) })
	s.approve()
	if frozen := refusal[*signoff.FrozenError](t, finish(t, done).err); frozen.Reason != "Incident 12." {
		t.Errorf("between the approval and the claim: %#v", frozen)
	}
	_, err := signoff.Do(t.Context(), s.agent(), sending(), tool.send)
	if frozen := refusal[*signoff.FrozenError](t, err); frozen.Reason != "Incident 12." {
		t.Errorf("before the request: %#v", frozen)
	}
	tool.never(t)
}

func TestScenario23SecondRunSaysOtherThings(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	call := sending()
	call.RunID, call.CallID = "run-1", "call-1"
	call.Reason, call.Labels, call.Timeout = "Welcome", map[string]string{"team": "x"}, time.Minute
	ctx, giveUp := context.WithCancel(t.Context())
	first := begin(func() (string, error) { return signoff.Do(ctx, s.agent(), call, tool.send) })
	s.pending()
	giveUp()
	if err := finish(t, first).err; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	call.Reason, call.Labels, call.Timeout = "Reworded", map[string]string{"team": "y"}, time.Hour
	call.AgentName, call.ArgumentsSchema = "other", map[string]any{"type": "object"}
	second := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), call, tool.send) })
	s.approve()
	expectResult(t, finish(t, second), "1 to alice@company.com")
	tool.once(t)
	if all := s.all(); len(all) != 1 || all[0].GetReason() != "Welcome" {
		t.Errorf("%v", all)
	}
}

const rememberingPolicy = `
tools: [send_email]
rules:
  - name: mails
    tools: [send_email]
    require_approval: {remember_rejection: 600s}
`

func TestScenario24RememberedRejection(t *testing.T) {
	t.Parallel()
	s, tool := startServerWith(t, rememberingPolicy), &tool{}
	call := sending()
	call.RunID = "run-1"
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), call, tool.send) })
	s.decide(rejecting("Use the staging list."))
	isRefusal[*signoff.RejectedError](t, finish(t, done).err)
	_, err := signoff.Do(t.Context(), s.agent(), call, tool.send)
	again := refusal[*signoff.RejectedError](t, err)
	if again.Comment != "Use the staging list." || again.DecidedBy != "dev/reviewer" {
		t.Errorf("%#v", again)
	}
	tool.never(t)
	for _, approval := range s.all() {
		if approval.GetStatus() == pending {
			t.Errorf("somebody is asked: %v", approval)
		}
	}
}
