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
	// Arguments are the call's, as encoding/json encodes them: a JSON object, so a struct, a map with string keys, or
	// nil for none. At most 48 KiB, and 32 objects and lists deep. They are copied before anybody is asked: changes
	// afterwards reach neither the reviewer nor the function.
	//
	// Refused with an [InvalidArgumentsError] are integers beyond ±(2^53 − 1), NaN, infinities, strings that are not
	// valid UTF-8, []byte, and fields that encoding/json leaves out although they hold something: those with
	// json:"-", unexported ones, and those of the same name as others. Types that encode themselves, such as
	// [time.Time], are what they make of themselves; a [time.Duration] is a number of nanoseconds.
	Arguments any
	// ArgumentsType is the type that the function takes the arguments as, such as reflect.TypeFor[Email](): arguments
	// and edits that do not fit it are refused before the claim. If it is nil, and Arguments is a struct, edits must
	// fit the struct. [RequiresApproval] sets it.
	ArgumentsType reflect.Type
	// AgentName names the agent that makes the call, in at most 128 characters.
	AgentName string
	// RunID names the run (conversation, job) that the call belongs to, in at most 128 characters.
	RunID string
	// Chain names the agents that handed the task on, the first one first; at most 16.
	Chain []string
	// Reason says why, to reviewers; at most 4 KiB.
	Reason string
	// Labels are for rules of the policy, and to find the approval again; at most 32.
	Labels map[string]string
	// Timeout is how long to wait for a decision, 1 s to 7 days; if it is 0, the server's default (5 min unless set
	// there). The policy may shorten it.
	Timeout time.Duration
	// ArgumentsSchema is a JSON Schema that the arguments and any edit of them must satisfy, as encoding/json encodes
	// it. At most 16 KiB, with local references only. If it is nil, the one that ArgumentsType says is sent, or else
	// that of Arguments if they are a struct; docs/values.md of the project tells how it is made.
	ArgumentsSchema any
	// SkipSchema sends no schema that is made of a type.
	SkipSchema bool
	// OnBehalfOf is the person on whose behalf the agent asks, who then cannot decide. For callers with the
	// permission for it.
	OnBehalfOf *Person
	// RequestID makes runs of the same call one approval: a second run finds what the first asked for. At most 128
	// characters, unique per caller. If it is empty it is made from RunID and CallID, and without CallID at random.
	RequestID string
	// CallID names the call within its run, as agent frameworks and models do; needs RunID.
	CallID string
	// Patience is how long a server that cannot be reached is tried, before it has answered for the first time, when
	// the call is claimed, and when its outcome is reported; 30 s if it is 0. Once the server has answered, waiting
	// lasts until the approval's own deadline.
	Patience time.Duration
	// OnProgress is told how things stand while the call waits, by default every 15 s. The wait goes on when it
	// returns; a panic of it is dropped.
	OnProgress func(Progress)
	// CancelOnAbandon withdraws the approval when the context ends while the call waits; that takes at most 5 s.
	// Otherwise the approval stays open, for another run with the same RequestID.
	CancelOnAbandon bool
	// RequiredOptions names fields of the call, such as Labels and RunID, without which it is refused with a
	// [UsageError] before anybody is asked. A call that lost its labels on the way here is then not judged by a policy
	// that asks for them.
	RequiredOptions []string
}

// patience is how long to try.
func (c Call) patience() time.Duration { return cmp.Or(c.Patience, defaultPatience) }

// clone is a copy that can be changed while others use the call. What is to be encoded is shared.
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

// Person is a human being, as an authority knows them.
type Person struct {
	// Issuer is the authority; empty for the issuer of the server's own tokens.
	Issuer string
	// Subject is the person's name there. Required.
	Subject string
}

// Progress says how things stand with a call that waits for a decision.
type Progress struct {
	// ApprovalID names the approval.
	ApprovalID string
	// Message is one sentence to show to a user.
	Message string
	// Remaining is the time left until the approval's deadline.
	Remaining time.Duration
	// Approvals is the number of approving votes so far.
	Approvals int
	// Quorum is the number of approving votes needed: the greatest of the rules that ask, each of which must reach
	// its own.
	Quorum int
	// Reviewers are those who were asked, as group:NAME or user:ISSUER/SUBJECT; empty means any reviewer.
	Reviewers []string
}
