package signoff

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

type circle struct{ *circle }

type base struct {
	ID int64 `json:"id"`
}

// roundedAsText encodes itself, but inside of what does not, encoding/json sees its fields.
type roundedAsText struct{ N int64 }

func (roundedAsText) MarshalJSON() ([]byte, error) { return []byte(`"text"`), nil }

// bigInt is not the text that its tag asks for, as it encodes itself.
type bigInt int64

func (bigInt) MarshalJSON() ([]byte, error) { return []byte("9007199254740993"), nil }

type spelled string

func (s spelled) MarshalText() ([]byte, error) { return []byte(s), nil }

func TestValuesThatAreRefused(t *testing.T) {
	t.Parallel()
	ring := &circle{}
	ring.circle = ring
	loop := map[string]any{}
	loop["a"] = loop
	type object = map[string]any
	for _, c := range []struct {
		value any
		path  string
	}{
		{object{"a": int64(1 << 53)}, "a"},
		{object{"a": -int64(1 << 53)}, "a"},
		{object{"a": uint64(1 << 63)}, "a"},
		{object{"a": []int64{1, math.MaxInt64}}, "a[1]"},
		{object{"a": json.Number("9007199254740992")}, "a"},
		{object{"a": json.Number("nonsense")}, "a"},
		{object{"a": big.NewInt(math.MaxInt64)}, "a"},
		{object{"a": math.NaN()}, "a"},
		{object{"a": [2]float32{0, float32(math.Inf(-1))}}, "a[1]"},
		{object{"a": "\xff"}, "a"},
		{object{"a": spelled("\xff")}, "a"},
		{object{"a": object{"\xff": 1}}, "a"},
		{map[spelled]int{"\xff": 1}, ""},
		{object{"a": map[int]int{1: 1}}, "a"},
		{object{"a": make(chan int)}, "a"},
		{object{"a": func() {}}, "a"},
		{object{"a": complex(1, 1)}, "a"},
		{object{"a": struct {
			B string `json:"b,omitempty"`
		}{"\xff"}}, "a.b"},
		{object{"a": []any{&struct{ *base }{&base{math.MaxInt64}}}}, "a[0].id"},
		{struct {
			base `json:"inner"`
		}{base{1<<53 + 1}}, "inner.id"},
		{struct {
			*base `json:"inner"`
		}{&base{1<<53 + 1}}, "inner.id"},
		{struct {
			roundedAsText
			json.RawMessage // Both encode themselves, so that the whole does not.
		}{roundedAsText: roundedAsText{1<<53 + 1}}, "N"},
		{struct {
			A bigInt `json:"a,string"`
		}{1}, "a"},
		{struct {
			A int `json:"-"`
		}{1}, "A"},
		{object{"a": struct{ b string }{"x"}}, "a.b"},
		{object{"a": errors.New("x")}, "a.s"},
		{object{"a": []byte("x")}, "a"},
		{object{"a": []any{[]byte{}}}, "a[0]"},
		{struct{ A any }{[]uint8{1}}, "A"},
		{object{"a": json.RawMessage(`{"b": 1, "b": 2}`)}, "a.b"},
		{object{"a": json.RawMessage(`{"b": "\ud800\u0041"}`)}, "a.b"},
		{object{"a": json.RawMessage(`{"b": "\\\udc00"}`)}, "a.b"},
		{object{"a": json.RawMessage(`{`)}, "a"},
		{loop, strings.TrimPrefix(strings.Repeat(".a", 32), ".")},
		{ring, ""},
		{[]int{1}, ""},
		{"text", ""},
		{(*base)(nil), ""},
		{5, ""},
	} {
		if _, p := encodeArguments(c.value); p == nil || p.path != c.path {
			t.Errorf("%T: %v", c.value, p)
		}
	}
}

func TestValuesThatAreTaken(t *testing.T) {
	t.Parallel()
	type arguments struct {
		base
		Name     string `json:"name"`
		Note     string `json:"note,omitempty"`
		Big      int64  `json:"big,string"`
		Skipped  *int64 `json:"-"`
		hidden   int64
		When     time.Time
		Share    float64
		Raw      json.RawMessage
		Bytes    []byte
		List     [1]byte
		Wait     time.Duration
		Optional *int
	}
	value := arguments{
		base: base{7}, Name: "<é\u2028>", Big: math.MaxInt64, hidden: 0,
		When: time.Unix(0, 0).UTC(), Share: 1e20, Raw: json.RawMessage(`"\ud83d\ude00"`), List: [1]byte{255},
	}
	expected := map[string]any{
		"id": 7.0, "name": "<é\u2028>", "big": "9223372036854775807", "When": "1970-01-01T00:00:00Z", "Share": 1e20,
		"Raw": "😀", "Bytes": nil, "List": []any{255.0}, "Wait": 0.0, "Optional": nil,
	}
	for _, given := range []any{value, &value} {
		if got, p := encodeArguments(given); p != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%v, %v", got, p)
		}
	}
	for _, empty := range []any{nil, map[string]int(nil), struct{}{}} {
		if got, p := encodeArguments(empty); p != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, p)
		}
	}
	got, p := encodeArguments(map[string]any{"n": json.Number("1.50"), "u": uint8(3), "r": "\ufffd", "m": -maxInteger})
	if p != nil ||
		!reflect.DeepEqual(got, map[string]any{"n": 1.5, "u": 3.0, "r": "\ufffd", "m": -float64(maxInteger)}) {
		t.Errorf("%v, %v", got, p)
	}
}

