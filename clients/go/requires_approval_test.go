package signoff_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

func edits(arguments map[string]any) *signoffv1.DecideRequest {
	edited, err := structpb.NewStruct(arguments)
	if err != nil {
		panic(err)
	}
	return &signoffv1.DecideRequest{Choice: signoffv1.VoteChoice_VOTE_CHOICE_APPROVE, EditedArguments: edited}
}

// wrapped is RequiresApproval where nothing can be wrong with it.
func wrapped[A, R any](
	t *testing.T, client *signoff.Client, call signoff.Call, fn func(context.Context, A) (R, error),
	complete ...func(context.Context, A, *signoff.Call),
) func(context.Context, A) (R, error) {
	t.Helper()
	gated, err := signoff.RequiresApproval(client, call, fn, complete...)
	if err != nil {
		t.Fatal(err)
	}
	return gated
}

func TestWrappedFunctionsGetWhatWasApproved(t *testing.T) {
	t.Parallel()
	type arguments struct {
		To    string  `json:"to"`
		Share float64 `json:"share"`
		Other any     `json:"other"`
	}
	var got []arguments
	f := &fake{}
	send := wrapped(t, f.client(t), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, a arguments) (string, error) {
			got = append(got, a)
			return "sent", errors.ErrUnsupported
		})
	given := arguments{"alice@company.com", math.Copysign(0, -1), map[string]any{"a": 7, "b": []float32{10, 0.5}}}
	for range 2 {
		if result, err := send(t.Context(), given); result != "sent" || err != errors.ErrUnsupported {
			t.Errorf("%v, %v", result, err)
		}
	}
	// Rebuilt from JSON, with integers where no type is declared.
	expected := arguments{"alice@company.com", 0, map[string]any{"a": int64(7), "b": []any{int64(10), 0.5}}}
	if !reflect.DeepEqual(got, []arguments{expected, expected}) || math.Signbit(got[0].Share) {
		t.Errorf("ran with %v", got)
	}
	if f.asked[0].GetRequestId() == f.asked[1].GetRequestId() {
		t.Error("two calls are one")
	}
}

func TestWrappedFunctionsGetEditedArguments(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	send := wrapped(t, s.agent(), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, a email) (email, error) { return a, nil })
	done := begin(func() (string, error) {
		sent, err := send(t.Context(), email{To: "alice@company.com", Copies: 5})
		return sent.To, err
	})
	s.decide(edits(map[string]any{"to": "bob@company.com"}))
	expectResult(t, finish(t, done), "bob@company.com")
}

func TestScenario22EditsThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	called := false
	send := wrapped(
		t, s.agent(),
		signoff.Call{ToolName: "send_email", SkipSchema: true}, // Else the server refuses the edit.
		func(context.Context, email) (string, error) {
			called = true
			return "", nil
		},
	)
	done := begin(func() (string, error) { return send(t.Context(), email{To: "alice@company.com"}) })
	approval := s.decide(edits(map[string]any{"to": "bob@company.com", "bcc": "eve@evil.com"}))
	invalid := refusal[*signoff.InvalidEditError](t, finish(t, done).err)
	if called || invalid.Path != "bcc" || invalid.ApprovalID != approval.GetId() {
		t.Errorf("called %v, %#v", called, invalid)
	}
	if claim := s.approval(approval.GetId()).GetClaim(); claim != nil {
		t.Errorf("claimed: %v", claim)
	}
}

func TestCallsOfWrappedFunctionsAreCompleted(t *testing.T) {
	t.Parallel()
	f := &fake{}
	spec := signoff.Call{ToolName: "send_email", RunID: "run-1"}
	send := wrapped(
		t, f.client(t),
		spec,
		func(context.Context, map[string]any) (string, error) { return "", nil },
		func(_ context.Context, a map[string]any, call *signoff.Call) {
			call.Reason, _ = a["why"].(string)
			call.CallID = "call-1"
		},
	)
	if _, err := send(t.Context(), map[string]any{"why": "Welcome"}); err != nil {
		t.Fatal(err)
	}
	id, err := signoff.StableRequestID("run-1", "call-1")
	if request := f.asked[0]; err != nil || request.GetReason() != "Welcome" || request.GetRequestId() != id {
		t.Errorf("asked %v", request)
	}
}

