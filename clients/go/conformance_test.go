package signoff_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// vectors reads what all clients must do.
func vectors[T any](t *testing.T, name string) T {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "tests", "conformance", name))
	if err != nil {
		t.Fatal(err)
	}
	var read T
	if err := json.Unmarshal(content, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestDigests(t *testing.T) {
	t.Parallel()
	read := vectors[struct {
		Digests []struct {
			Name      string
			ToolName  string `json:"tool_name"`
			Arguments json.RawMessage
			Canonical string
			Digest    string
		}
		RequestIDs []struct {
			RunID     string `json:"run_id"`
			CallID    string `json:"call_id"`
			RequestID string `json:"request_id"`
		} `json:"request_ids"`
	}](t, "digests.json")
	if len(read.Digests) == 0 || len(read.RequestIDs) == 0 {
		t.Fatal("nothing to check")
	}
	for _, vector := range read.Digests {
		// What is sent is what the digest is made of.
		f, tool := &fake{}, &tool{}
		call := signoff.Call{ToolName: vector.ToolName, Arguments: vector.Arguments}
		_, _ = signoff.Do(t.Context(), f.client(t), call, tool.send)
		if len(f.claimed) != 1 || f.claimed[0].GetDigest() != vector.Digest {
			t.Errorf("%s: claimed %v", vector.Name, f.claimed)
			continue
		}
		whole := map[string]any{"arguments": f.asked[0].GetArguments().AsMap(), "tool_name": vector.ToolName}
		if text, err := signoff.Canonical(whole); err != nil || string(text) != vector.Canonical {
			t.Errorf("%s: %s, %v", vector.Name, text, err)
		}
	}
	for _, vector := range read.RequestIDs {
		if id, err := signoff.StableRequestID(vector.RunID, vector.CallID); err != nil || id != vector.RequestID {
			t.Errorf("%v: %s, %v", vector, id, err)
		}
	}
}

func TestArgumentsOfTheVectors(t *testing.T) {
	t.Parallel()
	type vector struct{ Name, Arguments, Path string }
	read := vectors[struct{ Refused, Taken []vector }](t, "arguments.json")
	if len(read.Refused) == 0 || len(read.Taken) == 0 {
		t.Fatal("nothing to check")
	}
	for _, vector := range read.Refused {
		f, tool := &fake{}, &tool{}
		call := sending()
		call.Arguments = json.RawMessage(vector.Arguments)
		_, err := signoff.Do(t.Context(), f.client(t), call, tool.send)
		if invalid := refusal[*signoff.InvalidArgumentsError](t, err); invalid.Path != vector.Path ||
			len(f.asked) != 0 {
			t.Errorf("%s: %v", vector.Name, err)
		}
		tool.never(t)
	}
	for _, vector := range read.Taken {
		f, tool := &fake{}, &tool{}
		call := sending()
		call.Arguments = json.RawMessage(vector.Arguments)
		_, err := signoff.Do(t.Context(), f.client(t), call, tool.send)
		if tool.runs.Load() != 1 {
			t.Errorf("%s: %v", vector.Name, err)
		}
	}
}

func TestWhichFailuresPass(t *testing.T) {
	t.Parallel()
	read := vectors[struct {
		Failures []struct {
			Code              codes.Code
			ErrorInfo         *struct{ Reason, Domain string } `json:"error_info"`
			RetryAfterSeconds int                              `json:"retry_after_seconds"`
			Passing           bool
		}
	}](t, "failures.json")
	if len(read.Failures) < 20 {
		t.Fatal("nothing to check")
	}
	for _, vector := range read.Failures {
		var details []protoadapt.MessageV1
		if info := vector.ErrorInfo; info != nil {
			details = append(details, &errdetails.ErrorInfo{Reason: info.Reason, Domain: info.Domain})
		}
		if vector.RetryAfterSeconds > 0 {
			details = append(details, retryIn(time.Duration(vector.RetryAfterSeconds)*time.Second))
		}
		made, err := status.New(vector.Code, "").WithDetails(details...)
		if err != nil {
			t.Fatal(err)
		}
		if signoff.IsPassing(made.Err()) != vector.Passing {
			t.Errorf("%+v", vector)
		}
	}
}

func TestScenario14Statuses(t *testing.T) {
	t.Parallel()
	read := vectors[struct {
		Statuses []struct {
			Number             int32
			Name               string
			Terminal, Approved bool
		}
		Unknown []int32
	}](t, "statuses.json")
	if len(read.Statuses) == 0 || len(read.Unknown) == 0 {
		t.Fatal("nothing to check")
	}
	for _, vector := range read.Statuses {
		is := signoffv1.ApprovalStatus(vector.Number)
		if is.String() != "APPROVAL_STATUS_"+vector.Name {
			t.Errorf("%d is %v", vector.Number, is)
		}
		// After a terminal status nothing is waited for: the stream stays open.
		f, tool := &fake{}, &tool{}
		f.ask = answers{
			func(request *signoffv1.RequestApprovalRequest, stream asking) error {
				if err := f.send(stream, f.approvalOf(request, is)); err != nil || !vector.Terminal {
					return err
				}
				return silent(request, stream)
			},
			f.sends(failure(codes.NotFound, "APPROVAL_NOT_FOUND")),
		}
		_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
		if (tool.runs.Load() == 1) != vector.Approved || (err == nil) != vector.Approved {
			t.Errorf("%s: ran %d times, %v", vector.Name, tool.runs.Load(), err)
		}
		if (len(f.asked) == 1) != vector.Terminal {
			t.Errorf("%s: asked %d times", vector.Name, len(f.asked))
		}
	}
	for _, number := range read.Unknown {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			t.Parallel()
			unknown := signoffv1.ApprovalStatus(number)
			f, tool := &fake{}, &tool{}
			// A stream that breaks after it is no end, and neither is one in which more follows.
			f.ask = answers{
				f.sends(failure(codes.Unavailable, "DRAINING", retryIn(time.Millisecond)), unknown),
				f.sends(nil, pending, unknown),
			}
			_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
			if refused := refusal[*signoff.UnknownStatusError](t, err); refused.Status != number || len(f.asked) != 2 {
				t.Errorf("%#v, asked %d times", refused, len(f.asked))
			}
			tool.never(t)
			f = &fake{}
			f.ask = answers{f.sends(nil, unknown, timedOut)}
			_, err = signoff.Do(t.Context(), f.client(t), sending(), tool.send)
			if !errors.As(err, new(*signoff.TimedOutError)) {
				t.Errorf("got %v", err)
			}
		})
	}
}
