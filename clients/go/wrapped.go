package signoff

import (
	"context"
	"fmt"
	"reflect"
	"slices"
)

// Wrapped is a function whose calls need approval: see [Wrap]. It is safe for use by many goroutines at once.
type Wrapped[A, R any] struct {
	client   *Client
	call     Call
	fn       func(ctx context.Context, arguments A) (R, error)
	complete []func(ctx context.Context, arguments A, call *Call)
}

// Wrap wraps a function so that each call of it needs approval, with its own arguments: a struct or a map, see [Call].
// The call is otherwise as given, without Arguments. The functions of [WithCall] and then those of complete may
// complete it before it is asked for, for example with the reason that the arguments hold, or with the ids that a
// framework keeps in the context.
//
// fn never gets the caller's own arguments, but those that were approved, edited or not, rebuilt from their JSON: what
// the reviewer saw, and nothing else. Edits that its type does not take exactly are refused with an [InvalidEditError]
// before the claim; [Run.Decode] says what that means. Errors are otherwise those of [Do].
//
// A [UsageError] says that calls can never be made so: an option that makes no sense, arguments that JSON does not show
// as a whole (an unexported field, a channel, an interface with methods, a type that encodes itself and cannot decode
// itself), or a result that stands for work to come, as with Do.
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

// Ask asks for approval of one call of the function, and returns at once, as [Client.Ask] does.
func (w *Wrapped[A, R]) Ask(ctx context.Context, arguments A) (Handle, error) {
	return ask(ctx, w.client, w.made(ctx, arguments))
}

// Resume goes on with a call of the function that was asked for, in this process or another one, as [Resume] does. The
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
