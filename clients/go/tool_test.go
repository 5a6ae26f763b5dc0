package signoff_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// email is the arguments of the tests' tool.
type email struct {
	To     string `json:"to"`
	Copies int    `json:"copies,omitempty"`
}

// tool sends no e-mail, but counts how often it should have.
type tool struct {
	runs atomic.Int32
	ran  atomic.Value // The run.
}

func (tool *tool) send(_ context.Context, run *signoff.Run) (string, error) {
	tool.runs.Add(1)
	tool.ran.Store(*run)
	var arguments email
	if err := run.Decode(&arguments); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d to %s", arguments.Copies, arguments.To), nil
}

func (tool *tool) never(t *testing.T) {
	t.Helper()
	if runs := tool.runs.Load(); runs != 0 {
		t.Errorf("it ran %d times", runs)
	}
}

func (tool *tool) once(t *testing.T) {
	t.Helper()
	if runs := tool.runs.Load(); runs != 1 {
		t.Errorf("it ran %d times", runs)
	}
}

func sending() signoff.Call {
	return signoff.Call{ToolName: "send_email", Arguments: email{To: "alice@company.com", Copies: 1}, AgentName: "bot"}
}

// refusal is the error as a refusal of this kind, of the call of send_email.
func refusal[E signoff.Refusal](t *testing.T, err error) E {
	t.Helper()
	var refusal E
	if !errors.As(err, &refusal) {
		t.Fatalf("got %T: %v", err, err)
	}
	if !errors.Is(err, signoff.ErrRefused) || refusal.Tool() != "send_email" && refusal.Tool() != "sql.query" {
		t.Errorf("tool %q, %v", refusal.Tool(), err)
	}
	return refusal
}

func isRefusal[E signoff.Refusal](t *testing.T, err error) { refusal[E](t, err) }

func expectResult(t *testing.T, got outcome, result string) {
	t.Helper()
	if got.err != nil || got.result != result {
		t.Fatalf("got %q, %v", got.result, got.err)
	}
}

func expectReport(t *testing.T, approval *signoffv1.Approval, result signoffv1.ExecutionResult, message string) {
	t.Helper()
	if got := approval.GetClaim().GetOutcome(); got.GetResult() != result || got.GetMessage() != message {
		t.Errorf("reported %v", got)
	}
}
