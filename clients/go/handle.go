package signoff

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// Handle names an asked call, so that it can run later, also in another process: see [Client.Ask] and [Resume]. It is
// data, and its JSON form is the same in every language. It contains no secret: only the caller that asked can claim.
type Handle struct {
	// ApprovalID is the id of the approval.
	ApprovalID string `json:"approval_id"`
	// RequestID is the id of the request.
	RequestID string `json:"request_id"`
	// ToolName is the name of the tool.
	ToolName string `json:"tool_name"`
	// Digest is the digest of the tool's name and the arguments as asked.
	Digest string `json:"digest"`
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// members are the parts of a handle, by their names in JSON.
func (h *Handle) members() map[string]*string {
	return map[string]*string{
		"approval_id": &h.ApprovalID, "request_id": &h.RequestID, "tool_name": &h.ToolName, "digest": &h.Digest,
	}
}

// UnmarshalJSON reads a handle. Missing and unknown members are a [UsageError].
func (h *Handle) UnmarshalJSON(text []byte) error {
	tree, p := readText(text, "", 0, true)
	if p != nil {
		return misused("Handle", "cannot be read: %s %s", cmp.Or(p.path, "the text"), p.text)
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return misused("Handle", "must be a JSON object")
	}
	var read Handle
	members := read.members()
	for _, name := range slices.Sorted(maps.Keys(object)) {
		member, known := members[name]
		value, isText := object[name].(string)
		switch {
		case !known:
			return misused("Handle", "has an unknown member %q", name)
		case !isText:
			return misused("Handle", "must have a string as %s", name)
		}
		*member = value
	}
	if err := read.check(); err != nil {
		return err
	}
	*h = read
	return nil
}

// check validates a handle.
func (h Handle) check() error {
	members := h.members()
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if *members[name] == "" {
			return misused("Handle", "has no %s", name)
		}
	}
	if !digestForm.MatchString(h.Digest) {
		return misused("Handle", "has an invalid digest: %q", h.Digest)
	}
	return nil
}

// Ask asks for approval of a call, and returns as soon as the server has recorded the request, with any status.
// [Resume] runs the call after its approval, and [Client.Wait] waits for the decision. It has the errors of [Do].
func (c *Client) Ask(ctx context.Context, call Call) (Handle, error) {
	return ask(ctx, c, call.completed(ctx))
}

// ask is Client.Ask for a completed call.
func ask(ctx context.Context, client *Client, call Call) (Handle, error) {
	if err := ctx.Err(); err != nil {
		return Handle{}, err
	}
	g, err := newGate(client, call)
	if err != nil {
		return Handle{}, err
	}
	g.warnOfRepetition(ctx)
	if err := g.listen(ctx, func(*signoffv1.Approval) bool { return true }); err != nil {
		return Handle{}, g.ended(ctx, err)
	}
	return Handle{
		ApprovalID: g.approval.GetId(), RequestID: g.requestID, ToolName: g.call.ToolName, Digest: g.digest,
	}, nil
}

// resumedGate is the gate of a call that was asked before. Of the call, only its options for waiting and its type of
// arguments count.
func resumedGate(client *Client, handle Handle, call Call) (*gate, error) {
	if client == nil {
		return nil, misused("", "the client is nil")
	}
	if err := handle.check(); err != nil {
		return nil, err
	}
	if call.ToolName != "" && call.ToolName != handle.ToolName {
		return nil, misused("Handle", "is for the tool %s, not for %s",
			handle.ToolName, call.ToolName)
	}
	call.ToolName = handle.ToolName
	if err := call.checkOptions(); err != nil {
		return nil, err
	}
	g := &gate{
		client: client, call: call, patience: call.patience(), handle: &handle, requestID: handle.RequestID,
		digest: handle.Digest, takes: call.ArgumentsType,
	}
	if g.takes != nil {
		if problem := declared(g.takes); problem != "" {
			return nil, misused("ArgumentsType", "cannot be used: %s", problem)
		}
	}
	return g, nil
}
