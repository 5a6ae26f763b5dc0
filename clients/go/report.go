package signoff

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

const (
	maxMessageBytes = 4096

	succeeded = signoffv1.ExecutionResult_EXECUTION_RESULT_SUCCEEDED
	failed    = signoffv1.ExecutionResult_EXECUTION_RESULT_FAILED
)

// report reports the outcome of the call. A failure is logged, and changes nothing for the caller.
//
// The function has run, and its effects stay. If an error of the report replaced its result, the agent would take the
// call for failed, and might make it again: a second mail, a second payment. So the function's result always stands,
// and the approval shows a claim without an outcome.
func (g *gate) report(ctx context.Context, claim string, result signoffv1.ExecutionResult, message string) {
	ctx, done := outlive(ctx)
	defer done()
	request := &signoffv1.ReportExecutionRequest{
		ApprovalId: g.approvalID(), RequestId: randomRequestID(), ClaimId: claim,
		Result: result, Message: shortened(message),
	}
	var answer *signoffv1.ReportExecutionResponse
	err := g.repeat(ctx, ctx, func(ctx context.Context) error {
		var err error
		answer, err = g.client.Approvals.ReportExecution(ctx, request)
		return err
	})
	if err == nil && !isReported(request, answer) {
		err = errors.New("the answer is about another claim or outcome")
	}
	if err != nil {
		g.client.logger.WarnContext(ctx, "signoff: Cannot report the outcome of a call",
			"tool_name", g.call.ToolName, "approval_id", g.approvalID(), "error", err)
	}
}

// shortened is a text within the server's limits: valid UTF-8, and not too long.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= maxMessageBytes {
		return text
	}
	end := maxMessageBytes
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// outlive is a context that ends a grace period after the given one, for cleaning up.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		end := time.AfterFunc(grace, cancel)
		context.AfterFunc(lasting, func() { end.Stop() })
	})
	return lasting, func() {
		stop()
		cancel()
	}
}
