package signoff_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// lies is what a server may say that no honest one says.
type lies struct {
	Call struct {
		ToolName  string `json:"tool_name"`
		Arguments json.RawMessage
		RequestID string `json:"request_id"`
	}
	Honest map[string]any
	Lies   []lie
	// Honest answers too.
	Accepted []lie
}

type lie struct {
	Name string
	// Whether the stream breaks after its first message, and the second one answers the next request.
	Reconnect       bool
	Changes         map[string]any
	Refusal         *struct{ Kind, Problem string }
	Asks            *int
	Claims, Reports int
}

// merged is RFC 7396.
func merged(target, patch any) any {
	members, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	result := map[string]any{}
	if object, ok := target.(map[string]any); ok {
		maps.Copy(result, object)
	}
	for name, value := range members {
		if value == nil {
			delete(result, name)
		} else {
			result[name] = merged(result[name], value)
		}
	}
	return result
}

// parsed stores a message that is given as JSON; nothing for null.
func parsed[M proto.Message](t *testing.T, answer any, into M) M {
	t.Helper()
	if answer == nil {
		return into
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return into
}

// teller is a server that answers honestly, but for the changes of the lie.
func (l lies) teller(t *testing.T, told lie) *fake {
	t.Helper()
	answers := maps.Clone(l.Honest)
	for name, patch := range told.Changes {
		if _, there := answers[name]; !there {
			t.Fatalf("there is no answer %s", name)
		}
		answers[name] = merged(answers[name], patch)
	}
	var stream []*signoffv1.RequestApprovalResponse
	for _, name := range []string{"first", "second"} {
		if answers[name] != nil {
			stream = append(stream, parsed(t, answers[name], &signoffv1.RequestApprovalResponse{}))
		}
	}
	claim := parsed(t, answers["claim"], &signoffv1.ClaimExecutionResponse{})
	f := &fake{reported: parsed(t, answers["report"], &signoffv1.ReportExecutionResponse{})}
	if told.Reconnect {
		f.ask = append(f.ask, tells(status.Error(codes.Unavailable, "the stream breaks"), stream[0]))
		stream = stream[1:]
	}
	f.ask = append(f.ask, tells(nil, stream...))
	for _, answer := range f.ask {
		f.watch = append(f.watch, watched(answer))
	}
	f.claim = claims{
		func(context.Context, *signoffv1.ClaimExecutionRequest) (*signoffv1.ClaimExecutionResponse, error) {
			return claim, nil
		},
	}
	return f
}

// tells answers a request with these messages, and then with an error or the end of the stream.
func tells(
	err error, messages ...*signoffv1.RequestApprovalResponse,
) func(*signoffv1.RequestApprovalRequest, asking) error {
	return func(_ *signoffv1.RequestApprovalRequest, stream asking) error {
		for _, message := range messages {
			if err := stream.Send(message); err != nil {
				return err
			}
		}
		return err
	}
}

// watched answers those who watch as a request is answered.
func watched(
	answer func(*signoffv1.RequestApprovalRequest, asking) error,
) func(*signoffv1.WatchApprovalRequest, watching) error {
	return func(_ *signoffv1.WatchApprovalRequest, stream watching) error {
		return answer(nil, watchedStream{stream})
	}
}

type watchedStream struct{ watching }

func (s watchedStream) Send(message *signoffv1.RequestApprovalResponse) error {
	answer := &signoffv1.WatchApprovalResponse{}
	if update := message.GetUpdate(); update != nil {
		answer.Message = &signoffv1.WatchApprovalResponse_Update{Update: update}
	}
	return s.watching.Send(answer)
}

// handle is that of the honest approval.
func (l lies) handle(t *testing.T) signoff.Handle {
	t.Helper()
	approval := parsed(t, l.Honest["first"], &signoffv1.RequestApprovalResponse{}).GetUpdate().GetApproval()
	return signoff.Handle{
		ApprovalID: approval.GetId(), RequestID: l.Call.RequestID, ToolName: l.Call.ToolName, Digest: approval.GetDigest(),
	}
}

func (l lies) call() signoff.Call {
	return signoff.Call{
		ToolName: l.Call.ToolName, Arguments: l.Call.Arguments, RequestID: l.Call.RequestID, Patience: 5 * time.Second,
	}
}

// results are those that were reported.
func (f *fake) results() []signoffv1.ExecutionResult {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	var results []signoffv1.ExecutionResult
	for _, report := range f.reports {
		results = append(results, report.GetResult())
	}
	return results
}

func TestScenario17Lies(t *testing.T) {
	t.Parallel()
	list := vectors[lies](t, "lies.json")
	if len(list.Lies) < 80 || len(list.Accepted) < 5 {
		t.Fatalf("only %d lies and %d that are none", len(list.Lies), len(list.Accepted))
	}
	one := 1
	list.Accepted = append(list.Accepted, lie{Name: "the truth", Asks: &one, Claims: 1, Reports: 1})
	honest := len(list.Lies)
	for i, lie := range append(list.Lies, list.Accepted...) {
		t.Run(lie.Name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			f, runs := list.teller(t, lie), 0
			client := f.client(t, func(o *signoff.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			done, err := signoff.Do(t.Context(), client, list.call(), func(context.Context, *signoff.Run) (string, error) {
				runs++
				return "done", nil
			})
			if lie.Refusal == nil {
				if done != "done" || err != nil || runs != 1 {
					t.Errorf("%q, %v, ran %d times", done, err, runs)
				}
				if unreported := strings.Contains(log.String(), "another claim or outcome"); unreported != (i < honest) {
					t.Errorf("logged %q", log.String())
				}
			} else {
				kind, problem := kindOf(t, err)
				if kind != lie.Refusal.Kind || problem != lie.Refusal.Problem || runs != 0 {
					t.Errorf("%v, ran %d times", err, runs)
				}
			}
			lie.expectCalls(t, f)
		})
	}
}

// What is resumed believes no more; and what it does not know itself must be shown.
func TestScenario26LiesAboutResumedCalls(t *testing.T) {
	t.Parallel()
	list := vectors[lies](t, "lies.json")
	one := 1
	unseen := struct{ Kind, Problem string }{"InvalidAnswer", "the approval does not show the request"}
	list.Lies = append(list.Lies,
		lie{Name: "the truth", Asks: &one, Claims: 1, Reports: 1},
		lie{
			Name: "a request that is not shown", Asks: &one, Refusal: &unseen,
			Changes: map[string]any{"first": map[string]any{"update": map[string]any{"events": []any{}}}},
		})
	for _, lie := range list.Lies {
		t.Run(lie.Name, func(t *testing.T) {
			t.Parallel()
			f, runs := list.teller(t, lie), 0
			client := f.client(t, func(o *signoff.Options) { o.Logger = slog.New(slog.DiscardHandler) })
			options := signoff.ResumeOptions{Patience: 5 * time.Second}
			_, err := signoff.Resume(t.Context(), client, list.handle(t), options,
				func(context.Context, *signoff.Run) (string, error) {
					runs++
					return "done", nil
				})
			if lie.Refusal == nil {
				if err != nil || runs != 1 {
					t.Errorf("%v, ran %d times", err, runs)
				}
				lie.expectCalls(t, f)
				return
			}
			kind, problem := kindOf(t, err)
			if problem == unseen.Problem { // Some lies leave the events out.
				lie.Asks, lie.Claims, lie.Reports = &one, 0, 0
			} else if kind != lie.Refusal.Kind || problem != lie.Refusal.Problem {
				t.Errorf("%v", err)
			}
			if lie.expectCalls(t, f); runs != 0 {
				t.Errorf("ran %d times", runs)
			}
		})
	}
}

func (l lie) expectCalls(t *testing.T, f *fake) {
	t.Helper()
	asks := len(f.asked) + len(f.watched)
	if l.Asks == nil && asks < 2 || l.Asks != nil && asks != *l.Asks {
		t.Errorf("asked %d times", asks)
	}
	if len(f.claimed) != l.Claims {
		t.Errorf("claimed %d times", len(f.claimed))
	}
	is := signoffv1.ExecutionResult_EXECUTION_RESULT_SUCCEEDED
	if l.Refusal != nil {
		is = signoffv1.ExecutionResult_EXECUTION_RESULT_FAILED
	}
	results := f.results()
	for _, result := range results {
		if result != is {
			t.Errorf("reported %v", results)
		}
	}
	if len(results) != l.Reports {
		t.Errorf("reported %v", results)
	}
}

// kindOf is the kind of a refusal, as the list names it, and the problem of an answer.
func kindOf(t *testing.T, err error) (kind, problem string) {
	t.Helper()
	var refusal signoff.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("no refusal: %v", err)
	}
	kind = strings.TrimSuffix(reflect.TypeOf(refusal).Elem().Name(), "Error")
	if invalid := (*signoff.InvalidAnswerError)(nil); errors.As(err, &invalid) {
		problem = invalid.Problem
	}
	return kind, problem
}
