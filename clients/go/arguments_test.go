package signoff

import (
	"encoding/json"
	"errors"
	"fmt"
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
		{ring, "circle"},
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

type inner struct{ ID int }

type Outer struct{ ID int }

type stamped struct {
	time.Time
	Secret string
}

// redacted shows only half of itself.
type redacted struct{ User, Password string }

func (r redacted) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"user": r.User})
}

// never says that it is zero.
type never int

func (never) IsZero() bool { return true }

// tagged is a struct with tags that go vet does not like, of fields A0, A1 and so on that are all the same.
func tagged(value int, tags ...string) any {
	var fields []reflect.StructField
	for i, tag := range tags {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("A%d", i), Type: reflect.TypeFor[int](), Tag: reflect.StructTag(tag),
		})
	}
	made := reflect.New(reflect.StructOf(fields)).Elem()
	for i := range tags {
		made.Field(i).SetInt(int64(value))
	}
	return made.Interface()
}

// What encoding/json leaves out would not be seen by reviewers.
func TestValuesThatWouldBeHidden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		path  string
	}{
		{tagged(1, `json:"x"`, `json:"x"`), "x"},
		{tagged(1<<60, `json:"a\"b"`), "A0"}, // No name that encoding/json takes.
		{struct {
			inner
			ID int
		}{inner{1}, 2}, "ID"},
		{struct {
			inner
			Outer
		}{Outer: Outer{1}}, "ID"},
		{struct{ *inner }{&inner{}}, ""},
		{struct{ A stamped }{stamped{time.Unix(0, 0), "x"}}, "A.Secret"},
		{struct{ A *redacted }{&redacted{"eve", "hunter2"}}, "A.Password"},
		{struct {
			A never `json:",omitzero"`
		}{7}, "A"},
	} {
		_, p := encodeArguments(c.value)
		if p == nil && c.path != "" || p != nil && p.path != c.path {
			t.Errorf("%T: %v", c.value, p)
		}
	}
	// What hides nothing is taken.
	for _, value := range []any{
		struct {
			inner
			ID int
		}{inner{}, 2},
		struct{ A stamped }{stamped{time.Unix(0, 0), ""}},
		struct{ A redacted }{redacted{User: "eve"}},
	} {
		if _, p := encodeArguments(value); p != nil {
			t.Errorf("%T: %v", value, p)
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
