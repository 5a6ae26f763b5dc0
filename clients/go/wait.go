package signoff

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// The maximum time of a try after the bound.
const lastTry = 5 * time.Second

// wait asks, and returns nil once the call is approved, or else a refusal or the context's error.
func (g *gate) wait(ctx context.Context) error {
	isDecided := func(now *signoffv1.Approval) bool { return statuses[now.GetStatus()].terminal }
	if err := g.listen(ctx, isDecided); err != nil {
		return err
	}
	return g.decision()
}

// listen reads updates over one or more streams, until isEnough is true, or a stream ends as it may.
func (g *gate) listen(ctx context.Context, isEnough func(*signoffv1.Approval) bool) error {
	// Reconnect first: the failure of an earlier call must not be reported for this one.
	g.client.reconnect(ctx)
	pace := g.client.newPace(g.patience)
	for {
		began := time.Now()
		err := g.follow(ctx, pace, isEnough)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrRefused) {
			return err
		}
		if refusal := g.notice(ctx, err, time.Until(pace.bound)); refusal != nil {
			return refusal
		}
		if !isPassing(err) {
			return g.failed(err)
		}
		if err := pace.pause(ctx, began, err); err != nil {
			return g.failed(err)
		}
	}
}

// failed makes a refusal from the failure of the last try. The context's error stays unchanged.
func (g *gate) failed(err error) error {
	if errors.Is(err, ErrRefused) {
		return err
	}
	if last := (exhausted{}); errors.As(err, &last) {
		return g.unavailable(g.client.diagnose(last.error), last.error)
	}
	if errors.Is(err, ErrClosed) {
		return g.unavailable(g.client.diagnose(ErrClosed), ErrClosed)
	}
	if _, ok := status.FromError(err); ok {
		return g.requestFailed(err)
	}
	return err
}

// follow reads one stream, until there is nothing more to wait for (nil) or it breaks. A silent stream is cut.
func (g *gate) follow(ctx context.Context, pace *pace, isEnough func(*signoffv1.Approval) bool) error {
	streaming, cancel := context.WithCancel(ctx)
	defer cancel()
	cut := time.AfterFunc(g.untilFirstMessage(pace), cancel)
	defer cut.Stop()
	err := g.read(streaming, pace, cut, isEnough)
	if err != nil && !errors.Is(err, ErrRefused) && streaming.Err() != nil && ctx.Err() == nil {
		return status.Error(codes.Unavailable, "the server sent nothing in time")
	}
	return err
}

// message is the common interface of both kinds of streams.
type message interface {
	GetUpdate() *signoffv1.ApprovalUpdate
	GetProgress() *signoffv1.Progress
}

// open begins a stream after the last seen revision, and returns the function that reads it.
func (g *gate) open(ctx context.Context) (func() (message, error), error) {
	seen := g.approval.GetRevision()
	if g.handle != nil {
		request := &signoffv1.WatchApprovalRequest{ApprovalId: g.handle.ApprovalID, AfterRevision: seen}
		stream, err := g.client.Approvals.WatchApproval(ctx, request)
		return func() (message, error) { return stream.Recv() }, err
	}
	request := proto.CloneOf(g.request)
	request.AfterRevision = seen
	stream, err := g.client.Approvals.RequestApproval(ctx, request)
	return func() (message, error) { return stream.Recv() }, err
}

func (g *gate) read(
	ctx context.Context, pace *pace, cut *time.Timer, isEnough func(*signoffv1.Approval) bool,
) error {
	receive, err := g.open(ctx)
	if err != nil {
		return err
	}
	var latest *signoffv1.Approval // Of this stream.
	for {
		message, err := receive()
		if err == io.EOF {
			return ended(latest)
		}
		if err != nil {
			return err
		}
		pace.restart()
		if update := message.GetUpdate(); update != nil {
			if err := g.checkUpdate(update); err != nil {
				return err
			}
			approval := update.GetApproval()
			latest = approval
			g.see(approval, pace)
			if isEnough(approval) {
				return nil
			}
		}
		if progress := message.GetProgress(); progress != nil && g.approval != nil {
			pace.shorten(progress.GetRemaining().AsDuration())
			g.tell(progress)
		}
		cut.Reset(time.Until(pace.bound.Add(g.client.deadline)))
	}
}

// untilFirstMessage is the maximum silence of a new stream.
func (g *gate) untilFirstMessage(pace *pace) time.Duration {
	if g.approval != nil {
		return g.client.deadline
	}
	return min(g.client.deadline, max(time.Until(pace.bound), min(g.patience, lastTry)))
}

// see records the server's state of the approval.
func (g *gate) see(approval *signoffv1.Approval, pace *pace) {
	if approval.GetDeadline() != nil && approval.GetUpdateTime() != nil {
		left := approval.GetDeadline().AsTime().Sub(approval.GetUpdateTime().AsTime())
		if g.approval == nil {
			// From now on the approval's deadline bounds the wait, not patience.
			pace.bound = time.Now().Add(left)
		}
		pace.shorten(left)
	}
	g.approval = approval
}

// ended is nil if the stream may end after its latest approval: one with a newer server's status.
func ended(latest *signoffv1.Approval) error {
	if _, known := statuses[latest.GetStatus()]; latest != nil && !known {
		return nil
	}
	return status.Error(codes.Unavailable, "the stream ended without a decision")
}

// tell passes progress on. A panic of the listener does not end the wait.
func (g *gate) tell(progress *signoffv1.Progress) {
	if g.call.OnProgress == nil {
		return
	}
	defer func() { _ = recover() }()
	g.call.OnProgress(Progress{
		ApprovalID: g.approval.GetId(),
		Message:    progress.GetMessage(),
		Remaining:  progress.GetRemaining().AsDuration(),
		Approvals:  int(progress.GetApprovals()),
		Quorum:     int(progress.GetQuorum()),
		Reviewers:  progress.GetReviewers(),
	})
}
