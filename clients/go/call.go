package signoff

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"time"
)

const defaultPatience = 30 * time.Second

// Call is a call of a tool that needs approval. Only ToolName is required.
type Call struct {
	// ToolName names the tool, in at most 128 of A-Z a-z 0-9 _ . : / -.
	ToolName string
	// Arguments are the call's arguments, encoded by encoding/json as a JSON object: a struct, a map with string keys, or
	// nil for none. At most 48 KiB, and 32 objects and lists deep. They are copied before anybody is asked: later changes
	// reach neither the reviewer nor the function.
	//
	// These are an [InvalidArgumentsError]: integers beyond ±(2^53 − 1), NaN, infinities, strings that are not valid
	// UTF-8, []byte, and set fields that encoding/json omits (json:"-", unexported, duplicate names). Types that encode
	// themselves, such as [time.Time], have their own form; a [time.Duration] is a number of nanoseconds.
	Arguments any
	// ArgumentsType is the type in which the function takes the arguments, such as reflect.TypeFor[Email](): arguments and
	// edits that do not fit it are rejected before the claim. If it is nil, and Arguments is a struct, edits must fit the
	// struct. [RequiresApproval] sets it.
	ArgumentsType reflect.Type
	// AgentName names the agent that makes the call, in at most 128 characters.
	AgentName string
	// RunID names the run (conversation, job) that the call belongs to, in at most 128 characters.
	RunID string
	// Chain names the agents that handed the task on, in order; at most 16.
	Chain []string
	// Reason tells reviewers why; at most 4 KiB.
	Reason string
	// Labels are for rules of the policy, and to find the approval again; at most 32.
	Labels map[string]string
	// Timeout is how long to wait for a decision, 1 s to 7 days; if it is 0, the server's default (5 min unless set
	// there). The policy may shorten it.
	Timeout time.Duration
	// ArgumentsSchema is a JSON Schema that the arguments and any edit of them must satisfy, as encoding/json encodes it.
	// At most 16 KiB, with local references only. If it is nil, the schema of ArgumentsType is sent, or else that of
	// Arguments if they are a struct; docs/values.md of the project defines it.
	ArgumentsSchema any
	// SkipSchema sends no schema derived from a type.
	SkipSchema bool
	// OnBehalfOf is the person on whose behalf the agent asks, who then cannot decide. The caller needs the permission for
	// it.
	OnBehalfOf *Person
	// RequestID names the request: a second run with the same id finds the first run's approval. At most 128 characters,
	// unique per caller. If it is empty, it is derived from RunID and CallID, or random without a CallID.
	RequestID string
	// CallID names the call within its run, as agent frameworks and models do; needs RunID.
	CallID string
	// Patience is the time of retries while the server is unreachable: before its first answer, for the claim, and for the
	// report; 30 s if it is 0. After the first answer, the wait lasts until the approval's own deadline.
	Patience time.Duration
	// OnProgress gets the progress of the wait, by default every 15 s. The wait continues when it returns; a panic in it
	// is ignored.
	OnProgress func(Progress)
	// CancelOnAbandon withdraws the approval when the context ends during the wait; this takes at most 5 s. Otherwise the
	// approval stays open, for another run with the same RequestID.
	CancelOnAbandon bool
	// RequiredOptions names required fields of the call, such as Labels and RunID: a call without them is a [UsageError],
	// before anybody is asked. So no policy judges a call that lost its labels.
	RequiredOptions []string
}

// patience is the time of retries.
func (c Call) patience() time.Duration { return cmp.Or(c.Patience, defaultPatience) }

// clone is a copy that can be changed while others use the call. The values to encode are shared.
func (c Call) clone() Call {
	labels := map[string]string{} // Never nil, so that those who complete the call can add to them.
	maps.Copy(labels, c.Labels)
	c.Labels, c.Chain = labels, slices.Clone(c.Chain)
	if c.OnBehalfOf != nil {
		person := *c.OnBehalfOf
		c.OnBehalfOf = &person
	}
	return c
}

// Person is a human being, as known to an authority.
type Person struct {
	// Issuer is the authority; empty for the issuer of the server's own tokens.
	Issuer string
	// Subject is the person's name there. Required.
	Subject string
}

// Progress is the state of a call that waits for a decision.
type Progress struct {
	// ApprovalID names the approval.
	ApprovalID string
	// Message is one sentence to show to a user.
	Message string
	// Remaining is the time left until the approval's deadline.
	Remaining time.Duration
	// Approvals is the number of approving votes so far.
	Approvals int
	// Quorum is the number of approving votes needed: the maximum of the rules that ask; each rule must reach its own.
	Quorum int
	// Reviewers were asked, as group:NAME or user:ISSUER/SUBJECT; empty means any reviewer.
	Reviewers []string
}
