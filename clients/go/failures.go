package signoff

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Domain of the ErrorInfo that the server's own errors carry.
const domain = "signoff.v1"

// isPassing tells whether the same call can succeed later: the server said so, or the failure is not the server's own.
func isPassing(err error) bool {
	failure := status.Convert(err)
	if _, asked := retryDelay(failure); asked || failure.Code() == codes.Unavailable {
		return true
	}
	switch failure.Code() {
	case codes.Canceled, codes.Unknown, codes.Internal, codes.Aborted, codes.OutOfRange, codes.DataLoss,
		codes.DeadlineExceeded, codes.ResourceExhausted:
		return serverReason(failure) == ""
	default:
		return false
	}
}

// serverReason is the reason of the server's own error; empty for other errors.
func serverReason(failure *status.Status) string { return serverInfo(failure).GetReason() }

// serverInfo is the ErrorInfo of the server's own error; nil for other errors.
func serverInfo(failure *status.Status) *errdetails.ErrorInfo {
	for _, detail := range failure.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return info
		}
	}
	return nil
}

// retryDelay is how long the server asks to wait before the next try, if it does.
func retryDelay(failure *status.Status) (time.Duration, bool) {
	for _, detail := range failure.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration()), true
		}
	}
	return 0, false
}

// codeName is the code as the protocol spells it, such as NOT_FOUND.
func codeName(c codes.Code) string { return code.Code(c).String() }
