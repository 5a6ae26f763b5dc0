package signoff

import (
	"encoding/json"
	"reflect"
	"testing"
	"testing/quick"
	"time"
)

type order struct {
	To    string      `json:"to"`
	CC    []string    `json:"cc,omitempty"`
	Count int8        `json:"count,omitempty"`
	Inner *order      `json:"inner,omitempty"`
	Rest  any         `json:"rest,omitempty"`
	Share float32     `json:"share,omitempty"`
	Pair  [2]int      `json:"pair,omitzero"`
	When  time.Time   `json:"when,omitzero"`
	Size  json.Number `json:"size,omitempty"`
	Big   int64       `json:"big,omitempty,string"`
	Yes   bool        `json:"yes,omitempty"`
}

func tree(t *testing.T, text string) map[string]any {
	t.Helper()
	tree, p := encodeArguments(json.RawMessage(text))
	if p != nil {
		t.Fatal(p)
	}
	return tree
}

func TestArgumentsThatFit(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"to": "a"}`, `{"to": "a", "cc": [], "count": 0, "inner": null, "rest": null, "yes": false}`,
		`{"to": "a", "cc": null, "count": 1e2}`,
		`{"to": "a", "inner": {"to": "b", "count": 3}, "rest": {"x": [1, 2.5]}, "share": 0.5, "pair": [1, 2]}`,
		`{"to": "a", "share": 3.4028235e+38}`, // The greatest float32, as encoding/json writes it.
		`{"to": "a", "when": "2027-01-15T08:00:00Z", "size": 1.50, "big": "9223372036854775807"}`,
	} {
		made, p := rebuild(tree(t, text), reflect.TypeFor[order]())
		if p != nil || made.Interface().(order).To != "a" {
			t.Errorf("%s: %v", text, p)
		}
	}
}

func TestArgumentsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for text, expected := range map[string]problem{
		`{"to": "a", "bcc": "x"}`:                  {"bcc", "is not a parameter of the function"},
		`{"to": "a", "bcc": null}`:                 {"bcc", "is not a parameter of the function"},
		`{"TO": "a"}`:                              {"TO", "is not a parameter of the function"},
		`{"to": "a", "To": ""}`:                    {"To", "is not a parameter of the function"},
		`{"to": "a", "inner": {"to": "a", "x":1}}`: {"inner.x", "is not a parameter of the function"},
		`{}`:                                   {"", "is missing `to`"},
		`{"to": "a", "inner": {}}`:             {"inner", "is missing `to`"},
		`{"to": null}`:                         {"to", "is null"},
		`{"to": "a", "count": null}`:           {"count", "is null"},
		`{"to": "a", "when": null}`:            {"when", "is null"},
		`{"to": "a", "when": "2027-01-15"}`:    {"when", problemTime},
		`{"to": "a", "cc": ["b", null]}`:       {"cc[1]", "is null"},
		`{"to": 1}`:                            {"to", "is not a string"},
		`{"to": "a", "cc": "b"}`:               {"cc", "is not a list"},
		`{"to": "a", "cc": {"0": "b"}}`:        {"cc", "is not a list"},
		`{"to": "a", "inner": [1]}`:            {"inner", "is not a JSON object"},
		`{"to": "a", "inner": {"to": true}}`:   {"inner.to", "is not a string"},
		`{"to": "a", "count": "1"}`:            {"count", "is not a number"},
		`{"to": "a", "count": 1.5}`:            {"count", "is not an integer"},
		`{"to": "a", "count": 128}`:            {"count", "is out of the range of int8"},
		`{"to": "a", "share": 1e300}`:          {"share", "is out of the range of float32"},
		`{"to": "a", "share": 0.123456789012}`: {"share", "is changed by the function's type"},
		`{"to": "a", "pair": [1]}`:             {"pair", "is not a list of 2"},
		`{"to": "a", "pair": [1, 2, 3]}`:       {"pair", "is not a list of 2"},
		`{"to": "a", "size": "1"}`:             {"size", "is not a number"},
		`{"to": "a", "big": 5}`:                {"big", "is not a string"},
		`{"to": "a", "big": "007"}`:            {"big", "is changed by the function's type"},
		`{"to": "a", "yes": 1}`:                {"yes", "is not a boolean"},
	} {
		made, p := rebuild(tree(t, text), reflect.TypeFor[order]())
		if p == nil || *p != expected || made.IsValid() {
			t.Errorf("%s: %v", text, p)
		}
	}
	unsigned := reflect.TypeFor[struct{ A uint8 }]()
	for _, text := range []string{`{"A": -1}`, `{"A": 256}`} {
		if _, p := rebuild(tree(t, text), unsigned); p == nil || p.text != "is out of the range of uint8" {
			t.Errorf("%s: %v", text, p)
		}
	}
	if _, p := rebuild(tree(t, `{"A": 1e17}`), reflect.TypeFor[struct{ A int64 }]()); p == nil ||
		p.text != problemInteger {
		t.Errorf("%v", p)
	}
	if _, p := rebuild(tree(t, `{"a": 1}`), reflect.TypeFor[map[string]string]()); p == nil || p.path != "a" {
		t.Errorf("%v", p)
	}
}

func TestArgumentsThatLackSomething(t *testing.T) {
	t.Parallel()
	type part struct {
		Name string `json:"name"`
	}
	type footer struct {
		Note string `json:"note"`
	}
	type Signature struct {
		By string `json:"by"`
	}
	type mail struct {
		footer
		*Signature
		To      string         `json:"to"`
		Urgent  bool           `json:"urgent"`
		Copies  []string       `json:"copies"`
		Limit   *int           `json:"limit"`
		Parts   []part         `json:"parts"`
		Headers map[string]any `json:"headers"`
	}
	for text, expected := range map[string]problem{
		`{"note": "n", "to": "bob"}`:                                               {"", "is missing `urgent`"},
		`{"note": "n", "urgent": true}`:                                            {"", "is missing `to`"},
		`{"to": "bob", "urgent": true}`:                                            {"", "is missing `note`"},
		`{"note": "n", "to": "bob", "urgent": true, "parts": [{"name": "a"}, {}]}`: {"parts[1]", "is missing `name`"},
		`{"note": "n", "to": "bob", "urgent": true, "parts": [{"name": "a"}]}`:     {},
		`{"note": "n", "to": "bob", "urgent": true, "by": "eve"}`:                  {},
	} {
		_, p := rebuild(tree(t, text), reflect.TypeFor[mail]())
		if p == nil {
			p = &problem{}
		}
		if *p != expected {
			t.Errorf("%s: %v", text, p)
		}
	}
}

type shout string

// UnmarshalText makes something else of every text than was given.
func (s *shout) UnmarshalText(text []byte) error { *s = shout(text) + "!"; return nil }

// MarshalText shows what the value is.
func (s shout) MarshalText() ([]byte, error) { return []byte(s), nil }

type panicking struct{}

func (*panicking) UnmarshalJSON([]byte) error { panic("no") }

// Whatever a type's own methods do, the function gets what was shown, or nothing.
func TestTypesThatDecodeThemselvesAreCompared(t *testing.T) {
	t.Parallel()
	if _, p := rebuild(tree(t, `{"A": "x"}`), reflect.TypeFor[struct{ A shout }]()); p == nil || p.path != "A" {
		t.Errorf("%v", p)
	}
	if _, p := rebuild(tree(t, `{"A": "x"}`), reflect.TypeFor[struct{ A panicking }]()); p == nil || p.path != "A" {
		t.Error("took it")
	}
	raw, p := rebuild(tree(t, `{"b": -0.0, "a": 10.0}`), reflect.TypeFor[json.RawMessage]())
	if p != nil || string(raw.Bytes()) != `{"a":10,"b":0}` {
		t.Errorf("%v, %v", raw, p)
	}
}

func TestIntegersWhereNoTypeIsDeclared(t *testing.T) {
	t.Parallel()
	type named map[string]any
	type nested struct {
		A any
		B []any
		C map[string]struct{ D any }
		E float64
		F *any
		G map[string][]any
	}
	whole := map[string]any{"n": 1.0, "f": 1.5, "l": []any{2.0}}
	expected := map[string]any{"n": int64(1), "f": 1.5, "l": []any{int64(2)}}
	for _, target := range []reflect.Type{
		reflect.TypeFor[map[string]any](), reflect.TypeFor[named](), reflect.TypeFor[any](),
	} {
		made, p := rebuild(whole, target)
		if p != nil || !reflect.DeepEqual(reflect.Indirect(made).Interface(), expected) &&
			!reflect.DeepEqual(made.Interface(), named(expected)) {
			t.Errorf("%v: %v, %v", target, made, p)
		}
	}
	given := tree(t, `{"A": 1, "B": [1], "C": {"x": {"D": 1}}, "E": 1, "F": 1, "G": {"y": [1]}}`)
	made, p := rebuild(given, reflect.TypeFor[nested]())
	if p != nil {
		t.Fatal(p)
	}
	got, one := made.Interface().(nested), any(int64(1))
	if got.A != one || got.B[0] != one || got.C["x"].D != one || got.E != 1 || *got.F != one || got.G["y"][0] != one {
		t.Errorf("%#v", got)
	}
}

// Whatever a function is called with, it gets what was shown, and that comes out the same when it is shown again.
func TestWhatIsRebuiltShowsTheSame(t *testing.T) {
	t.Parallel()
	type anything struct {
		EmbeddedOrder
		A int32 `json:",string"`
		B map[string]*anything
		C []float64 `json:",omitempty"`
		D *string
		E [2]float32
		F struct{ G []bool }
	}
	taken := 0
	same := func(given anything) bool {
		shown, p := encodeArguments(&given)
		if p != nil {
			return p.text == problemDepth
		}
		made, p := rebuild(shown, reflect.TypeFor[anything]())
		if p != nil {
			t.Logf("%v: %v", shown, p)
			return false
		}
		again, p := encodeArguments(made.Interface())
		taken++
		return p == nil && reflect.DeepEqual(shown, again)
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 100}); err != nil || taken < 50 {
		t.Errorf("took %d, %v", taken, err)
	}
}

type EmbeddedOrder struct {
	To    string `json:"to"`
	Count uint16 `json:"count,omitempty"`
}
