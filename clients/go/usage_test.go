package signoff_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// misuse is the error as one of use, which is no refusal.
func misuse(t *testing.T, err error) *signoff.UsageError {
	t.Helper()
	var misuse *signoff.UsageError
	if !errors.As(err, &misuse) || errors.Is(err, signoff.ErrRefused) {
		t.Fatalf("got %T: %v", err, err)
	}
	return misuse
}

func TestOptionsThatMakeNoSenseAreNamed(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	client := f.client(t)
	plain := func(context.Context, email) (string, error) { return tool.send(t.Context(), nil) }
	for _, c := range []struct {
		option string
		change func(*signoff.Call)
	}{
		{"ToolName", func(call *signoff.Call) { call.ToolName = "" }},
		{"Timeout", func(call *signoff.Call) { call.Timeout = -time.Second }},
		{"Patience", func(call *signoff.Call) { call.Patience = -1 }},
		{"Labels", func(call *signoff.Call) { call.Labels = map[string]string{"a": "\xff"} }},
		{"Labels", func(call *signoff.Call) { call.Labels = map[string]string{"\xff": "a"} }},
		{"OnBehalfOf", func(call *signoff.Call) { call.OnBehalfOf = &signoff.Person{Issuer: "x"} }},
		{"RequiredOptions", func(call *signoff.Call) { call.RequiredOptions = []string{"labels"} }},
		{"ArgumentsSchema", func(call *signoff.Call) { call.ArgumentsSchema = []int{1} }},
		{"ArgumentsSchema", func(call *signoff.Call) { call.ArgumentsSchema = map[string]any{"a": 1 << 60} }},
		{"ArgumentsType", func(call *signoff.Call) { call.ArgumentsType = reflect.TypeFor[chan int]() }},
	} {
		call := sending()
		c.change(&call)
		_, err := signoff.Do(t.Context(), client, call, tool.send)
		if got := misuse(t, err); got.Option != c.option || !strings.Contains(err.Error(), c.option) {
			t.Errorf("%s: %v", c.option, err)
		}
		call.Arguments = nil
		_, err = signoff.RequiresApproval(client, call, plain)
		if got := misuse(t, err); got.Option != c.option {
			t.Errorf("%s: %v", c.option, err)
		}
	}
	_, err := signoff.RequiresApproval(client, sending(), plain) // With arguments.
	if misuse(t, err).Option != "Arguments" {
		t.Error(err)
	}
	call := sending()
	call.CallID = "call-1"
	_, err = signoff.Do(t.Context(), client, call, tool.send)
	if misuse(t, err).Option != "CallID" {
		t.Error(err)
	}
	tool.never(t)
	if len(f.asked) != 0 {
		t.Errorf("asked %v", f.asked)
	}
}

func TestNothingIsNil(t *testing.T) {
	t.Parallel()
	f, call := &fake{}, signoff.Call{ToolName: "send_email"}
	client := f.client(t)
	var none func(context.Context, email) (string, error)
	some := func(context.Context, email) (string, error) { return "", nil }
	_, err := signoff.RequiresApproval(client, call, none)
	misuse(t, err)
	_, err = signoff.RequiresApproval(nil, call, some)
	misuse(t, err)
	_, err = signoff.RequiresApproval(client, call, some, nil)
	misuse(t, err)
	_, err = signoff.Do[string](t.Context(), client, sending(), nil)
	misuse(t, err)
	_, err = signoff.Do(t.Context(), nil, sending(), new(tool).send)
	misuse(t, err)
	if len(f.asked) != 0 {
		t.Errorf("asked %v", f.asked)
	}
}

type oneWay struct{ A int }

func (oneWay) MarshalJSON() ([]byte, error) { return []byte(`"x"`), nil }

type hides struct {
	To     string `json:"to"`
	sender string
}

type skips struct {
	To string   `json:"to"`
	DB *os.File `json:"-"`
}

type shadowed struct {
	email
	To string `json:"to"`
}

