package signoff_test

import (
	"context"
	"errors"
	"fmt"
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

func TestScenario01Approve(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), sending(), tool.send) })
	approval := s.approve()
	expectResult(t, finish(t, done), "1 to alice@company.com")
	tool.once(t)
	expectReport(t, s.approval(approval.GetId()), signoffv1.ExecutionResult_EXECUTION_RESULT_SUCCEEDED, "")
	run, _ := tool.ran.Load().(signoff.Run)
	if run.Edited || run.ApprovalID != approval.GetId() || run.Arguments["copies"] != int64(1) {
		t.Errorf("ran with %v", run)
	}
	if agent := approval.GetAgent(); agent.GetName() != "bot" {
		t.Errorf("asked by %v", agent)
	}
}

func TestScenario02Reject(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), sending(), tool.send) })
	approval := s.decide(rejecting("Use the staging list."))
	rejected := refusal[*signoff.RejectedError](t, finish(t, done).err)
	tool.never(t)
	if rejected.Comment != "Use the staging list." || rejected.DecidedBy != "dev/reviewer" ||
		rejected.ApprovalID != approval.GetId() {
		t.Errorf("%#v", rejected)
	}
}

func TestScenario03Edited(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), sending(), tool.send) })
	edited, err := structpb.NewStruct(map[string]any{"to": "bob@company.com", "copies": 2})
	if err != nil {
		t.Fatal(err)
	}
	approval := s.decide(
		&signoffv1.DecideRequest{Choice: signoffv1.VoteChoice_VOTE_CHOICE_APPROVE, EditedArguments: edited},
	)
	expectResult(t, finish(t, done), "2 to bob@company.com")
	tool.once(t)
	run, _ := tool.ran.Load().(signoff.Run)
	if !run.Edited || !reflect.DeepEqual(run.Arguments, map[string]any{"to": "bob@company.com", "copies": int64(2)}) {
		t.Errorf("ran with %v", run)
	}
	expectReport(t, s.approval(approval.GetId()), signoffv1.ExecutionResult_EXECUTION_RESULT_SUCCEEDED, "")
}

func TestScenario04Timeout(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	call := sending()
	call.Timeout = time.Second
	_, err := signoff.Do(t.Context(), s.agent(), call, tool.send)
	refusal[*signoff.TimedOutError](t, err)
	tool.never(t)
}

func TestScenario05AutoApprove(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	call := sending()
	call.ToolName = "search_records"
	result, err := signoff.Do(t.Context(), s.agent(), call, tool.send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
	tool.once(t)
}

func TestScenario06AutoReject(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	call := signoff.Call{ToolName: "sql.query", Arguments: map[string]any{"statement": "DROP TABLE users"}}
	_, err := signoff.Do(t.Context(), s.agent(), call, tool.send)
	rejected := refusal[*signoff.AutoRejectedError](t, err)
	tool.never(t)
	if rejected.Rule != "no-drops" || rejected.Message != "Dropping tables is not allowed." {
		t.Errorf("%#v", rejected)
	}
}

func TestScenario07Cancelled(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), sending(), tool.send) })
	request := &signoffv1.CancelApprovalRequest{ApprovalId: s.pending().GetId()}
	if _, err := s.agent().Approvals.CancelApproval(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	refusal[*signoff.CancelledError](t, finish(t, done).err)
	tool.never(t)
}

func TestScenario08Killed(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), sending(), tool.send) })
	s.pending()
	s.kill()
	s.start()
	s.approve()
	expectResult(t, finish(t, done), "1 to alice@company.com")
	tool.once(t)
	if all := s.all(); len(all) != 1 {
		t.Errorf("%d approvals", len(all))
	}
}

func TestScenario09Drained(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), sending(), tool.send) })
	s.pending()
	s.drain()
	s.start()
	s.approve()
	expectResult(t, finish(t, done), "1 to alice@company.com")
	tool.once(t)
}

func TestScenario10Down(t *testing.T) {
	t.Parallel()
	client, tool := newClient(t, signoff.Options{Address: freeAddress(t)}), &tool{}
	call := sending()
	call.Patience = 500 * time.Millisecond
	began := time.Now()
	_, err := signoff.Do(t.Context(), client, call, tool.send)
	down := refusal[*signoff.UnavailableError](t, err)
	tool.never(t)
	if time.Since(began) < call.Patience || down.Cause == nil {
		t.Errorf("after %v, because of %v", time.Since(began), down.Cause)
	}
}

func TestScenario11SecondRunAfterTheFirst(t *testing.T) {
	t.Parallel()
	s, first, second := startServer(t), &tool{}, &tool{}
	call := sending()
	call.RequestID = "mail-1"
	done := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), call, first.send) })
	s.approve()
	expectResult(t, finish(t, done), "1 to alice@company.com")
	_, err := signoff.Do(t.Context(), s.agent(), call, second.send)
	refusal[*signoff.AlreadyClaimedError](t, err)
	second.never(t)
}

