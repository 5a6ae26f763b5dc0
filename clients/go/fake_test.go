package signoff_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

type (
	asking   = grpc.ServerStreamingServer[signoffv1.RequestApprovalResponse]
	watching = grpc.ServerStreamingServer[signoffv1.WatchApprovalResponse]
)

// fake is a server for what a real one does not do. Each call of a method is answered by the next of its functions,
// and by the last one when there are no more; without any, requests are approved, and the rest succeeds. Who watches
// needs a function.
type fake struct {
	signoffv1.UnimplementedApprovalServiceServer
	ask    []func(*signoffv1.RequestApprovalRequest, asking) error
	watch  []func(*signoffv1.WatchApprovalRequest, watching) error
	claim  []func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error)
	report []func(context.Context) error
	cancel []func() error
	// What reports are answered, if it is not the truth.
	reported *signoffv1.ReportExecutionResponse

	mutex   sync.Mutex
	asked   []*signoffv1.RequestApprovalRequest
	watched []*signoffv1.WatchApprovalRequest
	claimed []*signoffv1.ClaimExecutionRequest
	reports []*signoffv1.ReportExecutionRequest
	cancels []*signoffv1.CancelApprovalRequest
	// The newest approval that was sent, and all by their digest.
	approval *signoffv1.Approval
	sent     map[string]*signoffv1.Approval
}

// record keeps a request, and returns which one of its kind it is.
func record[T any](f *fake, requests *[]T, request T) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	*requests = append(*requests, request)
	return len(*requests) - 1
}

func nth[T any](answers []T, n int) (answer T) {
	if len(answers) == 0 {
		return answer
	}
	return answers[min(n, len(answers)-1)]
}

func (f *fake) RequestApproval(request *signoffv1.RequestApprovalRequest, stream asking) error {
	if answer := nth(f.ask, record(f, &f.asked, request)); answer != nil {
		return answer(request, stream)
	}
	return f.send(stream, f.approvalOf(request, signoffv1.ApprovalStatus_APPROVAL_STATUS_APPROVED))
}

func (f *fake) WatchApproval(request *signoffv1.WatchApprovalRequest, stream watching) error {
	return nth(f.watch, record(f, &f.watched, request))(request, stream)
}

func (f *fake) ClaimExecution(
	ctx context.Context, request *signoffv1.ClaimExecutionRequest,
) (*signoffv1.ClaimExecutionResponse, error) {
	if answer := nth(f.claim, record(f, &f.claimed, request)); answer != nil {
		return answer(ctx, request)
	}
	return f.granted(), nil
}

func (f *fake) ReportExecution(
	ctx context.Context, request *signoffv1.ReportExecutionRequest,
) (*signoffv1.ReportExecutionResponse, error) {
	if answer := nth(f.report, record(f, &f.reports, request)); answer != nil {
		return taken(request), answer(ctx)
	}
	if f.reported != nil {
		return f.reported, nil
	}
	return taken(request), nil
}

// taken is the answer to a report.
func taken(request *signoffv1.ReportExecutionRequest) *signoffv1.ReportExecutionResponse {
	outcome := &signoffv1.ExecutionOutcome{Result: request.GetResult()}
	return &signoffv1.ReportExecutionResponse{Approval: &signoffv1.Approval{
		Id: request.GetApprovalId(), Claim: &signoffv1.Claim{Id: request.GetClaimId(), Outcome: outcome},
	}}
}

func (f *fake) CancelApproval(
	_ context.Context, request *signoffv1.CancelApprovalRequest,
) (*signoffv1.CancelApprovalResponse, error) {
	if answer := nth(f.cancel, record(f, &f.cancels, request)); answer != nil {
		return &signoffv1.CancelApprovalResponse{}, answer()
	}
	return &signoffv1.CancelApprovalResponse{}, nil
}

// expectFailed checks that it was reported, once, that nothing was run or that it failed.
func (f *fake) expectFailed(t *testing.T) {
	t.Helper()
	if len(f.reports) != 1 || f.reports[0].GetResult() != signoffv1.ExecutionResult_EXECUTION_RESULT_FAILED {
		t.Errorf("reported %v", f.reports)
	}
}

