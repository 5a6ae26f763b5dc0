package signoff_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	signoff "github.com/signoff-dev/signoff/clients/go"
)

type part struct {
	Name string `json:"name"`
	Size *int   `json:"size,omitempty"`
}

// everything has a member of each type that the client takes.
type everything struct {
	part
	Yes    bool              `json:"yes"`
	Small  int8              `json:"small"`
	Big    uint64            `json:"big"`
	Float  float64           `json:"float"`
	Half   float32           `json:"half"`
	Text   string            `json:"text"`
	When   time.Time         `json:"when"`
	Took   time.Duration     `json:"took"`
	ID     uuid.UUID         `json:"id"`
	From   netip.Addr        `json:"from"`
	Number json.Number       `json:"number"`
	Quoted int64             `json:"quoted,string"`
	List   []int64           `json:"list"`
	Pair   [2]string         `json:"pair"`
	Map    map[string]string `json:"map"`
	Parts  []part            `json:"parts"`
	Maybe  *time.Time        `json:"maybe"`
	Any    any               `json:"any"`
	Raw    json.RawMessage   `json:"raw"`
}

func TestScenario29ValuesOfEachType(t *testing.T) {
	t.Parallel()
	s, size := startServer(t), 3
	later := time.Date(2026, 11, 29, 20, 0, 0, 500_000_000, time.FixedZone("CET", 3600))
	given := everything{
		part{"a", &size}, true, -128, 1<<53 - 1, 1.5, 0.5, "Grüße", later, 90 * time.Second,
		uuid.MustParse("0190f3c4-0000-7000-8000-000000000001"), netip.MustParseAddr("::1"), "10.50", 1 << 60,
		[]int64{2, 1}, [2]string{"x", "y"}, map[string]string{"b": "1"}, []part{{Name: "c"}}, nil,
		map[string]any{"n": 1.0}, json.RawMessage(`{"b": [1.0], "a": null}`),
	}
	expected := given
	expected.When = later.In(time.FixedZone("", 3600))
	expected.Any, expected.Number = map[string]any{"n": int64(1)}, "10.5"
	expected.Raw = json.RawMessage(`{"a":null,"b":[1]}`)
	var got everything
	send := wrapped(t, s.agent(), signoff.Call{ToolName: "send_email"},
		func(_ context.Context, a everything) (string, error) {
			got = a
			return "sent", nil
		})
	call := func(decide func()) {
		t.Helper()
		done := begin(func() (string, error) { return send(t.Context(), given) })
		decide()
		expectResult(t, finish(t, done), "sent")
	}
	call(func() { s.approve() })
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("ran with %#v", got)
	}
	call(func() {
		edited := s.pending().GetArguments().AsMap()
		edited["small"], edited["when"], edited["maybe"] = 127, "2026-11-29T21:00:00.00Z", "2026-11-29T21:00:00+00:00"
		edited["parts"], edited["list"], edited["map"] = []any{map[string]any{"name": "d", "size": 1}}, nil, nil
		edited["any"], edited["from"] = []any{7, 0.5}, "10.0.0.1"
		s.decide(edits(edited))
	})
	utc, one := time.Date(2026, 11, 29, 21, 0, 0, 0, time.UTC), 1
	expected.Small, expected.When, expected.Maybe = 127, utc, &utc
	expected.Parts, expected.List, expected.Map = []part{{"d", &one}}, nil, nil
	expected.Any, expected.From = []any{int64(7), 0.5}, netip.MustParseAddr("10.0.0.1")
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("ran with %#v", got)
	}
}
