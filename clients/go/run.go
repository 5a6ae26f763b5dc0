package signoff

import (
	"context"
	"errors"
	"fmt"
)

// Run is what a function may do now: one call, once, with these arguments.
type Run struct {
	// ApprovalID is the id of the approval.
	ApprovalID string
	// Arguments are what was approved: those of the request or, if a reviewer edited them, the edited ones. Whole
	// numbers within ±(2^53 − 1) are int64, all others float64.
	Arguments map[string]any
	// Edited tells whether a reviewer edited them.
	Edited bool

	gate *gate
}

// Decode stores a copy of the arguments where into points, decoded by encoding/json. The error is an
// [InvalidArgumentsError] if the target does not take them exactly: an unknown field, a number that does not fit, or a
// field that they lack and that would be empty although nobody approved that. Pointers, maps, slices and interfaces may
// be lacking, as they are nil then, and so may fields with omitempty or omitzero.
func (r *Run) Decode(into any) error {
	if p := decodeArguments(r.gate.arguments, into); p != nil {
		return r.gate.invalidArguments(p)
	}
	return nil
}

// Do asks for approval of a call, waits, and runs fn once if it is approved. The result and the error of fn are
// returned as they are. A panic of fn is reported as a failure and goes on. Any other error means that fn was not
// called: a [Refusal], the context's error if it ended before, or an error of use, such as a CallID without a RunID.
// An error of fn that is itself a [Refusal], of a gated call that fn made, is returned as it is too: its Tool and its
// Approval are those of that call.
//
// Do ends with the context at any time before fn runs; fn gets the same context.
func Do[T any](
	ctx context.Context, client *Client, call Call, fn func(ctx context.Context, run *Run) (T, error),
) (T, error) {
	g, claim, err := obtain(ctx, client, call)
	if err != nil {
		var none T
		return none, err
	}
	result, err := observe(ctx, g, claim, fn)
	if err != nil {
		g.report(ctx, claim, failed, err.Error())
	} else {
		g.report(ctx, claim, succeeded, "")
	}
	return result, err
}

// obtain takes the permission to run a call.
func obtain(ctx context.Context, client *Client, call Call) (*gate, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	g, err := newGate(client, call)
	if err != nil {
		return nil, "", err
	}
	if err := g.wait(ctx); err != nil {
		if call.CancelOnAbandon && err == ctx.Err() {
			g.withdraw(ctx)
		}
		return nil, "", err
	}
	claim, err := g.claim(ctx)
	if err != nil {
		return nil, "", err
	}
	return g, claim, nil
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

// RequiresApproval wraps a function so that each call of it needs approval, with its own arguments: a struct or a
// map, see [Call]. The call is otherwise as given, without Arguments. Each of complete, in turn, may complete it
// before it is asked for, for example with the reason that the arguments hold, or with the ids that a framework keeps
// in the context.
//
// fn gets the arguments as they were given or, if a reviewer edited them, the edited ones as [Run.Decode] does it: if
// they cannot be taken exactly, fn is not called and the error is an [InvalidArgumentsError]. Errors are otherwise
// those of [Do].
func RequiresApproval[A, R any](
	client *Client, call Call, fn func(ctx context.Context, arguments A) (R, error),
	complete ...func(ctx context.Context, arguments A, call *Call),
) func(ctx context.Context, arguments A) (R, error) {
	return func(ctx context.Context, arguments A) (R, error) {
		var none R
		if call.Arguments != nil {
			return none, errors.New(
				"signoff: RequiresApproval takes a Call without Arguments: each caller gives its own",
			)
		}
		call := call.clone()
		for _, each := range complete {
			each(ctx, arguments, &call)
		}
		call.Arguments = arguments
		return Do(ctx, client, call, func(ctx context.Context, run *Run) (R, error) {
			approved := arguments
			if run.Edited {
				if err := run.Decode(&approved); err != nil {
					return none, err
				}
			}
			return fn(ctx, approved)
		})
	}
}
