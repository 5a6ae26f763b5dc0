package signoff

import (
	"context"
	"fmt"
	"reflect"
	"slices"
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
// [InvalidEditError], or an [InvalidArgumentsError] if nobody has edited them, if the target does not take them
// exactly: an unknown field, a number that does not fit, null for what cannot be nil, or a field that they lack and
// that would be empty although nobody approved that. Pointers, maps, slices and interfaces may be lacking, as they are
// nil then, and so may fields with omitempty or omitzero.
//
// The claim has been taken by then. Set [Call.ArgumentsType] to have edits refused before it.
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
// returned as they are. A panic of fn is reported as a failure and goes on. Any other error means that fn was not
// called: a [Refusal], the context's error, or a [UsageError]. An error of fn that is itself a [Refusal], of a gated
// call that fn made, is returned as it is too: its Tool and its Approval are those of that call.
//
// Do ends with the context at any time before fn runs; fn gets the same context. If the approval is still pending then,
// or approved, the error is a [StillWaitingError], whose cause is the context's error.
//
// The work of fn must be over when it returns. Results that stand for work to come are refused before anybody is asked:
// channels, functions such as iterators, readers, and what holds one. One that only shows when fn has returned, in an
// interface, is reported as a failure, and the error is an [UnfinishedError].
func Do[T any](
	ctx context.Context, client *Client, call Call, fn func(ctx context.Context, run *Run) (T, error),
) (T, error) {
	return perform(ctx, client, call.completed(ctx), fn)
}

// perform is Do for a call that nothing completes any more.
func perform[T any](
	ctx context.Context, client *Client, call Call, fn func(ctx context.Context, run *Run) (T, error),
) (T, error) {
	var none T
	if fn == nil {
		return none, misused("", "the function is nil")
	}
	if err := checkResult(reflect.TypeFor[T]()); err != nil {
		return none, err
	}
	g, claim, err := obtain(ctx, client, call)
	if err != nil {
		return none, err
	}
	result, err := observe(ctx, g, claim, fn)
	if err == nil {
		if found := unbegunIn(result); found != "" {
			err = &UnfinishedError{ToolName: call.ToolName, Result: found}
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

// obtain takes the permission to run a call.
func obtain(ctx context.Context, client *Client, call Call) (*gate, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	g, err := newGate(client, call)
	if err != nil {
		return nil, "", err
	}
	g.warnOfRepetition(ctx)
	if err := g.wait(ctx); err != nil {
		if err == ctx.Err() {
			err = g.abandon(ctx)
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
// map, see [Call]. The call is otherwise as given, without Arguments. The functions of [WithCall] and then those of
// complete may complete it before it is asked for, for example with the reason that the arguments hold, or with the ids
// that a framework keeps in the context.
//
// fn never gets the caller's own arguments, but those that were approved, edited or not, rebuilt from their JSON: what
// the reviewer saw, and nothing else. Edits that its type does not take exactly are refused with an [InvalidEditError]
// before the claim; [Run.Decode] says what that means. Errors are otherwise those of [Do].
//
// A [UsageError] says that calls can never be made so: an option that makes no sense, arguments that JSON does not show
// as a whole (an unexported field, a channel, an interface with methods, a type that encodes itself and cannot decode
// itself), or a result that stands for work to come, as with Do.
func RequiresApproval[A, R any](
	client *Client, call Call, fn func(ctx context.Context, arguments A) (R, error),
	complete ...func(ctx context.Context, arguments A, call *Call),
) (func(ctx context.Context, arguments A) (R, error), error) {
	takes := reflect.TypeFor[A]()
	if err := checkWrapped(client, call, takes, reflect.TypeFor[R](), fn == nil); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(complete, func(each func(context.Context, A, *Call)) bool { return each == nil }) {
		return nil, misused("", "a function that completes calls of %s is nil", call.ToolName)
	}
	call = call.clone()
	call.ArgumentsType = takes
	return func(ctx context.Context, arguments A) (R, error) {
		call := call.completed(ctx)
		for _, each := range complete {
			each(ctx, arguments, &call)
		}
		// A pointer, as methods of pointers encode what is decoded, too.
		call.Arguments, call.ArgumentsType = &arguments, takes
		return perform(ctx, client, call, func(ctx context.Context, run *Run) (R, error) {
			approved, ok := run.gate.rebuilt.Interface().(A)
			if !ok { // Never run with an empty value instead.
				var none R
				return none, run.gate.untakeable(&problem{"", fmt.Sprintf("are no %v", takes)})
			}
			return fn(ctx, approved)
		})
	}, nil
}

// checkWrapped finds what makes every call of a wrapped function impossible.
func checkWrapped(client *Client, call Call, takes, returns reflect.Type, isNil bool) error {
	switch {
	case client == nil:
		return misused("", "the client is nil")
	case isNil:
		return misused("", "the function is nil")
	case call.ToolName == "":
		return misused("ToolName", "is empty")
	case call.Arguments != nil:
		return misused("Arguments", "must be nil: each caller gives its own")
	case call.ArgumentsType != nil && call.ArgumentsType != takes:
		return misused("ArgumentsType", "must be nil: it is %v", takes)
	}
	if err := call.checkOptions(); err != nil {
		return err
	}
	if problem := declared(takes); problem != "" {
		return misused("", "the arguments of %s cannot be approved: %s", call.ToolName, problem)
	}
	return checkResult(returns)
}