// granted is the claim of the newest approval.
func (f *fake) granted() *signoffv1.ClaimExecutionResponse {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return claimOf(f.approval)
}

// grantedFor is the claim of the approval with this digest.
func (f *fake) grantedFor(digest string) *signoffv1.ClaimExecutionResponse {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return claimOf(f.sent[digest])
}

func claimOf(approval *signoffv1.Approval) *signoffv1.ClaimExecutionResponse {
	approval = proto.CloneOf(approval)
	approval.Revision++
	approval.Claim = &signoffv1.Claim{Id: "claim-1", ClaimedBy: caller}
	return &signoffv1.ClaimExecutionResponse{Approval: approval, ClaimId: "claim-1"}
}

// caller is whose token the tests have.
var caller = &signoffv1.Actor{Issuer: "local", Subject: "mail-bot"}

// approvalOf is an approval of a request, at revision 1 or, if it is decided, 2, with an hour left.
func (f *fake) approvalOf(request *signoffv1.RequestApprovalRequest, is signoffv1.ApprovalStatus) *signoffv1.Approval {
	now := time.Now()
	digest, err := signoff.Digest(request.GetToolName(), request.GetArguments().AsMap())
	if err != nil {
		panic(err)
	}
	approval := &signoffv1.Approval{
		Id: "approval-1", Revision: 1, Status: is, ToolName: request.GetToolName(), Arguments: request.GetArguments(),
		Digest: digest, UpdateTime: timestamppb.New(now), Deadline: timestamppb.New(now.Add(time.Hour)),
		RequestId: request.GetRequestId(), Caller: caller,
	}
	if is > pending && is <= signoffv1.ApprovalStatus_APPROVAL_STATUS_AUTO_REJECTED {
		approval.Revision, approval.Decision = 2, &signoffv1.Decision{Status: is, Digest: digest}
	}
	return approval
}

func (f *fake) send(stream asking, approval *signoffv1.Approval) error {
	f.mutex.Lock()
	f.approval = approval
	if f.sent == nil {
		f.sent = map[string]*signoffv1.Approval{}
	}
	f.sent[approval.GetDigest()] = approval
	f.mutex.Unlock()
	return stream.Send(&signoffv1.RequestApprovalResponse{
		Message: &signoffv1.RequestApprovalResponse_Update{Update: &signoffv1.ApprovalUpdate{Approval: approval}},
	})
}

// sends answers a request with approvals of these statuses, and then with an error or the end of the stream.
func (f *fake) sends(err error, all ...signoffv1.ApprovalStatus) func(*signoffv1.RequestApprovalRequest, asking) error {
	return func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		for i, is := range all {
			approval := f.approvalOf(request, is)
			approval.Revision = request.GetAfterRevision() + uint64(i) + 1
			if err := f.send(stream, approval); err != nil {
				return err
			}
		}
		return err
	}
}

// client starts the fake, and connects.
func (f *fake) client(t *testing.T, options ...func(*signoff.Options)) *signoff.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	grpcServer := grpc.NewServer()
	signoffv1.RegisterApprovalServiceServer(grpcServer, f)
	go func() { _ = grpcServer.Serve(listener) }()
	t.Cleanup(grpcServer.Stop)
	o := signoff.Options{Address: listener.Addr().String()}
	for _, option := range options {
		option(&o)
	}
	return newClient(t, o)
}

// silent says nothing until the caller is gone.
func silent(_ *signoffv1.RequestApprovalRequest, stream asking) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// failure is an error of the server itself.
func failure(code codes.Code, reason string, details ...protoadapt.MessageV1) error {
	details = append(details, &errdetails.ErrorInfo{Domain: "signoff.v1", Reason: reason})
	made, err := status.New(code, "because").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return made.Err()
}

func retryIn(delay time.Duration) protoadapt.MessageV1 {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)}
}

const (
	pending  = signoffv1.ApprovalStatus_APPROVAL_STATUS_PENDING
	approved = signoffv1.ApprovalStatus_APPROVAL_STATUS_APPROVED
	timedOut = signoffv1.ApprovalStatus_APPROVAL_STATUS_TIMED_OUT
)
