package signoff_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	signoff "github.com/signoff-dev/signoff/clients/go"
)

func TestRefusalsAsText(t *testing.T) {
	t.Parallel()
	for _, refusal := range all {
		if text, refused := signoff.RefusalText(refusal); text != refusal.Error() || !refused {
			t.Errorf("%T: %q, %v", refusal, text, refused)
		}
	}
	// What the function did before a gated call of its own was refused is not kept from the model.
	half := fmt.Errorf("sent 1 of 2, then: %w", &signoff.TimedOutError{})
	if text, refused := signoff.RefusalText(half); text != half.Error() || !refused {
		t.Errorf("%q, %v", text, refused)
	}
	for _, other := range []error{
		nil, errors.New("NOT RUN"), context.Canceled, &signoff.UsageError{}, &signoff.UnfinishedError{},
	} {
		if text, refused := signoff.RefusalText(other); text != "" || refused {
			t.Errorf("%v: %q, %v", other, text, refused)
		}
	}
}

func TestScenario30TheModelReadsTheRefusal(t *testing.T) {
	t.Parallel()
	s, tool := startServer(t), &tool{}
	send := wrapped(t, s.agent(), signoff.Call{ToolName: "send_email"},
		func(ctx context.Context, _ email) (string, error) { return tool.send(ctx, nil) })
	// The tool as a framework has it.
	handler := func() (string, error) {
		result, err := send(t.Context(), email{To: "alice@company.com"})
		if text, refused := signoff.RefusalText(err); refused {
			return text, nil
		}
		return result, err
	}
	done := begin(handler)
	s.decide(rejecting("Use the staging list."))
	expectResult(t, finish(t, done), "NOT RUN. A reviewer rejected the call to send_email: Use the staging list. "+
		"Do not try it again.")
	tool.never(t)
}
