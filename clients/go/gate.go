package signoff

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
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
	// The server reads no greater messages, unless it is told to.
	maxRequestBytes = 1 << 20
	// What is left to do when the caller has given up takes at most so long.
	grace = 5 * time.Second
)

// gate is one gated call.
type gate struct {
	client   *Client
	call     Call
	patience time.Duration
	request  *signoffv1.RequestApprovalRequest
	// Of the arguments as they were asked for.
	digest string
	// The newest that was seen; nil before the server's first answer.
	approval *signoffv1.Approval
	// To run with; nil before the approval is claimed.
	arguments map[string]any
}

// newGate checks a call, and makes the request of it.
func newGate(client *Client, call Call) (*gate, error) {
	if call.CallID != "" && call.RunID == "" {
		return nil, errors.New("signoff: a CallID needs a RunID: without one it looks stable, and is not")
	}
	if call.Patience < 0 {
		return nil, fmt.Errorf("signoff: the patience is negative: %v", call.Patience)
	}
	g := &gate{client: client, call: call, patience: cmp.Or(call.Patience, defaultPatience)}
	arguments, p := encodeArguments(call.Arguments)
	if p != nil {
		return nil, g.invalidArguments(p)
	}
	if err := g.makeRequest(arguments); err != nil {
		return nil, g.requestFailed(status.Error(codes.InvalidArgument, err.Error()))
	}
	return g, nil
}

func (g *gate) makeRequest(arguments map[string]any) error {
	fields, err := structpb.NewStruct(arguments)
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
	if g.call.ArgumentsSchema != nil {
		schema, p := encodeArguments(g.call.ArgumentsSchema)
		if p != nil {
			place := "arguments_schema"
			if p.path != "" {
				place = join(place, p.path)
			}
			return fmt.Errorf("%s %s", place, p.text)
		}
		if request.ArgumentsSchema, err = structpb.NewStruct(schema); err != nil {
			return err
		}
	}
	if request.RequestId, err = requestID(g.call); err != nil {
		return err
	}
	encoded, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	if len(encoded) > maxRequestBytes {
		return fmt.Errorf("the request has %d bytes, and can have %d", len(encoded), maxRequestBytes)
	}
	g.request = request
	g.digest, err = digest(g.call.ToolName, arguments)
	return err
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
	return &Run{ApprovalID: g.approval.GetId(), Arguments: arguments, Edited: g.edited(), gate: g}
}

// edited tells whether a reviewer changed the arguments.
func (g *gate) edited() bool { return g.approval.GetDigest() != g.digest }

func (g *gate) refused() Refused {
	return Refused{ToolName: g.call.ToolName, ApprovalID: g.approval.GetId()}
}

func (g *gate) invalidArguments(p *problem) error {
	return &InvalidArgumentsError{Refused: g.refused(), Path: p.path, Problem: p.text}
}

func (g *gate) requestFailed(err error) error {
	failure := status.Convert(err)
	return &RequestFailedError{
		Refused: g.refused(),
		Code:    failure.Code(),
		Reason:  cmp.Or(serverReason(failure), codeName(failure.Code())),
		Message: failure.Message(),
		Cause:   err,
	}
}
