package signoff_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

// editing is a server whose reviewer edits the arguments, and approves.
func editing(t *testing.T, edited string) *fake {
	t.Helper()
	arguments := &structpb.Struct{}
	if err := json.Unmarshal([]byte(edited), arguments); err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	f.ask = answers{func(request *signoffv1.RequestApprovalRequest, stream asking) error {
		request.Arguments = arguments
		return f.send(stream, f.approvalOf(request, approved))
	}}
	return f
}

func TestEditsThatDoNotFitAreNotClaimed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ edited, path, problem string }{
		{`{"to": "bob", "bcc": "eve"}`, "bcc", "is not a parameter of the function"},
		{`{"To": "bob"}`, "To", "is not a parameter of the function"},
		{`{"copies": 2}`, "", "is missing `to`"},
		{`{"to": "bob", "copies": "five"}`, "copies", "is not a number"},
		{`{"to": "bob", "copies": 1.5}`, "copies", "is not an integer"},
		{`{"to": "bob", "copies": null}`, "copies", "is null"},
		{`{"to": "bob", "copies": 1e300}`, "copies", "is an integer that a double cannot hold exactly"},
	} {
		expect := func(name string, call func(f *fake, tool *tool) error) {
			t.Helper()
			f, tool := editing(t, c.edited), &tool{}
			invalid := refusal[*signoff.InvalidEditError](t, call(f, tool))
			if invalid.Path != c.path || invalid.Problem != c.problem || invalid.ApprovalID != "approval-1" {
				t.Errorf("%s: %#v", name, invalid)
			}
			tool.never(t)
			if len(f.claimed)+len(f.reports) != 0 {
				t.Errorf("%s: claimed %v, reported %v", name, f.claimed, f.reports)
			}
		}
		expect("wrapped", func(f *fake, tool *tool) error {
			_, err := wrapped(t, f.client(t), signoff.Call{ToolName: "send_email"},
				func(ctx context.Context, _ email) (string, error) { return tool.send(ctx, nil) })(t.Context(), email{})
			return err
		})
		expect("of a struct", func(f *fake, tool *tool) error {
			_, err := signoff.Do(t.Context(), f.client(t), sending(), tool.send)
			return err
		})
		expect("of a type", func(f *fake, tool *tool) error {
			call := sending()
			call.Arguments, call.ArgumentsType = map[string]any{"to": "alice"}, reflect.TypeFor[email]()
			_, err := signoff.Do(t.Context(), f.client(t), call, tool.send)
			return err
		})
	}
}

// Where nobody says what the function takes, only the function can tell.
func TestEditsThatOnlyTheFunctionCanJudge(t *testing.T) {
	t.Parallel()
	f, call := editing(t, `{"to": "bob", "bcc": "eve"}`), sending()
	call.Arguments = map[string]any{"to": "alice"}
	_, err := signoff.Do(t.Context(), f.client(t), call, func(_ context.Context, run *signoff.Run) (string, error) {
		if !run.Edited || run.Arguments["bcc"] != "eve" {
			t.Errorf("ran with %v", run)
		}
		var arguments email
		return arguments.To, run.Decode(&arguments)
	})
	if refusal[*signoff.InvalidEditError](t, err).Path != "bcc" {
		t.Error(err)
	}
	f.expectFailed(t)
	for _, into := range []any{nil, email{}, (*email)(nil), 5} {
		_, err := signoff.Do(t.Context(), (&fake{}).client(t), call,
			func(_ context.Context, run *signoff.Run) (string, error) { return "", run.Decode(into) })
		misuse(t, err)
	}
}

func TestArgumentsThatDoNotFitTheirTypeAreNotAskedFor(t *testing.T) {
	t.Parallel()
	f, tool, call := &fake{}, &tool{}, sending()
	call.Arguments, call.ArgumentsType = map[string]any{"to": 5}, reflect.TypeFor[email]()
	_, err := signoff.Do(t.Context(), f.client(t), call, tool.send)
	invalid := refusal[*signoff.InvalidArgumentsError](t, err)
	if invalid.Path != "to" || invalid.Problem != "is not a string" || len(f.asked) != 0 {
		t.Errorf("%#v, asked %v", invalid, f.asked)
	}
	tool.never(t)
}

// What does not come back from its JSON as it was cannot be what was shown.
func TestArgumentsThatDoNotComeBackAreNotAskedFor(t *testing.T) {
	t.Parallel()
	type arguments struct {
		Who louder `json:"who"`
	}
	f := &fake{}
	send := wrapped(t, f.client(t), signoff.Call{ToolName: "send_email"},
		func(context.Context, arguments) (string, error) { return "", nil })
	_, err := send(t.Context(), arguments{"bob"})
	if refusal[*signoff.InvalidArgumentsError](t, err).Path != "who" || len(f.asked) != 0 {
		t.Errorf("%v, asked %v", err, f.asked)
	}
}

type louder string

func (l louder) MarshalText() ([]byte, error)     { return []byte(l), nil }
func (l *louder) UnmarshalText(text []byte) error { *l = louder(text) + "!"; return nil }
