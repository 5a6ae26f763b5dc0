package signoff

import (
	"context"
	"reflect"
	"time"
)

// ResumeOptions are the options for an asked call. None is required.
type ResumeOptions struct {
	// ToolName is the name of the tool that the function is for: a handle for another tool is a [UsageError] before
	// anything is sent. If it is empty, any handle is accepted.
	ToolName string
	// ArgumentsType is that of [Call]: approved arguments that do not fit it are rejected before the claim.
	ArgumentsType reflect.Type
	// Patience is that of [Call].
	Patience time.Duration
	// OnProgress is that of [Call].
	OnProgress func(Progress)
	// CancelOnAbandon is that of [Call].
	CancelOnAbandon bool
}

// call makes a call with these options. The functions of [WithCall] may complete them.
func (o ResumeOptions) call(ctx context.Context) Call {
	call := Call{
		ToolName: o.ToolName, ArgumentsType: o.ArgumentsType, Patience: o.Patience, OnProgress: o.OnProgress,
		CancelOnAbandon: o.CancelOnAbandon,
	}
	return call.completed(ctx)
}

// Resume waits for an asked call, claims it, runs fn once if the call is approved, and reports, as [Do] does, in this
// process or another one. The arguments come from the server, and are checked against the handle. If several processes
// resume one handle, one runs fn; the others get an [AlreadyClaimedError].
//
// Errors are those of Do. An approval that the server does not know is a [RequestFailedError].
func Resume[T any](
	ctx context.Context, client *Client, handle Handle, options ResumeOptions,
	fn func(ctx context.Context, run *Run) (T, error),
) (T, error) {
	return perform(ctx, func() (*gate, error) { return resumedGate(client, handle, options.call(ctx)) }, fn)
}

// Wait waits for the decision on an asked call, and claims nothing. It returns nil if the call is approved, so that
// [Resume] can run it; otherwise the error is that of Resume.
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
