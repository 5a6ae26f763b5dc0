package signoff_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
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

func TestWrappedFunctionsGetWhatTheyWereGiven(t *testing.T) {
	t.Parallel()
	type arguments struct {
		To     string `json:"to"`
		secret string
	}
	var got []arguments
	f := &fake{}
	send := signoff.RequiresApproval(f.client(t), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, a arguments) (string, error) {
			got = append(got, a)
			return "sent", errors.ErrUnsupported
		})
	given := arguments{"alice@company.com", "kept"}
	for range 2 {
		if result, err := send(t.Context(), given); result != "sent" || err != errors.ErrUnsupported {
			t.Errorf("%v, %v", result, err)
		}
	}
	if !reflect.DeepEqual(got, []arguments{given, given}) {
		t.Errorf("ran with %v", got)
	}
	if f.asked[0].GetRequestId() == f.asked[1].GetRequestId() {
		t.Error("two calls are one")
	}
}

func TestWrappedFunctionsGetEditedArguments(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	send := signoff.RequiresApproval(s.agent(), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, a email) (email, error) { return a, nil })
	done := begin(func() (string, error) {
		sent, err := send(t.Context(), email{To: "alice@company.com", Copies: 5})
		return sent.To, err
	})
	s.decide(edits(map[string]any{"to": "bob@company.com"}))
	expectResult(t, finish(t, done), "bob@company.com")
}

func TestWrappedFunctionsAreNotCalledWithWhatTheyCannotTake(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	called := false
	send := signoff.RequiresApproval(
		s.agent(),
		signoff.Call{ToolName: "send_email"},
		func(context.Context, email) (string, error) {
			called = true
			return "", nil
		},
	)
	done := begin(func() (string, error) { return send(t.Context(), email{To: "alice@company.com"}) })
	approval := s.decide(edits(map[string]any{"to": "bob@company.com", "bcc": "eve@evil.com"}))
	invalid := refusal[*signoff.InvalidArgumentsError](t, finish(t, done).err)
	if called || invalid.Path != "bcc" || invalid.ApprovalID != approval.GetId() {
		t.Errorf("called %v, %#v", called, invalid)
	}
	expectReport(t, s.approval(approval.GetId()), signoffv1.ExecutionResult_EXECUTION_RESULT_FAILED, invalid.Error())
}

func TestCallsOfWrappedFunctionsAreCompleted(t *testing.T) {
	t.Parallel()
	f := &fake{}
	spec := signoff.Call{ToolName: "send_email", RunID: "run-1"}
	send := signoff.RequiresApproval(
		f.client(t),
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

func TestErrorsOfUseRunNothing(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	client := f.client(t)
	for _, call := range []signoff.Call{{ToolName: "t", CallID: "call-1"}, {ToolName: "t", Patience: -1}} {
		if _, err := signoff.Do(t.Context(), client, call, tool.send); err == nil ||
			errors.Is(err, signoff.ErrRefused) {
			t.Errorf("%v: %v", call, err)
		}
	}
	send := signoff.RequiresApproval(client, signoff.Call{ToolName: "t", Arguments: email{}},
		func(context.Context, email) (string, error) { return tool.send(t.Context(), nil) })
	if _, err := send(t.Context(), email{}); err == nil || errors.Is(err, signoff.ErrRefused) {
		t.Errorf("got %v", err)
	}
	tool.never(t)
	if len(f.asked) != 0 {
		t.Errorf("asked %v", f.asked)
	}
}

func TestRequestsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	client := f.client(t)
	for _, change := range []func(*signoff.Call){
		func(call *signoff.Call) { call.Reason = "\xff" },
		func(call *signoff.Call) { call.Reason = strings.Repeat("x", 1<<20) },
		func(call *signoff.Call) { call.ArgumentsSchema = []int{1} },
	} {
		call := sending()
		change(&call)
		_, err := signoff.Do(t.Context(), client, call, tool.send)
		failed := refusal[*signoff.RequestFailedError](t, err)
		if failed.Code != codes.InvalidArgument || failed.Reason != "INVALID_ARGUMENT" || failed.Message == "" {
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
		ToolName: "send_email", Arguments: email{To: "a"}, AgentName: "bot", RunID: "run-1", Chain: []string{"boss"}, Reason: "Welcome",
		Labels: map[string]string{"team": "x"}, Timeout: time.Minute, ArgumentsSchema: map[string]any{"type": "object"},
		OnBehalfOf: &signoff.Person{Issuer: "local", Subject: "olga"}, RequestID: "mail-1",
	}
	if _, err := signoff.Do(t.Context(), f.client(t), call, tool.send); err != nil {
		t.Fatal(err)
	}
	request := f.asked[0]
	if request.GetRequestId() != "mail-1" || request.GetToolName() != "send_email" || request.GetReason() != "Welcome" ||
		request.GetAgent().GetName() != "bot" || request.GetAgent().GetRunId() != "run-1" || request.GetAgent().GetChain()[0] != "boss" ||
		request.GetLabels()["team"] != "x" || request.GetTimeout().AsDuration() != time.Minute || request.GetCancelOnDisconnect() ||
		request.GetArgumentsSchema().AsMap()["type"] != "object" || request.GetArguments().AsMap()["to"] != "a" ||
		request.GetOnBehalfOf().GetIssuer() != "local" ||
		request.GetOnBehalfOf().GetSubject() != "olga" {
		t.Errorf("asked %v", request)
	}
}
