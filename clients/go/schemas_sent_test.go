package signoff_test

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	signoff "github.com/signoff-dev/signoff/clients/go"
	signoffv1 "github.com/signoff-dev/signoff/clients/go/gen/signoff/v1"
)

var schemaOfEmail = map[string]any{
	"type": "object", "additionalProperties": false, "required": []any{"to"},
	"properties": map[string]any{
		"to":     map[string]any{"type": "string"},
		"copies": map[string]any{"type": "integer", "minimum": -float64(1<<53 - 1), "maximum": float64(1<<53 - 1)},
	},
}

func TestSchemasAreSent(t *testing.T) {
	t.Parallel()
	own, none := map[string]any{"type": "object"}, map[string]any{}
	for name, c := range map[string]struct {
		change   func(*signoff.Call)
		expected map[string]any
	}{
		"of a struct":     {func(*signoff.Call) {}, schemaOfEmail},
		"of a type":       {func(call *signoff.Call) { call.ArgumentsType = reflect.TypeFor[*email]() }, schemaOfEmail},
		"skipped":         {func(call *signoff.Call) { call.SkipSchema = true }, none},
		"the call's own":  {func(call *signoff.Call) { call.ArgumentsSchema = own }, own},
		"own and skipped": {func(call *signoff.Call) { call.ArgumentsSchema, call.SkipSchema = own, true }, own},
		"of a map":        {func(call *signoff.Call) { call.Arguments = map[string]any{"to": "alice"} }, none},
	} {
		f, tool, call := &fake{}, &tool{}, sending()
		c.change(&call)
		if _, err := signoff.Do(t.Context(), f.client(t), call, tool.send); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := f.asked[0].GetArgumentsSchema(); !reflect.DeepEqual(got.AsMap(), c.expected) ||
			(got == nil) != (len(c.expected) == 0) {
			t.Errorf("%s: %v", name, got)
		}
	}
	f := &fake{}
	send, err := signoff.Wrap(f.client(t), signoff.Call{ToolName: "send_email"},
		func(context.Context, email) (string, error) { return "", nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := send.Call(t.Context(), email{}); err != nil {
		t.Error(err)
	}
	if _, err := send.Ask(t.Context(), email{}); err != nil {
		t.Error(err)
	}
	for _, request := range f.asked {
		if !reflect.DeepEqual(request.GetArgumentsSchema().AsMap(), schemaOfEmail) {
			t.Errorf("%v", request)
		}
	}
}

type folder struct {
	Name string   `json:"name"`
	In   []folder `json:"in"`
}

func TestSchemasThatAreLeftOutWarnOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	f := &fake{}
	client := f.client(t, func(o *signoff.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	remove := func(call signoff.Call) {
		t.Helper()
		_, err := wrapped(t, client, call, func(context.Context, folder) (string, error) { return "", nil })(
			t.Context(), folder{Name: "a", In: []folder{{Name: "b"}}})
		if err != nil {
			t.Error(err)
		}
	}
	expectWarnings := func(count int) {
		t.Helper()
		if strings.Count(log.String(), "signoff_test.folder contains itself") != count {
			t.Errorf("logged %q", log.String())
		}
	}
	remove(signoff.Call{ToolName: "remove", SkipSchema: true})
	remove(signoff.Call{ToolName: "remove", ArgumentsSchema: map[string]any{"type": "object"}})
	expectWarnings(0)
	for range 3 {
		remove(signoff.Call{ToolName: "remove"})
	}
	expectWarnings(1)
	remove(signoff.Call{ToolName: "send_email"})
	expectWarnings(2)
	if last := f.asked[len(f.asked)-1]; last.GetArgumentsSchema() != nil {
		t.Errorf("sent %v", last)
	}
}

// What the caller gives is refused here, with the path, and not by the server.
func TestTheCallersArgumentsAreCheckedFirst(t *testing.T) {
	t.Parallel()
	f, tool, call := &fake{}, &tool{}, sending()
	call.Arguments, call.ArgumentsType = map[string]any{"to": "a", "copies": 1.5}, reflect.TypeFor[email]()
	_, err := signoff.Do(t.Context(), f.client(t), call, tool.send)
	if invalid := refusal[*signoff.InvalidArgumentsError](t, err); invalid.Path != "copies" || len(f.asked) != 0 {
		t.Errorf("%#v, asked %v", invalid, f.asked)
	}
	tool.never(t)
}

func TestScenario28TheServerRefusesEditsThatDoNotFit(t *testing.T) {
	t.Parallel()
	type meeting struct {
		Title string    `json:"title"`
		Start time.Time `json:"start"`
		Seats uint8     `json:"seats"`
		Notes []string  `json:"notes"`
	}
	s := startServer(t)
	var got []meeting
	send := wrapped(t, s.agent(), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, m meeting) (string, error) {
			got = append(got, m)
			return "sent", nil
		})
	start := time.Date(2026, 11, 29, 20, 0, 0, 0, time.UTC)
	done := begin(func() (string, error) { return send(t.Context(), meeting{"Launch", start, 5, nil}) })
	approval := s.pending()
	for name, value := range map[string]any{
		"title": 5, "start": "tomorrow", "seats": 256, "notes": []any{1}, "extra": "x",
	} {
		arguments := approval.GetArguments().AsMap()
		arguments[name] = value
		vote := edits(arguments)
		vote.ApprovalId, vote.Seen = approval.GetId(), &signoffv1.DecideRequest_Revision{Revision: approval.GetRevision()}
		_, err := s.reviewer.Approvals.Decide(t.Context(), vote)
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if is := s.approval(approval.GetId()).GetStatus(); is != pending {
		t.Fatalf("is %v", is)
	}
	s.decide(edits(map[string]any{"title": "Start", "start": "2026-11-30T20:00:00.50Z", "seats": 6, "notes": []any{"x"}}))
	expectResult(t, finish(t, done), "sent")
	expected := []meeting{{"Start", start.Add(24*time.Hour + time.Second/2), 6, []string{"x"}}}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("ran with %v", got)
	}
}

// The server's validator is another one than the tests': what the reader takes must pass there too.
func TestTheServerTakesWhatIsRead(t *testing.T) {
	t.Parallel()
	type extremes struct {
		When  time.Time       `json:"when"`
		Maybe **time.Time     `json:"maybe"`
		Least int64           `json:"least"`
		Most  uint64          `json:"most"`
		Float float64         `json:"float"`
		Half  float32         `json:"half"`
		Text  string          `json:"text"`
		Small [3]int8         `json:"small"`
		Map   map[string]*int `json:"map"`
	}
	s := startServer(t)
	send, err := signoff.Wrap(s.agent(), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, e extremes) (time.Time, error) { return e.When, nil })
	if err != nil {
		t.Fatal(err)
	}
	zone := func(offset time.Duration) *time.Location { return time.FixedZone("", int(offset.Seconds())) }
	floats := []float64{0, math.MaxFloat64, -math.SmallestNonzeroFloat64, -1e21}
	for i, when := range []time.Time{
		{}, time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(2024, 2, 29, 0, 0, 0, 1, zone(23*time.Hour+59*time.Minute)),
		time.Date(2026, 1, 1, 0, 0, 0, 1e6, zone(-23*time.Hour-59*time.Minute)),
		time.Date(1890, 1, 1, 0, 0, 0, 0, zone(53*time.Minute+28*time.Second)),
		time.Date(1890, 1, 1, 0, 0, 0, 0, zone(-28*time.Second)),
	} {
		maybe := &when
		given := extremes{
			when, &maybe, -(1<<53 - 1), 1<<53 - 1, floats[i%len(floats)], math.MaxFloat32, "\x00\u2028<&>\U0010ffff",
			[3]int8{-128, 0, 127}, map[string]*int{"a": nil},
		}
		if _, err := send.Ask(t.Context(), given); err != nil {
			t.Errorf("%v: %v", when, err)
		}
		s.approve()
	}
	for _, text := range []string{
		"2026-11-29T20:00:00-00:00", "2026-11-29T20:00:00.000000000Z", "2026-11-29T20:00:00+00:00",
		"2026-11-29T20:00:00.0Z",
	} {
		done := begin(func() (string, error) {
			when, err := send.Call(t.Context(), extremes{})
			return when.Format(time.RFC3339Nano), err
		})
		edited := s.pending().GetArguments().AsMap()
		edited["when"], edited["maybe"], edited["map"] = text, nil, nil
		s.decide(edits(edited))
		expectResult(t, finish(t, done), "2026-11-29T20:00:00Z")
	}
}