func TestScenario12SecondRunFindsTheApproval(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	call := sending()
	call.RunID, call.CallID = "run-1", "call-1"
	ctx, giveUp := context.WithCancel(t.Context())
	first := begin(func() (string, error) { return signoff.Do(ctx, s.agent(), call, tool.send) })
	s.pending()
	giveUp()
	if err := finish(t, first).err; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	second := begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), call, tool.send) })
	s.approve()
	expectResult(t, finish(t, second), "1 to alice@company.com")
	tool.once(t)
	if all := s.all(); len(all) != 1 {
		t.Errorf("%d approvals", len(all))
	}
}

func TestScenario13TwoRunners(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t, "SIGNOFF_HEARTBEAT=50ms"), &tool{}
	// run is a runner that waits for the decision once the channel is closed.
	run := func() (<-chan outcome, <-chan struct{}) {
		waits := make(chan struct{})
		ready := sync.OnceFunc(func() { close(waits) })
		call := sending()
		call.RequestID, call.OnProgress = "mail-1", func(signoff.Progress) { ready() }
		return begin(func() (string, error) { return signoff.Do(t.Context(), s.agent(), call, tool.send) }), waits
	}
	one, oneWaits := run()
	other, otherWaits := run()
	for _, waits := range []<-chan struct{}{oneWaits, otherWaits} {
		select {
		case <-waits:
		case <-time.After(time.Minute):
			t.Fatal("a runner does not wait")
		}
	}
	s.approve()
	won, lost := finish(t, one), finish(t, other)
	if won.err != nil {
		won, lost = lost, won
	}
	expectResult(t, won, "1 to alice@company.com")
	refusal[*signoff.AlreadyClaimedError](t, lost.err)
	tool.once(t)
}

func TestScenario15FunctionFails(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	failure := errors.New("no such mailbox")
	done := begin(func() (string, error) {
		return signoff.Do(t.Context(), s.agent(), sending(), func(context.Context, *signoff.Run) (string, error) {
			return "half", failure
		})
	})
	approval := s.approve()
	if got := finish(t, done); got.err != failure || got.result != "half" {
		t.Errorf("got %v", got)
	}
	expectReport(t, s.approval(approval.GetId()), signoffv1.ExecutionResult_EXECUTION_RESULT_FAILED, "no such mailbox")
}

func TestScenario15FunctionPanics(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	done := begin(func() (_ string, err error) {
		defer func() { err = fmt.Errorf("recovered %v", recover()) }()
		return signoff.Do(t.Context(), s.agent(), sending(), func(context.Context, *signoff.Run) (string, error) {
			panic("out of paper")
		})
	})
	approval := s.approve()
	if got := finish(t, done); got.err.Error() != "recovered out of paper" {
		t.Errorf("got %v", got)
	}
	expectReport(
		t,
		s.approval(approval.GetId()),
		signoffv1.ExecutionResult_EXECUTION_RESULT_FAILED,
		"panic: out of paper",
	)
}

func TestScenario16GivesUp(t *testing.T) {
	t.Parallel()
	for _, cancels := range []bool{true, false} {
		t.Run(fmt.Sprint(cancels), func(t *testing.T) {
			t.Parallel()
			s, tool := startServer(t), &tool{}
			ctx, giveUp := context.WithCancel(t.Context())
			call := sending()
			call.CancelOnAbandon = cancels
			done := begin(func() (string, error) { return signoff.Do(ctx, s.agent(), call, tool.send) })
			approval := s.pending()
			giveUp()
			err := finish(t, done).err
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if cancels {
				refusal[*signoff.CancelledError](t, err)
			} else {
				refusal[*signoff.StillWaitingError](t, err)
			}
			tool.never(t)
			expected := signoffv1.ApprovalStatus_APPROVAL_STATUS_PENDING
			if cancels {
				expected = signoffv1.ApprovalStatus_APPROVAL_STATUS_CANCELLED
			}
			if got := s.approval(approval.GetId()).GetStatus(); got != expected {
				t.Errorf("is %v", got)
			}
		})
	}
}

func TestScenario18BadToken(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	_, err := signoff.Do(t.Context(), s.client("dev_agent_nonsense"), sending(), tool.send)
	failed := refusal[*signoff.RequestFailedError](t, err)
	tool.never(t)
	if failed.Code != codes.Unauthenticated || failed.Reason != "UNAUTHENTICATED" {
		t.Errorf("%v, %v", failed.Code, failed.Reason)
	}
	if text := fmt.Sprintf("%v %#v %v", err, err, failed.Cause); strings.Contains(text, "nonsense") {
		t.Errorf("the token is in %s", text)
	}
}

func TestScenario19Arguments(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	for _, value := range []any{int64(1 << 53), uint64(math.MaxUint64), math.NaN(), math.Inf(1)} {
		call := sending()
		call.Arguments = map[string]any{"a": []any{value}}
		_, err := signoff.Do(t.Context(), s.agent(), call, tool.send)
		if invalid := refusal[*signoff.InvalidArgumentsError](t, err); invalid.Path != "a[0]" {
			t.Errorf("%v: %v", value, err)
		}
	}
	tool.never(t)
	if all := s.all(); len(all) != 0 {
		t.Errorf("%d approvals", len(all))
	}
}
