package signoff_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

type answers = []func(*signoffv1.RequestApprovalRequest, asking) error

func impatient(patience time.Duration) signoff.Call {
	call := sending()
	call.Patience = patience
	return call
}

func TestBrokenStreamsAreContinued(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{
		f.sends(status.Error(codes.Internal, "reset"), pending),
		f.sends(nil, pending), // An end without a decision.
		f.sends(failure(codes.Unavailable, "DRAINING", retryIn(time.Millisecond))),
		f.sends(nil, approved),
	}
	result, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
	var revisions []uint64
	for _, request := range f.asked {
		revisions = append(revisions, request.GetAfterRevision())
		if request.GetRequestId() != f.asked[0].GetRequestId() {
			t.Error("another request_id")
		}
	}
	if !slices.Equal(revisions, []uint64{0, 1, 2, 2}) {
		t.Errorf("asked after %v", revisions)
	}
}

func TestLastingFailuresEndTheWait(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		failure(codes.AlreadyExists, "REQUEST_ID_REUSED"), failure(codes.Aborted, "STALE_VIEW"),
		status.Error(codes.NotFound, "?"),
	} {
		f, tool := &fake{}, &tool{}
		f.ask = answers{f.sends(err)}
		_, got := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
		failed := refusal[*signoff.RequestFailedError](t, got)
		if failed.Code != status.Code(err) || status.Code(errors.Unwrap(got)) != failed.Code || len(f.asked) != 1 {
			t.Errorf("%v, asked %d times", got, len(f.asked))
		}
		tool.never(t)
	}
}

func TestRetryInfoIsWaitedOut(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{
		f.sends(failure(codes.ResourceExhausted, "RATE_LIMITED", retryIn(time.Second))),
		f.sends(nil, approved),
	}
	began := time.Now()
	result, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
	if time.Since(began) < time.Second {
		t.Errorf("after %v", time.Since(began))
	}
}

func TestDelaysEndWithPatience(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{f.sends(failure(codes.Unavailable, "DRAINING", retryIn(1000*time.Hour)))}
	_, err := signoff.Do(t.Context(), f.client(t), impatient(200*time.Millisecond), tool.send)
	refusal[*signoff.UnavailableError](t, err)
	if len(f.asked) != 2 {
		t.Errorf("asked %d times", len(f.asked))
	}
	tool.never(t)
}

func TestDelaysEndWithTheApproval(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{
		func(request *signoffv1.RequestApprovalRequest, stream asking) error {
			approval := f.approvalOf(request, pending)
			// Only the difference counts, not the server's clock.
			approval.UpdateTime = timestamppb.New(time.Unix(1000, 0))
			approval.Deadline = timestamppb.New(time.Unix(1000, 200_000_000))
			if err := f.send(stream, approval); err != nil {
				return err
			}
			return failure(codes.Unavailable, "DRAINING", retryIn(1000*time.Hour))
		},
		f.sends(nil, timedOut),
	}
	_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	refusal[*signoff.TimedOutError](t, err)
	tool.never(t)
}

func TestProgressTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{
		func(request *signoffv1.RequestApprovalRequest, stream asking) error {
			if err := f.send(stream, f.approvalOf(request, pending)); err != nil {
				return err
			}
			progress := &signoffv1.Progress{
				Message:   "Waiting",
				Remaining: durationpb.New(time.Millisecond),
				Approvals: 1,
				Quorum:    2,
				Reviewers: []string{"group:ops"},
			}
			message := &signoffv1.RequestApprovalResponse{
				Message: &signoffv1.RequestApprovalResponse_Progress{Progress: progress},
			}
			if err := stream.Send(message); err != nil {
				return err
			}
			return failure(codes.Unavailable, "DRAINING", retryIn(1000*time.Hour))
		},
		f.sends(nil, timedOut),
	}
	var told []signoff.Progress
	call := sending()
	call.OnProgress = func(progress signoff.Progress) {
		told = append(told, progress)
		panic("ignored")
	}
	_, err := signoff.Do(t.Context(), f.client(t), call, tool.send)
	refusal[*signoff.TimedOutError](t, err)
	expected := signoff.Progress{
		ApprovalID: "approval-1",
		Message:    "Waiting",
		Remaining:  time.Millisecond,
		Approvals:  1,
		Quorum:     2,
		Reviewers:  []string{"group:ops"},
	}
	if !reflect.DeepEqual(told, []signoff.Progress{expected}) {
		t.Errorf("told %v", told)
	}
}

