package signoff

import "context"

type completionsKey struct{}

// WithCall returns a context whose gated calls are completed by a function before they are asked for, for example with
// the run's id and labels. It goes wherever the context goes, so also into goroutines and through
// [context.WithoutCancel], but not into a context.Background(): set [Call.RequiredOptions] to notice that.
//
// Functions of outer contexts come first, and those of [RequiresApproval] last. They get a copy of the call, without
// its arguments, whose Labels are never nil. They may be called by many goroutines at once.
func WithCall(ctx context.Context, complete func(call *Call)) context.Context {
	outer := completions(ctx)
	return context.WithValue(ctx, completionsKey{}, append(outer[:len(outer):len(outer)], complete))
}

func completions(ctx context.Context) []func(*Call) {
	all, _ := ctx.Value(completionsKey{}).([]func(*Call))
	return all
}

// completed is a copy of the call with what the context says of it. What is called, and with which arguments, is not up
// to the context.
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