// The wrapped call is one for many goroutines, so what completes it must not change it.
func TestCompletingChangesNothingOfTheWrappedCall(t *testing.T) {
	t.Parallel()
	f := &fake{}
	f.claim = claims{
		func(_ context.Context, request *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			return f.grantedFor(request.GetDigest()), nil
		},
	}
	spec := signoff.Call{
		ToolName: "send_email", Labels: map[string]string{"team": "x"}, AgentName: "bot", Chain: []string{"boss"},
		OnBehalfOf: &signoff.Person{Subject: "olga"},
	}
	send := wrapped(t, f.client(t), spec,
		func(context.Context, email) (string, error) { return "", nil },
		func(_ context.Context, a email, call *signoff.Call) {
			call.Labels["to"], call.Chain[0], call.OnBehalfOf.Subject = a.To, a.To, a.To
		})
	var all sync.WaitGroup
	for _, to := range []string{"alice", "bob"} {
		all.Go(func() {
			if _, err := send(t.Context(), email{To: to}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(spec.Labels) != 1 || spec.Chain[0] != "boss" || spec.OnBehalfOf.Subject != "olga" {
		t.Errorf("is %v now", spec)
	}
	for _, request := range f.asked {
		to := request.GetArguments().AsMap()["to"]
		if request.GetLabels()["to"] != to || request.GetAgent().GetChain()[0] != to ||
			request.GetOnBehalfOf().GetSubject() != to {
			t.Errorf("asked %v", request)
		}
	}
}

func TestRequestsAreRepeatedAsTheyWere(t *testing.T) {
	t.Parallel()
	f, tool, call := &fake{}, &tool{}, sending()
	call.Labels, call.Chain = map[string]string{"team": "x"}, []string{"boss"}
	f.ask = answers{
		func(*signoffv1.RequestApprovalRequest, asking) error {
			call.Labels["team"], call.Chain[0] = "y", "eve"
			return failure(codes.Unavailable, "DRAINING", retryIn(time.Millisecond))
		},
		f.sends(nil, approved),
	}
	if _, err := signoff.Do(t.Context(), f.client(t), call, tool.send); err != nil {
		t.Fatal(err)
	}
	if again := f.asked[1]; again.GetLabels()["team"] != "x" || again.GetAgent().GetChain()[0] != "boss" {
		t.Errorf("asked %v", again)
	}
}

func TestRefusalsOfGatedCallsInsideAreReturned(t *testing.T) {
	t.Parallel()
	f, client := &fake{}, (&fake{ask: answers{(&fake{}).sends(nil, timedOut)}}).client(t)
	_, err := signoff.Do(t.Context(), f.client(t), signoff.Call{ToolName: "outer"},
		func(ctx context.Context, _ *signoff.Run) (string, error) {
			return signoff.Do(ctx, client, sending(), new(tool).send)
		})
	refusal[*signoff.TimedOutError](t, err)
	f.expectFailed(t)
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	client := f.client(t)
	for _, c := range []struct {
		change  func(*signoff.Call)
		message string
	}{
		{func(call *signoff.Call) { call.Reason = "\xff" }, "invalid UTF-8"},
		{func(call *signoff.Call) { call.Reason = strings.Repeat("x", 1<<20) }, "; the maximum is 1048576"},
	} {
		call := sending()
		c.change(&call)
		_, err := signoff.Do(t.Context(), client, call, tool.send)
		failed := refusal[*signoff.RequestFailedError](t, err)
		if failed.Code != codes.InvalidArgument || failed.Reason != "INVALID_ARGUMENT" ||
			!strings.Contains(failed.Message, c.message) {
			t.Errorf("%#v", failed)
		}
	}
	tool.never(t)
	if len(f.asked) != 0 {
		t.Errorf("asked %v", f.asked)
	}
}

func TestRequestsHaveWhatTheCallHas(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	call := signoff.Call{
		ToolName: "send_email", Arguments: email{To: "a"}, ArgumentsSchema: map[string]any{"type": "object"},
		AgentName: "bot", RunID: "run-1", Chain: []string{"boss"}, Reason: "Welcome",
		Labels: map[string]string{"team": "x"}, Timeout: time.Minute,
		OnBehalfOf: &signoff.Person{Issuer: "local", Subject: "olga"}, RequestID: "mail-1",
	}
	if _, err := signoff.Do(t.Context(), f.client(t), call, tool.send); err != nil {
		t.Fatal(err)
	}
	request := f.asked[0]
	agent, person := request.GetAgent(), request.GetOnBehalfOf()
	if request.GetRequestId() != "mail-1" || request.GetToolName() != "send_email" ||
		request.GetArguments().AsMap()["to"] != "a" || len(request.GetArgumentsSchema().AsMap()) != 1 ||
		agent.GetName() != "bot" || agent.GetRunId() != "run-1" || agent.GetChain()[0] != "boss" ||
		person.GetIssuer() != "local" || person.GetSubject() != "olga" ||
		request.GetReason() != "Welcome" || request.GetLabels()["team"] != "x" ||
		request.GetTimeout().AsDuration() != time.Minute || request.GetCancelOnDisconnect() {
		t.Errorf("asked %v", request)
	}
}
