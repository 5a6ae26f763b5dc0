package signoff

import (
	"context"
	"fmt"
	"reflect"
	"slices"
)

// Wrapped is a function whose calls need approval: see [Wrap]. It is safe for concurrent use.
type Wrapped[A, R any] struct {
	client   *Client
	call     Call
	fn       func(ctx context.Context, arguments A) (R, error)
	complete []func(ctx context.Context, arguments A, call *Call)
}

// Wrap wraps a function so that each call of it needs approval, with its own arguments: a struct or a map, see [Call].
// call has the other options, without Arguments. The functions of [WithCall] and then those of complete may add to it
// before it is asked, for example a reason from the arguments, or ids that a framework keeps in the context.
//
// fn never gets the caller's own value. It gets the approved arguments, edited or not, rebuilt from their JSON: what
// the reviewer saw. An edit that does not fit its type exactly (see [Run.Decode]) is an [InvalidEditError] before the
// claim. Other errors are those of [Do].
//
// A [UsageError] means that no call could ever succeed: an invalid option, arguments that JSON does not show completely
// (an unexported field, a channel, an interface with methods, a type that encodes itself and cannot decode itself), or
// a result that is unfinished work, as with Do.
func Wrap[A, R any](
	client *Client, call Call, fn func(ctx context.Context, arguments A) (R, error),
	complete ...func(ctx context.Context, arguments A, call *Call),
) (*Wrapped[A, R], error) {
	takes := reflect.TypeFor[A]()
	if err := checkWrapped(client, call, takes, reflect.TypeFor[R](), fn == nil); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(complete, func(each func(context.Context, A, *Call)) bool { return each == nil }) {
		return nil, misused("", "a function that completes calls of %s is nil", call.ToolName)
	}
	call = call.clone()
	call.ArgumentsType = takes
	return &Wrapped[A, R]{client, call, fn, complete}, nil
}

// RequiresApproval is the [Wrapped.Call] of [Wrap], for a function that is never resumed.
func RequiresApproval[A, R any](
	client *Client, call Call, fn func(ctx context.Context, arguments A) (R, error),
	complete ...func(ctx context.Context, arguments A, call *Call),
) (func(ctx context.Context, arguments A) (R, error), error) {
	wrapped, err := Wrap(client, call, fn, complete...)
	if err != nil {
		return nil, err
	}
	return wrapped.Call, nil
}

// Call asks for approval of one call of the function, waits, and runs it once if it is approved, as [Do] does.
func (w *Wrapped[A, R]) Call(ctx context.Context, arguments A) (R, error) {
	return perform(ctx, func() (*gate, error) { return askingGate(ctx, w.client, w.made(ctx, arguments)) }, w.run)
}

// Ask asks for approval of one call of the function, and returns without waiting for the decision, as [Client.Ask]
// does.
func (w *Wrapped[A, R]) Ask(ctx context.Context, arguments A) (Handle, error) {
	return ask(ctx, w.client, w.made(ctx, arguments))
}

// Resume waits for an asked call of the function and runs it, in this process or another one, as [Resume] does. The
// function gets this context. Patience, OnProgress and CancelOnAbandon are those of the wrapped call and [WithCall].
func (w *Wrapped[A, R]) Resume(ctx context.Context, handle Handle) (R, error) {
	return perform(ctx, func() (*gate, error) { return resumedGate(w.client, handle, w.call.completed(ctx)) }, w.run)
}

// made is the call with these arguments, completed.
func (w *Wrapped[A, R]) made(ctx context.Context, arguments A) Call {
	call := w.call.completed(ctx)
	for _, each := range w.complete {
		each(ctx, arguments, &call)
	}
	// A pointer, as methods of pointers encode what is decoded, too.
	call.Arguments, call.ArgumentsType = &arguments, w.call.ArgumentsType
	return call
}

func (w *Wrapped[A, R]) run(ctx context.Context, run *Run) (R, error) {
	approved, ok := run.gate.rebuilt.Interface().(A)
	if !ok { // Never run with an empty value instead.
		var none R
		return none, run.gate.untakeable(&problem{"", fmt.Sprintf("is not a %v", w.call.ArgumentsType)})
	}
	return w.fn(ctx, approved)
}

// checkWrapped finds errors that would make every call of a wrapped function fail.
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