func TestNative(t *testing.T) {
	t.Parallel()
	given := map[string]any{
		"a": []any{1.0, 1.5, float64(maxInteger), float64(maxInteger) + 1, "x", nil, true},
		"b": math.Copysign(0, -1),
	}
	expected := map[string]any{
		"a": []any{int64(1), 1.5, int64(maxInteger), float64(1 << 53), "x", nil, true},
		"b": int64(0),
	}
	if got := native(given); !reflect.DeepEqual(got, expected) {
		t.Errorf("%v", got)
	}
}

type order struct {
	To    string   `json:"to"`
	CC    []string `json:"cc,omitempty"`
	Count int      `json:"count,omitempty"`
	Inner *order   `json:"inner,omitempty"`
	Rest  any      `json:"rest,omitempty"`
	Share float32  `json:"share,omitempty"`
	Pair  [2]int   `json:"pair,omitzero"`
}

func TestEditedArgumentsAreDecodedStrictly(t *testing.T) {
	t.Parallel()
	for text, path := range map[string]string{
		`{"to": "a"}`: "taken", `{"to": "a", "cc": [], "count": 0, "inner": null, "rest": ""}`: "taken",
		`{"to": "a", "inner": {"to": "b", "count": 3}, "rest": {"x": [1, 2.5]}, "share": 0.5, "pair": [1, 2]}`: "taken",
		`{"to": "a", "bcc": "x"}`: "bcc", `{"TO": "a"}`: "TO", `{"to": "a", "To": "b"}`: "To", `{"to": null}`: "to",
		`{"to": 1}`: "to", `{"to": "a", "count": 1.5}`: "count", `{"to": "a", "count": "1"}`: "count",
		`{"to": "a", "inner": {"to": true}}`: "inner.to", `{"to": "a", "share": 0.123456789012}`: "share",
		`{"to": "a", "pair": [1, 2, 3]}`: "pair", `{"to": "a", "inner": {"to": "a", "x": 1}}`: "x",
	} {
		tree, p := encodeArguments(json.RawMessage(text))
		if p != nil {
			t.Fatal(p)
		}
		into := order{Count: 99}
		p = decodeArguments(tree, &into)
		switch {
		case path == "taken" && (p != nil || into.To != "a" || into.Count == 99):
			t.Errorf("%s: %v, %v", text, into, p)
		case path != "taken" && (p == nil || p.path != path || into.Count != 99):
			t.Errorf("%s: %v, %v", text, into, p)
		}
	}
}

func TestEditedArgumentsThatLackSomethingAreRefused(t *testing.T) {
	t.Parallel()
	type mail struct {
		To      string         `json:"to"`
		Subject string         `json:"subject"`
		Urgent  bool           `json:"urgent"`
		Note    string         `json:"note,omitempty"`
		Copies  []string       `json:"copies"`
		Limit   *int           `json:"limit"`
		Parts   []mailPart     `json:"parts"`
		Headers map[string]any `json:"headers"`
	}
	for text, path := range map[string]string{
		`{"to": "bob", "subject": "hi"}`:                                               "urgent",
		`{"to": "bob", "urgent": true}`:                                                "subject",
		`{"subject": "hi", "urgent": true}`:                                            "to",
		`{"to": "bob", "subject": "hi", "urgent": true, "parts": [{"name": "a"}, {}]}`: "parts[1].name",
		`{"to": "bob", "subject": "hi", "urgent": true, "parts": [{"name": "a"}]}`:     "taken",
	} {
		tree, p := encodeArguments(json.RawMessage(text))
		if p != nil {
			t.Fatal(p)
		}
		var into mail
		p = decodeArguments(tree, &into)
		if (p == nil) != (path == "taken") || p != nil && (p.path != path || !reflect.DeepEqual(into, mail{})) {
			t.Errorf("%s: %v, %v", text, into, p)
		}
	}
}

type mailPart struct {
	Name string `json:"name"`
}

func TestEditedArgumentsAsMaps(t *testing.T) {
	t.Parallel()
	type named map[string]any
	tree := map[string]any{"n": 1.0, "f": 1.5}
	var plain map[string]any
	var other named
	var anything any
	var typed map[string]float64
	for _, into := range []any{&plain, &other, &anything, &typed} {
		if p := decodeArguments(tree, into); p != nil {
			t.Errorf("%T: %v", into, p)
		}
	}
	expected := map[string]any{"n": int64(1), "f": 1.5}
	if !reflect.DeepEqual(plain, expected) || !reflect.DeepEqual(other, named(expected)) ||
		!reflect.DeepEqual(anything, any(expected)) {
		t.Errorf("%v, %v, %v", plain, other, anything)
	}
	if !reflect.DeepEqual(typed, map[string]float64{"n": 1, "f": 1.5}) {
		t.Errorf("%v", typed)
	}
	for _, into := range []any{nil, plain, (*order)(nil), new(int), new(map[string]int)} {
		if p := decodeArguments(tree, into); p == nil {
			t.Errorf("stored in a %T", into)
		}
	}
}
