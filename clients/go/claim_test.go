package signoff_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

type claims = []func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error)

func claimFails(err error) claims {
	return claims{func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
		return nil, err
	}}
}

const otherDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

func TestDigestOfTheApprovalIsCalculatedHere(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		approval := f.approvalOf(request, approved)
		approval.Digest = otherDigest
		return f.send(stream, approval)
	}}
	_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	refusal[*signoff.DigestMismatchError](t, err)
	tool.never(t)
	if len(f.claimed) != 0 {
		t.Error("it was claimed")
	}
}

// What is changed after the call was made reaches neither the reviewer nor the function.
func TestArgumentsAreCopied(t *testing.T) {
	t.Parallel()
	type mail struct {
		To   *string  `json:"to"`
		Copy []string `json:"copy"`
	}
	to := "alice@company.com"
	given := mail{&to, []string{"bob@company.com"}}
	change := func() { to, given.Copy[0] = "eve@evil.com", "mallory@evil.com" }
	f := &fake{}
	f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		change()
		return f.send(stream, f.approvalOf(request, approved))
	}}
	f.claim = claims{
		func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			change()
			return f.granted(), nil
		},
	}
	send := wrapped(t, f.client(t), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, m mail) (string, error) { return *m.To + ", " + m.Copy[0], nil })
	result, err := send(t.Context(), given)
	expectResult(t, outcome{result, err}, "alice@company.com, bob@company.com")

	arguments := map[string]any{"to": "alice@company.com"}
	f = &fake{}
	f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		arguments["to"] = "eve@evil.com"
		return f.send(stream, f.approvalOf(request, approved))
	}}
	call := sending()
	call.Arguments = arguments
	result, err = signoff.Do(t.Context(), f.client(t), call, func(_ context.Context, run *signoff.Run) (string, error) {
		return run.Arguments["to"].(string), nil
	})
	expectResult(t, outcome{result, err}, "alice@company.com")
}

func TestDecodedArgumentsAreACopy(t *testing.T) {
	t.Parallel()
	f, given := &fake{}, &email{To: "alice@company.com"}
	call := sending()
	call.Arguments = given
	to, err := signoff.Do(t.Context(), f.client(t), call, func(_ context.Context, run *signoff.Run) (string, error) {
		given.To = "mallory@evil.com"
		var arguments *email
		err := run.Decode(&arguments)
		return arguments.To, err
	})
	expectResult(t, outcome{to, err}, "alice@company.com")
}

// What hangs is cut: the deadline of calls is far away here.
func TestClaimsAndReportsThatHangEndSoonAfterThePatience(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	slow := func(o *signoff.Options) {
		o.Deadline, o.Logger = time.Hour, slog.New(slog.DiscardHandler)
	}
	call := impatient(100 * time.Millisecond)
	began := time.Now()
	expectTime := func(t *testing.T) {
		t.Helper()
		// At the latest finish ends the test.
		if took := time.Since(began); took < 5*time.Second {
			t.Errorf("took %v", took)
		}
	}
	t.Run("claim", func(t *testing.T) {
		t.Parallel()
		tool, f := &tool{}, &fake{claim: claims{
			func(ctx context.Context, _ *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
				return nil, hang(ctx)
			},
		}}
		client := f.client(t, slow)
		done := begin(func() (string, error) { return signoff.Do(t.Context(), client, call, tool.send) })
		refusal[*signoff.UnavailableError](t, finish(t, done).err)
		tool.never(t)
		expectTime(t)
	})
	t.Run("report", func(t *testing.T) {
		t.Parallel()
		tool, f := &tool{}, &fake{report: []func(context.Context) error{hang}}
		client := f.client(t, slow)
		done := begin(func() (string, error) { return signoff.Do(t.Context(), client, call, tool.send) })
		expectResult(t, finish(t, done), "1 to alice@company.com")
		expectTime(t)
	})
}

func TestClaimsAreTriedOnceMoreAfterThePatience(t *testing.T) {
	t.Parallel()
	f, tool := &fake{claim: claimFails(failure(codes.Unavailable, "DRAINING", retryIn(time.Hour)))}, &tool{}
	_, err := signoff.Do(t.Context(), f.client(t), impatient(100*time.Millisecond), tool.send)
	refusal[*signoff.UnavailableError](t, err)
	tool.never(t)
	if len(f.claimed) != 2 {
		t.Errorf("claimed %d times", len(f.claimed))
	}
}

func TestGivingUpBetweenClaimsTakesNoNewOne(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	ctx, giveUp := context.WithCancel(t.Context())
	f.claim = claims{
		func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			giveUp()
			return nil, status.Error(codes.Unavailable, "again")
		},
	}
	_, err := signoff.Do(ctx, f.client(t), sending(), tool.send)
	expectStopped(t, err)
	tool.never(t)
	if len(f.claimed) != 1 {
		t.Errorf("claimed %d times", len(f.claimed))
	}
}

func TestClaimsAreRepeated(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	f.claim = append(claimFails(status.Error(codes.Unknown, "broken")), nil)
	result, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
	tool.once(t)
	if len(f.claimed) != 2 || f.claimed[0].GetRequestId() != f.claimed[1].GetRequestId() ||
		f.claimed[0].GetRequestId() == "" {
		t.Errorf("claimed %v", f.claimed)
	}
}