// Whatever could not be shown as a whole, or not be rebuilt, is refused when the function is wrapped.
func TestArgumentsThatCanNeverBeApproved(t *testing.T) {
	t.Parallel()
	client, call := (&fake{}).client(t), signoff.Call{ToolName: "send_email"}
	expectMisuse := func(err error, names string) {
		t.Helper()
		if !strings.Contains(misuse(t, err).Problem, names) {
			t.Errorf("%s: %v", names, err)
		}
	}
	expectMisuse(wrapping[int](client, call), "int is not a JSON object")
	expectMisuse(wrapping[[]string](client, call), "[]string is not a JSON object")
	expectMisuse(wrapping[context.Context](client, call), "is not a JSON object")
	expectMisuse(wrapping[hides](client, call), "sender of signoff_test.hides is left out")
	expectMisuse(wrapping[*skips](client, call), "DB of *signoff_test.skips is left out")
	expectMisuse(wrapping[shadowed](client, call), "to of signoff_test.shadowed is left out")
	expectMisuse(wrapping[struct{ A struct{ B chan int } }](client, call), "A.B of")
	expectMisuse(wrapping[struct{ A func() }](client, call), "A of")
	expectMisuse(wrapping[struct{ A []byte }](client, call), "A of")
	expectMisuse(wrapping[struct{ A []complex128 }](client, call), "A[] of")
	expectMisuse(wrapping[struct{ A fmt.Stringer }](client, call), "A of")
	expectMisuse(wrapping[map[int]string](client, call), "has names that are not strings")
	expectMisuse(wrapping[struct{ A oneWay }](client, call), "cannot decode itself")
	expectMisuse(wrapping[struct{ *email }](client, call), "email of")
	type list struct {
		Next  *list
		_     struct{}
		Empty struct{}
		When  time.Time
		Raw   json.RawMessage
		Rest  map[string]any
	}
	for _, err := range []error{
		wrapping[email](client, call), wrapping[*email](client, call), wrapping[list](client, call),
		wrapping[map[string]any](client, call), wrapping[any](client, call), wrapping[json.RawMessage](client, call),
		wrapping[struct{ email }](client, call),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// Do takes such a type as long as nothing is hidden in it: its function never sees it.
func TestArgumentsOfDoHideNothing(t *testing.T) {
	t.Parallel()
	f, tool := &fake{}, &tool{}
	client, call := f.client(t), sending()
	call.Arguments = hides{To: "alice", sender: "eve"}
	_, err := signoff.Do(t.Context(), client, call, tool.send)
	if refusal[*signoff.InvalidArgumentsError](t, err).Path != "sender" || len(f.asked) != 0 {
		t.Errorf("%v, asked %v", err, f.asked)
	}
	call.Arguments = hides{To: "alice"}
	if _, err := signoff.Do(t.Context(), client, call, tool.send); err != nil {
		t.Error(err)
	}
	tool.once(t)
}

func wrapping[A any](client *signoff.Client, call signoff.Call) error {
	_, err := signoff.RequiresApproval(client, call, func(context.Context, A) (string, error) { return "", nil })
	return err
}

type promise struct{ done chan string }

// A body that has not begun would run outside of the gate.
func TestResultsThatStandForWorkToCome(t *testing.T) {
	t.Parallel()
	f := &fake{}
	client := f.client(t)
	for _, err := range []error{
		returning[chan int](t, client), returning[<-chan int](t, client), returning[func()](t, client),
		returning[iter.Seq[int]](t, client), returning[iter.Seq2[string, error]](t, client),
		returning[io.Reader](t, client), returning[*os.File](t, client), returning[io.ReadCloser](t, client),
		returning[*http.Response](t, client), returning[*promise](t, client), returning[promise](t, client),
		returning[[]func()](t, client), returning[map[string]chan int](t, client),
		returning[struct{ Body io.Reader }](t, client),
	} {
		misuse(t, err)
	}
	if len(f.asked) != 0 {
		t.Errorf("asked %v", f.asked)
	}
	for _, err := range []error{
		returning[string](t, client), returning[error](t, client), returning[any](t, client),
		returning[time.Time](t, client), returning[*signoffv1.Approval](t, client), returning[[]byte](t, client),
		returning[*bytes.Buffer](t, client), returning[struct{ Next *email }](t, client),
		returning[map[string][]any](t, client), returning[json.RawMessage](t, client), returning[struct{}](t, client),
		returning[*struct{ Lock sync.Map }](t, client),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

func returning[R any](t *testing.T, client *signoff.Client) error {
	call := signoff.Call{ToolName: "send_email"}
	fn := func(context.Context, email) (result R, err error) { return result, nil }
	_, wrapping := signoff.RequiresApproval(client, call, fn)
	_, doing := signoff.Do(t.Context(), client, call, func(context.Context, *signoff.Run) (result R, err error) {
		return result, nil
	})
	if (wrapping == nil) != (doing == nil) {
		t.Errorf("%v, but %v", wrapping, doing)
	}
	return wrapping
}

// What only shows when the function has returned is reported as a failure.
func TestResultsThatTurnOutToBeWorkToCome(t *testing.T) {
	t.Parallel()
	for _, result := range []any{
		make(chan int), []any{1, func() {}}, map[string]any{"body": io.Reader(os.Stdin)}, &promise{make(chan string)},
		struct{ A any }{make(chan int)},
	} {
		f := &fake{}
		got, err := signoff.Do(t.Context(), f.client(t), sending(), func(context.Context, *signoff.Run) (any, error) {
			return result, nil
		})
		unfinished := (*signoff.UnfinishedError)(nil)
		if !errors.As(err, &unfinished) || unfinished.ToolName != "send_email" || got != nil {
			t.Errorf("returned %v, %v", got, err)
		}
		f.expectFailed(t)
	}
	loop := map[string]any{}
	loop["a"] = loop
	for _, result := range []any{nil, 1, "x", []any{1, nil, map[string]any{"a": errors.New("x")}}, loop} {
		f := &fake{}
		_, err := signoff.Do(t.Context(), f.client(t), sending(), func(context.Context, *signoff.Run) (any, error) {
			return result, nil
		})
		if err != nil {
			t.Errorf("%v: %v", result, err)
		}
	}
}

func TestOptionsTravelWithTheContext(t *testing.T) {
	t.Parallel()
	f := &fake{}
	client := f.client(t)
	spec := signoff.Call{ToolName: "send_email", AgentName: "bot", RequiredOptions: []string{"Labels", "RunID"}}
	send := wrapped(t, client, spec, func(context.Context, email) (string, error) { return "", nil },
		func(_ context.Context, _ email, call *signoff.Call) { call.Reason += "!" })
	outer := signoff.WithCall(t.Context(), func(call *signoff.Call) {
		call.Labels["team"], call.RunID, call.Reason = "x", "run-1", "outer"
		call.ToolName, call.Arguments, call.RequiredOptions = "harmless", email{To: "eve"}, nil
	})
	ctx := signoff.WithCall(outer, func(call *signoff.Call) { call.Reason = "inner" })
	done := begin(func() (string, error) { return send(context.WithoutCancel(ctx), email{To: "alice"}) })
	if err := finish(t, done).err; err != nil {
		t.Fatal(err)
	}
	request := f.asked[0]
	if request.GetToolName() != "send_email" || request.GetLabels()["team"] != "x" || request.GetReason() != "inner!" ||
		request.GetAgent().GetRunId() != "run-1" || request.GetAgent().GetName() != "bot" ||
		request.GetArguments().AsMap()["to"] != "alice" {
		t.Errorf("asked %v", request)
	}
	call := sending()
	call.RequiredOptions = []string{"Labels"}
	if _, err := signoff.Do(outer, client, call, new(tool).send); err != nil || f.asked[1].GetReason() != "outer" {
		t.Errorf("%v, %v", err, f.asked)
	}
	// Nobody is asked without them.
	_, err := send(context.Background(), email{})
	if misuse(t, err).Option != "Labels" {
		t.Error(err)
	}
	_, err = signoff.Do(t.Context(), client, call, new(tool).send)
	if misuse(t, err).Option != "Labels" || len(f.asked) != 2 {
		t.Errorf("%v, asked %d times", err, len(f.asked))
	}
}

func TestCallsThatCannotBeRepeatedWarnOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	client := (&fake{}).client(t, func(o *signoff.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	send := wrapped(t, client, signoff.Call{ToolName: "send_email"},
		func(context.Context, email) (string, error) { return "", nil },
		func(ctx context.Context, _ email, call *signoff.Call) {
			call.RequestID, _ = ctx.Value(reflect.TypeFor[email]()).(string)
		})
	expectWarnings := func(ctx context.Context, count int) {
		t.Helper()
		if _, err := send(ctx, email{}); err != nil {
			t.Error(err)
		}
		if strings.Count(log.String(), "asks for a second approval") != count {
			t.Errorf("logged %q", log.String())
		}
	}
	expectWarnings(t.Context(), 0)
	expectWarnings(context.WithValue(context.Background(), reflect.TypeFor[email](), "mail-1"), 0)
	expectWarnings(context.Background(), 1)
	expectWarnings(context.WithoutCancel(t.Context()), 1)
}
