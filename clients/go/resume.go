package signoff

import (
	"context"
	"reflect"
	"time"
)

// ResumeOptions say how to go on with a call that was asked for before. None is required.
type ResumeOptions struct {
	// ToolName is the name of the tool that the function is for: a handle of another tool is refused with a
	// [UsageError] before anything is sent. If it is empty, any handle is taken.
	ToolName string
	// ArgumentsType is that of [Call]: approved arguments that do not fit it are refused before the claim.
	ArgumentsType reflect.Type
	// Patience is that of [Call].
	Patience time.Duration
	// OnProgress is that of [Call].
	OnProgress func(Progress)
	// CancelOnAbandon is that of [Call].
	CancelOnAbandon bool
}

// call has the options as those of a call. The functions of [WithCall] may complete them.
func (o ResumeOptions) call(ctx context.Context) Call {
	call := Call{
		ToolName: o.ToolName, ArgumentsType: o.ArgumentsType, Patience: o.Patience, OnProgress: o.OnProgress,
		CancelOnAbandon: o.CancelOnAbandon,
	}
	return call.completed(ctx)
}

// Resume goes on with a call that was asked for, in this process or another one: it waits, claims, runs fn once if the
// call is approved, and reports, as [Do] does. The arguments come from the server, and are checked against the handle.
// Of several that resume one handle one runs fn; the others get an [AlreadyClaimedError].
//
// Errors are those of Do. A server that does not know the approval gives a [RequestFailedError].
func Resume[T any](
	ctx context.Context, client *Client, handle Handle, options ResumeOptions,
	fn func(ctx context.Context, run *Run) (T, error),
) (T, error) {
	return perform(ctx, func() (*gate, error) { return resumedGate(client, handle, options.call(ctx)) }, fn)
}

// Wait waits until a call that was asked for is decided, and claims nothing. It returns nil if the call is approved, so
// that [Resume] can run it; otherwise the error is that of Resume.
func (c *Client) Wait(ctx context.Context, handle Handle, options ResumeOptions) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g, err := resumedGate(c, handle, options.call(ctx))
	if err != nil {
		return err
	}
	if err := g.wait(ctx); err != nil {
		return g.ended(ctx, err)
	}
	return g.takeArguments()
}
