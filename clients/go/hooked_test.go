package signoff_test

import (
	"context"

	"google.golang.org/grpc"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// hooked is a connection whose first answer to a request, once it has arrived, calls a function.
type hooked struct {
	signoffv1.ApprovalServiceClient
	arrived func()
}

func (h hooked) RequestApproval(
	ctx context.Context, request *signoffv1.RequestApprovalRequest, options ...grpc.CallOption,
) (grpc.ServerStreamingClient[signoffv1.RequestApprovalResponse], error) {
	stream, err := h.ApprovalServiceClient.RequestApproval(ctx, request, options...)
	return &hookedStream{stream, h.arrived, 0}, err
}

type hookedStream struct {
	grpc.ServerStreamingClient[signoffv1.RequestApprovalResponse]
	arrived func()
	reads   int
}

// answered is a connection that calls a function once the first answer to a request was read.
type answered struct {
	signoffv1.ApprovalServiceClient
	done func()
}

func (r answered) RequestApproval(
	ctx context.Context, request *signoffv1.RequestApprovalRequest, options ...grpc.CallOption,
) (grpc.ServerStreamingClient[signoffv1.RequestApprovalResponse], error) {
	stream, err := r.ApprovalServiceClient.RequestApproval(ctx, request, options...)
	return &readStream{stream, r.done}, err
}

type readStream struct {
	grpc.ServerStreamingClient[signoffv1.RequestApprovalResponse]
	done func()
}

func (s *readStream) Recv() (*signoffv1.RequestApprovalResponse, error) {
	message, err := s.ServerStreamingClient.Recv()
	s.done()
	return message, err
}

// Recv calls the function when the first answer was read, and more is waited for.
func (s *hookedStream) Recv() (*signoffv1.RequestApprovalResponse, error) {
	if s.reads++; s.reads == 2 {
		s.arrived()
	}
	return s.ServerStreamingClient.Recv()
}
