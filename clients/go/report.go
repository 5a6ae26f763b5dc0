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

// report tells the server what became of the call. If that fails the outcome stays unreported, which changes nothing
// for the caller.
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
		g.client.logger.WarnContext(ctx, "signoff: the outcome of a call could not be reported",
			"tool_name", g.call.ToolName, "approval_id", g.approvalID(), "error", err)
	}
}

// shortened is what the server takes of a text: valid, and not too long.
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

// outlive is a context that ends some time after the given one does, for what is left to do then.
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
