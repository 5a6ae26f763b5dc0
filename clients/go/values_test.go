package signoff

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// valuesOfJSON is tests/conformance/values.json.
type valuesOfJSON struct {
	Types []struct {
		Name     string
		Schema   any
		Accepted [][2]any
		Refused  []any
	}
}

func readValues(t *testing.T) (read valuesOfJSON) {
	t.Helper()
	text, err := os.ReadFile("../../tests/conformance/values.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

// typesOfValues are Go's types of those in values.json; nil where Go has none.
var typesOfValues = map[string][]reflect.Type{
	"integer": {
		reflect.TypeFor[struct{ V int }](), reflect.TypeFor[struct{ V int64 }](),
		reflect.TypeFor[struct{ V time.Duration }](),
	},
	"floating point":   {reflect.TypeFor[struct{ V float64 }]()},
	"boolean":          {reflect.TypeFor[struct{ V bool }]()},
	"text":             {reflect.TypeFor[struct{ V string }]()},
	"point in time":    {reflect.TypeFor[struct{ V time.Time }]()},
	"list of integers": {reflect.TypeFor[struct{ V []int64 }](), reflect.TypeFor[struct{ V []int }]()},
	"map of text":      {reflect.TypeFor[struct{ V map[string]string }]()},
	"big integer":      nil,
	"decimal":          nil,
	"date and time":    nil,
	"date":             nil,
	"time of day":      nil,
	"duration":         nil,
	"UUID":             nil,
	"set of text":      nil,
}

func TestValuesOfTheVectors(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, vector := range readValues(t).Types {
		types, known := typesOfValues[vector.Name]
		if !known {
			t.Errorf("there is no %s here", vector.Name)
		}
		for _, declared := range types {
			checked++
			for _, pair := range vector.Accepted {
				given := map[string]any{"V": pair[0]}
				made, p := rebuild(given, declared)
				if p != nil {
					t.Errorf("%v: %v: %v", declared, pair[0], p)
					continue
				}
				back, p := encodeArguments(made.Addr().Interface())
				if p != nil || !reflect.DeepEqual(back, map[string]any{"V": pair[1]}) {
					t.Errorf("%v: %v became %v, %v", declared, pair[0], back, p)
				}
			}
			for _, value := range vector.Refused {
				_, p := rebuild(map[string]any{"V": value}, declared)
				if value == nil && isNilable(declared.Field(0).Type) { // Null is what Go makes of such a nil.
					if p != nil {
						t.Errorf("%v: %v", declared, p)
					}
				} else if p == nil || p.path != "V" && !strings.HasPrefix(p.path, "V[") && p.path != "V.a" {
					t.Errorf("%v: %v: %v", declared, value, p)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("checked %d types", checked)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	type times struct {
		A time.Time            `json:"a"`
		B *time.Time           `json:"b"`
		C []time.Time          `json:"c,omitempty"`
		D map[string]time.Time `json:"d,omitempty"`
		E **time.Time          `json:"e,omitempty"`
		F [1]any               `json:"f,omitzero"`
	}
	for text, zone := range map[string]string{
		"2026-11-29T21:00:00.5+01:00": "2026-11-29T21:00:00.5+01:00", "2026-11-29T20:00:00.000Z": "2026-11-29T20:00:00Z",
		"2026-11-29T20:00:00.10-00:00":   "2026-11-29T20:00:00.1Z",
		"2026-11-29T10:00:00-10:30":      "2026-11-29T10:00:00-10:30",
		"2026-11-29T20:00:00.123456789Z": "2026-11-29T20:00:00.123456789Z",
	} {
		given := map[string]any{
			"a": text, "b": text, "c": []any{text}, "d": map[string]any{"x": text}, "e": text, "f": []any{text},
		}
		made, p := rebuild(given, reflect.TypeFor[times]())
		if p != nil {
			t.Errorf("%s: %v", text, p)
			continue
		}
		got := made.Interface().(times)
		for _, each := range []time.Time{got.A, *got.B, got.C[0], got.D["x"], **got.E} {
			if name := each.Location().String(); each.Format(time.RFC3339Nano) != zone || name != "" && name != "UTC" {
				t.Errorf("%s: %v in %q", text, each, name)
			}
		}
		if got.F[0] != any(text) { // Declared as nothing, it is a text.
			t.Errorf("%v", got.F)
		}
	}
	for _, text := range []string{
		"2026-11-29T20:00:00.1234567891Z", "2026-11-29T20:00:00,5Z", "2026-11-29t20:00:00z", "2026-11-29T23:59:60Z",
		"2026-11-29T20:00:00+24:00", "2026-02-29T20:00:00Z", "12026-11-29T20:00:00Z", "2026-11-29T20:00:00Z\n",
	} {
		for path, given := range map[string]map[string]any{
			"a": {"a": text}, "b": {"a": "2026-11-29T20:00:00Z", "b": text},
			"c[0]": {"a": "2026-11-29T20:00:00Z", "c": []any{text}},
			"d.x":  {"a": "2026-11-29T20:00:00Z", "d": map[string]any{"x": text}},
		} {
			_, p := rebuild(given, reflect.TypeFor[times]())
			if p == nil || *p != (problem{path, problemTime}) {
				t.Errorf("%s: %v", text, p)
			}
		}
	}
	_, p := rebuild(map[string]any{"a": nil}, reflect.TypeFor[times]())
	if p == nil || *p != (problem{"a", problemNull}) {
		t.Errorf("%v", p)
	}
	named := time.Date(2026, 11, 29, 21, 0, 0, 0, time.FixedZone("CET", 3600))
	if fixed := withFixedOffset(named); fixed.Location().String() != "" || !fixed.Equal(named) || fixed.Hour() != 21 {
		t.Errorf("%v", fixed)
	}
	// The same text elsewhere is the text that it is.
	if _, p := rebuild(map[string]any{"A": "x.500Z"}, reflect.TypeFor[struct{ A string }]()); p != nil {
		t.Error(p)
	}
}