func TestTwoRunnersClaimUnderDifferentIDs(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	call := sending()
	call.RequestID = "shared"
	for range 2 {
		if _, err := signoff.Do(t.Context(), f.client(t), call, tool.send); err != nil {
			t.Error(err)
		}
	}
	if len(f.asked) != 2 || f.asked[0].GetRequestId() != "shared" || f.asked[1].GetRequestId() != "shared" {
		t.Errorf("asked %v", f.asked)
	}
	if len(f.claimed) != 2 || f.claimed[0].GetApprovalId() != f.claimed[1].GetApprovalId() ||
		f.claimed[0].GetRequestId() == f.claimed[1].GetRequestId() {
		t.Fatalf("claimed %v", f.claimed)
	}
	for _, claim := range f.claimed {
		if id, err := uuid.Parse(claim.GetRequestId()); err != nil || id.Version() != 4 {
			t.Errorf("claimed as %q", claim.GetRequestId())
		}
	}
}

func TestClaimsThatFail(t *testing.T) {
	t.Parallel()
	precondition := func(reason string) error { return failure(codes.FailedPrecondition, reason) }
	for name, c := range map[string]struct {
		err     error
		refusal func(*testing.T, error)
	}{
		"claimed": {precondition("ALREADY_CLAIMED"), isRefusal[*signoff.AlreadyClaimedError]},
		"closed":  {precondition("CLAIM_WINDOW_CLOSED"), isRefusal[*signoff.ClaimWindowClosedError]},
		"digest":  {precondition("DIGEST_MISMATCH"), isRefusal[*signoff.DigestMismatchError]},
		"other": {precondition("NOT_APPROVED"), func(t *testing.T, err error) {
			failed := refusal[*signoff.RequestFailedError](t, err)
			if failed.Reason != "NOT_APPROVED" || failed.ApprovalID != "approval-1" {
				t.Errorf("%#v", failed)
			}
		}},
		"passing": {status.Error(codes.Unavailable, ""), func(t *testing.T, err error) {
			if away := refusal[*signoff.UnavailableError](t, err); !away.Approved || away.ApprovalID != "approval-1" {
				t.Errorf("%#v", away)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, tool := &fake{claim: claimFails(c.err)}, &tool{}
			_, err := signoff.Do(t.Context(), f.client(t), impatient(100*time.Millisecond), tool.send)
			c.refusal(t, err)
			tool.never(t)
		})
	}
}

func TestGivingUpWhileClaimingRunsNothing(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	ctx, giveUp := context.WithCancel(t.Context())
	f.claim = claims{
		func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			giveUp()
			return f.granted(), nil
		},
	}
	_, err := signoff.Do(ctx, f.client(t), sending(), tool.send)
	expectStopped(t, err)
	tool.never(t)
	f.expectFailed(t)
}

// expectStopped checks that the error tells that the call was approved, and given up before it ran.
func expectStopped(t *testing.T, err error) {
	t.Helper()
	stopped := refusal[*signoff.StillWaitingError](t, err)
	if !stopped.Approved || stopped.ApprovalID != "approval-1" || !errors.Is(err, context.Canceled) {
		t.Errorf("%#v", stopped)
	}
}

// A decision that came before the end of the context is what counts.
func TestGivingUpAfterTheApprovalTakesNoClaim(t *testing.T) {
	t.Parallel()
	for _, withdraws := range []bool{false, true} {
		f, tool, call := &fake{}, &tool{}, sending()
		call.CancelOnAbandon = withdraws
		ctx, giveUp := context.WithCancel(t.Context())
		client := f.client(t)
		client.Approvals = answered{client.Approvals, giveUp}
		_, err := signoff.Do(ctx, client, call, tool.send)
		expectStopped(t, err)
		tool.never(t)
		if len(f.claimed)+len(f.cancels) != 0 {
			t.Errorf("claimed %v, withdrew %v", f.claimed, f.cancels)
		}
	}
}

func TestReportsAreRepeated(t *testing.T) {
	t.Parallel()
	f := &fake{
		report: []func(context.Context) error{
			func(context.Context) error { return status.Error(codes.Unavailable, "") },
			func(context.Context) error { return nil },
		},
	}
	ctx, giveUp := context.WithCancel(t.Context())
	long := errors.New(strings.Repeat("x", 4095) + "é\xff")
	_, err := signoff.Do(ctx, f.client(t), sending(), func(context.Context, *signoff.Run) (string, error) {
		giveUp() // The function ran nevertheless.
		return "", long
	})
	if err != long {
		t.Errorf("got %v", err)
	}
	if len(f.reports) != 2 || f.reports[0].GetRequestId() != f.reports[1].GetRequestId() ||
		f.reports[0].GetClaimId() != "claim-1" {
		t.Fatalf("reported %v", f.reports)
	}
	if f.reports[0].GetMessage() != strings.Repeat("x", 4095) {
		t.Errorf("reported %d bytes", len(f.reports[0].GetMessage()))
	}
}

func TestReportsThatFailChangeNothing(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f, tool := &fake{
		report: []func(context.Context) error{
			func(context.Context) error { return failure(codes.FailedPrecondition, "NOT_CLAIMED") },
		},
	}, &tool{}
	logged := func(o *signoff.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
	result, err := signoff.Do(t.Context(), f.client(t, logged), sending(), tool.send)
	expectResult(t, outcome{result, err}, "1 to alice@company.com")
	if !strings.Contains(log.String(), "approval-1") {
		t.Errorf("logged %q", log.String())
	}
}

func TestFunctionsThatEndTheirGoroutineAreReported(t *testing.T) {
	t.Parallel()
	f := &fake{}
	client, ended := f.client(t), make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = signoff.Do(t.Context(), client, sending(), func(context.Context, *signoff.Run) (string, error) {
			runtime.Goexit()
			return "", nil
		})
	}()
	<-ended
	f.expectFailed(t)
}
