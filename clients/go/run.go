package signoff

import (
	"context"
	"fmt"
	"reflect"
)

// Run is an approved call: the function may run once, with these arguments.
type Run struct {
	// ApprovalID is the id of the approval.
	ApprovalID string
	// Arguments are the approved arguments: those of the request or, if a reviewer edited them, the edited ones. Whole
	// numbers within ±(2^53 − 1) are int64, all others float64.
	Arguments map[string]any
	// Edited tells whether a reviewer edited them.
	Edited bool

	gate *gate
}

// Decode stores a copy of the arguments where into points, decoded by encoding/json. If the target cannot take them
// exactly, the error is an [InvalidEditError], or an [InvalidArgumentsError] if they were not edited. These do not fit:
// unknown and missing fields, numbers out of range, and null for a type that cannot be nil. Pointers, maps, slices and
// interfaces may be missing (they are nil then), and so may fields with omitempty or omitzero.
//
// Decode comes after the claim. Set [Call.ArgumentsType] to have edits rejected before it.
func (r *Run) Decode(into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return misused("", "the arguments cannot be stored in a %T", into)
	}
	// Into a new value: what the target holds would show through where the arguments say nothing.
	rebuilt, p := rebuild(r.gate.arguments, target.Type().Elem())
	if p != nil {
		return r.gate.untakeable(p)
	}
	target.Elem().Set(rebuilt)
	return nil
}

// Do asks for approval of a call, waits, and runs fn once if it is approved. The result and the error of fn are
// returned unchanged. A panic of fn is reported as a failure, and continues. Any other error means that fn was not
// called: a [Refusal], the context's error, or a [UsageError]. An error of fn that is itself a [Refusal], of a gated
// call that fn made, is returned unchanged too: its Tool and its Approval are those of that call.
//
// Do ends with the context at any time before fn runs; fn gets the same context. If the approval is still pending then,
// or approved, the error is a [StillWaitingError], whose cause is the context's error.
//
// The work of fn must be done when it returns. Results that are unfinished work are rejected before anybody is asked:
// channels, functions such as iterators, readers, and values that contain one. Unfinished work in a returned interface
// is reported as a failure, and the error is an [UnfinishedError].
func Do[T any](
	ctx context.Context, client *Client, call Call, fn func(ctx context.Context, run *Run) (T, error),
) (T, error) {
	return perform(ctx, func() (*gate, error) { return askingGate(ctx, client, call.completed(ctx)) }, fn)
}

// perform waits for what a gate asks for, claims it, runs the function, and reports.
//
// The order makes the gate safe. Waiting grants nothing, so a caller may stop there at no cost. The claim is the
// approval's only permission to run, so it comes last before the function: an edit that does not fit is found before
// it, and leaves the approval unclaimed. The report comes last. If the process dies before it, the approval shows a
// claim without an outcome, and no other runner gets the call: it runs at most once.
func perform[T any](
	ctx context.Context, open func() (*gate, error), fn func(ctx context.Context, run *Run) (T, error),
) (T, error) {
	var none T
	if fn == nil {
		return none, misused("", "the function is nil")
	}
	if err := checkResult(reflect.TypeFor[T]()); err != nil {
		return none, err
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	g, err := open()
	if err != nil {
		return none, err
	}
	claim, err := g.obtain(ctx)
	if err != nil {
		return none, err
	}
	result, err := observe(ctx, g, claim, fn)
	if err == nil {
		if found := unbegunIn(result); found != "" {
			err = &UnfinishedError{ToolName: g.call.ToolName, Result: found}
			result = none
		}
	}
	if err != nil {
		g.report(ctx, claim, failed, err.Error())
	} else {
		g.report(ctx, claim, succeeded, "")
	}
	return result, err
}

// askingGate is the gate of a call that is asked for now.
func askingGate(ctx context.Context, client *Client, call Call) (*gate, error) {
	g, err := newGate(client, call)
	if err == nil {
		g.warnOfRepetition(ctx)
	}
	return g, err
}

// obtain waits, and takes the permission to run the call.
func (g *gate) obtain(ctx context.Context) (claim string, err error) {
	if err := g.wait(ctx); err != nil {
		return "", g.ended(ctx, err)
	}
	return g.claim(ctx)
}

// ended is the error of a wait that has ended: of one that the context ended, what became of the approval.
func (g *gate) ended(ctx context.Context, err error) error {
	if err == ctx.Err() {
		return g.abandon(ctx)
	}
	return err
}

// observe calls the function, and reports when it does not return.
func observe[T any](ctx context.Context, g *gate, claim string, fn func(context.Context, *Run) (T, error)) (T, error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		panicked := recover()
		text := "the function ended its goroutine"
		if panicked != nil {
			text = fmt.Sprintf("panic: %v", panicked)
		}
		g.report(ctx, claim, failed, text)
		if panicked != nil {
			panic(panicked)
		}
	}()
	result, err := fn(ctx, g.run())
	returned = true
	return result, err
}
