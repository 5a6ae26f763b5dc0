package signoff

import (
	"context"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// withdraw cancels the approval of a caller that stopped waiting. If it comes too late, it changes nothing. It returns
// the approval's status afterwards, and fails if that is unknown.
func (g *gate) withdraw(ctx context.Context) (signoffv1.ApprovalStatus, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := g.client.repeat(ctx, ctx, grace, g.find)
	if is := g.approval.GetStatus(); err == nil && statuses[is].terminal {
		return is, nil
	}
	if err == nil {
		request := &signoffv1.CancelApprovalRequest{
			ApprovalId: g.approvalID(), RequestId: randomRequestID(), Reason: "the caller stopped waiting",
		}
		err = g.client.repeat(ctx, ctx, grace, func(ctx context.Context) error {
			_, err := g.client.Approvals.CancelApproval(ctx, request)
			return err
		})
	}
	if info := serverInfo(status.Convert(err)); err != nil && info.GetReason() == "ALREADY_DECIDED" {
		name := "APPROVAL_STATUS_" + info.GetMetadata()["status"]
		return signoffv1.ApprovalStatus(signoffv1.ApprovalStatus_value[name]), nil
	}
	if err != nil {
		g.client.logger.WarnContext(ctx, "signoff: Cannot withdraw the request",
			"tool_name", g.call.ToolName, "approval_id", g.approvalID(), "error", err)
	}
	return signoffv1.ApprovalStatus_APPROVAL_STATUS_CANCELLED, err
}

// find asks once more if the server has not answered yet: it may have recorded the request.
func (g *gate) find(ctx context.Context) error {
	if g.approvalID() != "" {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := g.client.Approvals.RequestApproval(ctx, proto.CloneOf(g.request))
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			return status.Error(codes.Unavailable, "the stream ended without an answer")
		}
		if err != nil {
			return err
		}
		if g.approval = message.GetUpdate().GetApproval(); g.approval != nil {
			return nil
		}
	}
}