func TestSilentServersAreGivenUp(t *testing.T) {
	t.Parallel()
	f, tool := &fake{ask: answers{silent}}, &tool{}
	_, err := signoff.Do(t.Context(), f.client(t), impatient(100*time.Millisecond), tool.send)
	refusal[*signoff.UnavailableError](t, err)
	tool.never(t)
}

func TestStreamsThatFallSilentAreCutAfterTheDeadline(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{
		func(request *signoffv1.RequestApprovalRequest, stream asking) error {
			approval := f.approvalOf(request, pending)
			approval.Deadline = approval.GetUpdateTime()
			if err := f.send(stream, approval); err != nil {
				return err
			}
			return silent(request, stream)
		},
		f.sends(nil, timedOut),
	}
	soon := func(o *signoff.Options) { o.Deadline = 100 * time.Millisecond }
	_, err := signoff.Do(t.Context(), f.client(t, soon), sending(), tool.send)
	refusal[*signoff.TimedOutError](t, err)
	tool.never(t)
}

func TestGivingUpBeforeTheFirstAnswerFindsTheApproval(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	ctx, giveUp := context.WithCancel(t.Context())
	f.ask = answers{
		func(request *signoffv1.RequestApprovalRequest, stream asking) error {
			giveUp()
			return silent(request, stream)
		},
		f.sends(nil, pending),
	}
	f.cancel = []func() error{
		func() error { return status.Error(codes.Unavailable, "again") },
		func() error { return nil },
	}
	call := sending()
	call.CancelOnAbandon = true
	_, err := signoff.Do(ctx, f.client(t), call, tool.send)
	if refusal[*signoff.CancelledError](t, err); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	tool.never(t)
	if len(f.asked) != 2 || f.asked[0].GetRequestId() != f.asked[1].GetRequestId() {
		t.Errorf("asked %v", f.asked)
	}
	if len(f.cancels) != 2 || f.cancels[1].GetApprovalId() != "approval-1" ||
		f.cancels[0].GetRequestId() != f.cancels[1].GetRequestId() {
		t.Errorf("cancelled %v", f.cancels)
	}
}

func TestAContextThatHasEndedAsksNothing(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	call := sending()
	call.CancelOnAbandon = true
	if _, err := signoff.Do(ctx, f.client(t), call, tool.send); err != context.Canceled || len(f.asked) != 0 {
		t.Errorf("got %v", err)
	}
	tool.never(t)
}

func TestClosingTheClientEndsTheWait(t *testing.T) {
	t.Parallel()
	f, tool, asked := &fake{}, &tool{}, make(chan struct{})
	f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		close(asked)
		return silent(request, stream)
	}}
	client := f.client(t)
	done := begin(func() (string, error) { return signoff.Do(t.Context(), client, sending(), tool.send) })
	<-asked
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	closed := finish(t, done).err
	if refusal[*signoff.UnavailableError](t, closed); !errors.Is(closed, signoff.ErrClosed) {
		t.Errorf("got %v", closed)
	}
	_, closed = signoff.Do(t.Context(), client, sending(), tool.send)
	if refusal[*signoff.UnavailableError](t, closed); !errors.Is(closed, signoff.ErrClosed) {
		t.Errorf("got %v", closed)
	}
	tool.never(t)
}

func TestFirstMessagesAreDueWithinTheDeadline(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{silent, f.sends(nil, approved)}
	soon := func(o *signoff.Options) { o.Deadline = 100 * time.Millisecond }
	client := f.client(t, soon)
	// The patience is longer than the test.
	done := begin(func() (string, error) { return signoff.Do(t.Context(), client, impatient(time.Hour), tool.send) })
	expectResult(t, finish(t, done), "1 to alice@company.com")
}
