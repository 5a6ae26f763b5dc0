package signoff

import "context"

type completionsKey struct{}

// WithCall returns a context with a function that completes its gated calls before they are asked, for example with the
// run's id and labels. It follows the context, also into goroutines and through [context.WithoutCancel], but not into a
// context.Background(): set [Call.RequiredOptions] to detect that.
//
// Functions of outer contexts come first, and those of [RequiresApproval] last. They get a copy of the call, without
// its arguments, whose Labels are never nil. They may be called concurrently.
func WithCall(ctx context.Context, complete func(call *Call)) context.Context {
	outer := completions(ctx)
	return context.WithValue(ctx, completionsKey{}, append(outer[:len(outer):len(outer)], complete))
}

func completions(ctx context.Context) []func(*Call) {
	all, _ := ctx.Value(completionsKey{}).([]func(*Call))
	return all
}

// completed is a copy of the call with the options of the context. The context cannot change the tool and the
// arguments.
func (c Call) completed(ctx context.Context) Call {
	completed := c.clone()
	for _, complete := range completions(ctx) {
		completed.Arguments = nil
		complete(&completed)
		completed.ToolName, completed.ArgumentsType = c.ToolName, c.ArgumentsType
		completed.RequiredOptions = c.RequiredOptions
	}
	completed.Arguments = c.Arguments
	return completed
}
