package signoff

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

const (
	// The server's default maximum for a message.
	maxRequestBytes = 1 << 20
	// The maximum time for cleaning up after the caller has stopped waiting.
	grace = 5 * time.Second
)

// gate is one gated call.
type gate struct {
	client   *Client
	call     Call
	patience time.Duration
	// Nil for a call that is resumed: then there is a handle.
	request   *signoffv1.RequestApprovalRequest
	handle    *Handle
	requestID string
	// The arguments as asked: a copy that no other code can change. Nil if only the server has them.
	asked map[string]any
	// Of the arguments as asked.
	digest string
	// The type in which the function takes the arguments; nil if unknown.
	takes reflect.Type
	// The newest version seen; nil before the server's first answer.
	approval *signoffv1.Approval
	// The arguments to run with, and the same in the function's type; nil before the call is approved.
	arguments map[string]any
	rebuilt   reflect.Value
	// Whether a failure was logged: only the first is.
	warned bool
	// The last failure that was retried.
	failure error
}

// newGate checks a call, and makes its request.
func newGate(client *Client, call Call) (*gate, error) {
	if client == nil {
		return nil, misused("", "the client is nil")
	}
	if err := call.checkCompleted(); err != nil {
		return nil, err
	}
	g := &gate{client: client, call: call, patience: call.patience()}
	var p *problem
	if g.asked, p = encodeArguments(call.Arguments); p != nil {
		return nil, g.invalidArguments(p)
	}
	if err := g.findType(); err != nil {
		return nil, err
	}
	if err := g.makeRequest(); err != nil {
		return nil, g.requestFailed(status.Error(codes.InvalidArgument, err.Error()))
	}
	return g, nil
}

// findType sets the type in which the function takes the arguments, and checks that it can take those of the call.
func (g *gate) findType() error {
	if g.takes = g.call.ArgumentsType; g.takes != nil {
		if problem := declared(g.takes); problem != "" {
			return misused("ArgumentsType", "cannot be used: %s", problem)
		}
		if _, p := rebuild(g.asked, g.takes); p != nil {
			return g.invalidArguments(p)
		}
		return nil
	}
	given := reflect.TypeOf(g.call.Arguments)
	if given == nil || reflect.Indirect(reflect.ValueOf(g.call.Arguments)).Kind() != reflect.Struct {
		return nil
	}
	// The function may take another type: the struct counts only if it reads its own JSON back.
	if _, p := rebuild(g.asked, given); p == nil {
		g.takes = given
	}
	return nil
}

func (g *gate) makeRequest() error {
	fields, err := structpb.NewStruct(g.asked)
	if err != nil {
		return err
	}
	request := &signoffv1.RequestApprovalRequest{
		ToolName: g.call.ToolName, Arguments: fields, Reason: g.call.Reason, Labels: maps.Clone(g.call.Labels),
	}
	if g.call.AgentName != "" || g.call.RunID != "" || len(g.call.Chain) > 0 {
		request.Agent = &signoffv1.Agent{
			Name: g.call.AgentName, RunId: g.call.RunID, Chain: slices.Clone(g.call.Chain),
		}
	}
	if g.call.Timeout != 0 {
		request.Timeout = durationpb.New(g.call.Timeout)
	}
	if person := g.call.OnBehalfOf; person != nil {
		request.OnBehalfOf = &signoffv1.Person{Issuer: person.Issuer, Subject: person.Subject}
	}
	if request.ArgumentsSchema, err = g.schema(); err != nil {
		return err
	}
	if request.RequestId, err = requestID(g.call); err != nil {
		return err
	}
	encoded, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	if len(encoded) > maxRequestBytes {
		return fmt.Errorf("the request has %d bytes; the maximum is %d", len(encoded), maxRequestBytes)
	}
	g.request, g.requestID = request, request.GetRequestId()
	// Of the encoded arguments, not of the caller's value: encoding fills in defaults (omitted fields, nil slices), and
	// reviewers see its result. A digest of the caller's value would let the function get what no reviewer has seen.
	g.digest, err = digest(g.call.ToolName, g.asked)
	return err
}

// schema is the schema for edits: the call's own, or the one derived from the function's type; nil for none.
func (g *gate) schema() (*structpb.Struct, error) {
	if g.call.ArgumentsSchema != nil {
		schema, p := encodeArguments(g.call.ArgumentsSchema)
		if p != nil {
			return nil, errors.New(p.text) // Was checked before.
		}
		return structpb.NewStruct(schema)
	}
	if g.call.SkipSchema || g.takes == nil {
		return nil, nil
	}
	derived := schemaOf(g.takes)
	if derived.problem != "" {
		g.warnOfSchema(derived.problem)
	}
	return derived.schema, nil
}

// warnOfSchema warns once per tool and type that an edit that does not fit is rejected late.
func (g *gate) warnOfSchema(problem string) {
	function := [2]any{g.call.ToolName, g.takes}
	if _, told := g.client.schemaless.LoadOrStore(function, true); told {
		return
	}
	g.client.logger.Warn(fmt.Sprintf("No schema is sent with calls to %s%s. An edit that does not fit "+
		"is rejected only after the approval. Set ArgumentsSchema or SkipSchema.", g.call.ToolName, because(problem)),
		"tool_name", g.call.ToolName)
}

func requestID(call Call) (string, error) {
	switch {
	case call.RequestID != "":
		return call.RequestID, nil
	case call.CallID != "":
		return stableRequestID(call.RunID, call.CallID)
	default:
		return randomRequestID(), nil
	}
}

// run is what the function gets.
func (g *gate) run() *Run {
	arguments, _ := native(g.arguments).(map[string]any)
	return &Run{ApprovalID: g.approvalID(), Arguments: arguments, Edited: g.edited(), gate: g}
}

// edited tells whether a reviewer changed the arguments.
func (g *gate) edited() bool { return g.approval.GetDigest() != g.digest }

// isApproved tells whether the call was approved by the server's last answer.
func (g *gate) isApproved() bool { return statuses[g.approval.GetStatus()].approved }

func (g *gate) refused() Refused {
	return Refused{ToolName: g.call.ToolName, ApprovalID: g.approvalID()}
}

// approvalID is empty until the server's first answer.
func (g *gate) approvalID() string {
	if g.handle != nil {
		return g.handle.ApprovalID
	}
	return g.approval.GetId()
}

func (g *gate) invalidArguments(p *problem) error {
	return &InvalidArgumentsError{Refused: g.refused(), Path: p.path, Problem: p.text}
}

// untakeable is the refusal for approved arguments that the function cannot take.
func (g *gate) untakeable(p *problem) error {
	if g.edited() {
		return &InvalidEditError{Refused: g.refused(), Path: p.path, Problem: p.text}
	}
	return g.invalidArguments(p)
}

func (g *gate) requestFailed(err error) error {
	failure := status.Convert(err)
	return &RequestFailedError{
		Refused: g.refused(),
		Address: g.client.address.String(),
		Code:    failure.Code(),
		Reason:  cmp.Or(serverReason(failure), codeName(failure.Code())),
		Message: failure.Message(),
		Cause:   err,
	}
}
