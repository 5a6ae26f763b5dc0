package signoff

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/google/uuid"
)

// derived is the schema of a type, as JSON.
func derived(t *testing.T, of reflect.Type) any {
	t.Helper()
	found := schemaOf(of)
	if found.problem != "" || found.schema == nil {
		t.Fatalf("%v: %q", of, found.problem)
	}
	return any(found.schema.AsMap())
}

// validator is the schema of a type, for checks.
func validator(t *testing.T, of reflect.Type) *jsonschema.Resolved {
	t.Helper()
	text, err := json.Marshal(derived(t, of))
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// nullableToo is a schema that accepts null, which is what Go makes of a nil slice or map.
func nullableToo(schema any) any {
	both := maps.Clone(schema.(map[string]any))
	both["type"] = []any{both["type"], "null"}
	return both
}

func TestSchemasOfTheVectors(t *testing.T) {
	t.Parallel()
	for _, vector := range readValues(t).Types {
		for _, of := range typesOfValues[vector.Name] {
			expected := vector.Schema
			if isNilable(of.Field(0).Type) {
				expected = nullableToo(expected)
			}
			whole := map[string]any{
				"type": "object", "properties": map[string]any{"V": expected}, "additionalProperties": false,
			}
			if !isNilable(of.Field(0).Type) {
				whole["required"] = []any{"V"}
			}
			if got := derived(t, of); !reflect.DeepEqual(got, any(whole)) {
				t.Errorf("%v: %v", of, got)
			}
			check := validator(t, of)
			for _, pair := range vector.Accepted {
				if err := check.Validate(map[string]any{"V": pair[0]}); err != nil {
					t.Errorf("%v: %v", of, err)
				}
			}
			for _, value := range vector.Refused {
				text, _ := value.(string)
				noSuchDay := strings.HasPrefix(text, "2026-02-30T")
				null := value == nil && isNilable(of.Field(0).Type)
				if err := check.Validate(map[string]any{"V": value}); (err == nil) != (noSuchDay || null) {
					t.Errorf("%v: %v: %v", of, value, err)
				}
			}
		}
	}
}

type wide struct {
	EmbeddedOrder
	*Signed
	Yes    bool              `json:"yes"`
	Small  int8              `json:"small"`
	Byte   uint8             `json:"byte,omitempty"`
	Whole  uint64            `json:"whole"`
	Share  float32           `json:"share"`
	Name   louderText        `json:"name"`
	ID     uuid.UUID         `json:"id"`
	From   *netip.Addr       `json:"from"`
	When   time.Time         `json:"when,omitzero"`
	Maybe  *time.Time        `json:"maybe"`
	Number json.Number       `json:"number"`
	Big    int64             `json:"big,string"`
	Flag   *bool             `json:"flag,string"`
	List   []*int            `json:"list,omitempty"`
	Pair   [2]bool           `json:"pair"`
	Map    map[string][]bool `json:"map"`
	Inner  *part             `json:"inner"`
	Parts  []part            `json:"parts"`
	Any    any               `json:"any"`
	Raw    json.RawMessage   `json:"raw"`
	Odd    encodesOnlyAt     `json:"odd"`
}

type Signed struct {
	By string `json:"by"`
}

type part struct {
	Name string `json:"name"`
	Size *uint  `json:"size,omitempty"`
}

type louderText string

type textMap map[string]string

func (textMap) MarshalText() ([]byte, error)    { return nil, nil }
func (textMap) UnmarshalText(text []byte) error { return nil }

// encodesOnlyAt encodes itself where its address can be taken, and not in a map.
type encodesOnlyAt struct{ text string }

func (e *encodesOnlyAt) MarshalText() ([]byte, error)    { return []byte(e.text), nil }
func (e *encodesOnlyAt) UnmarshalText(text []byte) error { e.text = string(text); return nil }

func TestSchemaOfAStruct(t *testing.T) {
	t.Parallel()
	const text = `{
		"type": "object", "additionalProperties": false,
		"required": ["yes", "small", "whole", "share", "name", "id", "number", "big", "pair", "odd", "to"],
		"properties": {
			"to": {"type": "string"}, "by": {"type": "string"}, "yes": {"type": "boolean"},
			"count": {"type": "integer", "minimum": 0, "maximum": 65535},
			"small": {"type": "integer", "minimum": -128, "maximum": 127},
			"byte": {"type": "integer", "minimum": 0, "maximum": 255},
			"whole": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
			"share": {"type": "number"}, "name": {"type": "string"}, "id": {"type": "string"},
			"from": {"type": ["string", "null"]}, "number": {"type": "number"},
			"when": {"type": "string", "format": "date-time", "pattern": "PATTERN"},
			"maybe": {"type": ["string", "null"], "format": "date-time", "pattern": "PATTERN"},
			"big": {"type": "string", "pattern": "^-?(0|[1-9][0-9]*)$"},
			"flag": {"type": ["string", "null"], "pattern": "^(true|false)$"},
			"list": {"type": ["array", "null"], "items": {
				"type": ["integer", "null"], "minimum": -9007199254740991, "maximum": 9007199254740991
			}},
			"pair": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2},
			"map": {"type": ["object", "null"], "additionalProperties": {
				"type": ["array", "null"], "items": {"type": "boolean"}
			}},
			"inner": {"type": ["object", "null"], "additionalProperties": false, "required": ["name"], "properties": {
				"name": {"type": "string"}, "size": {"type": ["integer", "null"], "minimum": 0, "maximum": 9007199254740991}
			}},
			"parts": {"type": ["array", "null"], "items": {
				"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
					"name": {"type": "string"},
					"size": {"type": ["integer", "null"], "minimum": 0, "maximum": 9007199254740991}
				}
			}},
			"any": {}, "raw": {}, "odd": {}
		}
	}`
	quoted, err := json.Marshal(timePattern)
	if err != nil {
		t.Fatal(err)
	}
	var expected any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, `"PATTERN"`, string(quoted))), &expected); err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[wide](), reflect.TypeFor[**wide]()} {
		if got := derived(t, of); !reflect.DeepEqual(got, expected) {
			t.Errorf("%v", got)
		}
	}
}

func TestSchemasThatAreLeftOut(t *testing.T) {
	t.Parallel()
	type loop []loop
	type hoop *hoop
	type tree struct {
		Left, Right *tree
		Value       map[string]int
	}
	type many struct {
		A, B, C, D, E, F, G, H, I, J struct {
			A, B, C, D, E, F, G, H, I, J, K, L, M, N, O struct{ Name, Address, Telephone, Email string }
		}
	}
	for end, of := range map[string]reflect.Type{
		"loop contains itself":            reflect.TypeFor[struct{ A loop }](),
		"hoop contains itself":            reflect.TypeFor[struct{ A hoop }](),
		"tree contains itself":            reflect.TypeFor[tree](),
		"bytes; the maximum is 16384":     reflect.TypeFor[many](),
		"41 patterns; the maximum is 40":  structOf(41, reflect.TypeFor[int](), `,string`),
		"2004 nodes; the maximum is 2000": structOf(2001, reflect.TypeFor[any](), ""),
		"33 levels; the maximum is 32":    nested(16),
		"cannot express []uint8":          reflect.TypeFor[struct{ A []byte }](),
		"cannot express fmt.Stringer":     reflect.TypeFor[struct{ A fmt.Stringer }](),
		"cannot express func()":           reflect.TypeFor[map[string]func()](),
	} {
		found := schemaOf(of)
		if found.schema != nil || !strings.HasSuffix(found.problem, end) {
			t.Errorf("%s: %q", end, found.problem)
		}
	}
	// These take anything.
	for _, of := range []reflect.Type{
		reflect.TypeFor[any](), reflect.TypeFor[map[string]any](), reflect.TypeFor[*map[string]any](),
		reflect.TypeFor[json.RawMessage](), reflect.TypeFor[**map[string]*any](),
	} {
		if found := schemaOf(of); found.schema != nil || found.problem != "" {
			t.Errorf("%v: %v", of, found)
		}
	}
	// Its JSON is never an object, so no call of it is asked for.
	if found := schemaOf(reflect.TypeFor[textMap]()); found.schema.AsMap()["type"] != "string" {
		t.Errorf("%v", found)
	}
	for _, of := range []reflect.Type{
		structOf(40, reflect.TypeFor[int](), `,string`), structOf(1997, reflect.TypeFor[any](), ""), nested(15),
	} {
		if found := schemaOf(of); found.schema == nil {
			t.Errorf("%.80v: %s", of, found.problem)
		}
	}
	// A part that stands beside itself is none of its own parts.
	twice := derived(t, reflect.TypeFor[map[string]struct{ A, B part }]())
	if twice.(map[string]any)["type"] != "object" {
		t.Errorf("%v", twice)
	}
}

// structOf has so many fields of a type, with short names.
func structOf(count int, of reflect.Type, option string) reflect.Type {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	fields := make([]reflect.StructField, count)
	for i := range fields {
		name := letters[i%len(letters):][:1] + letters[i/len(letters):][:1]
		tag := reflect.StructTag(fmt.Sprintf(`json:"%s%s"`, name, option))
		fields[i] = reflect.StructField{Name: fmt.Sprint("F", i), Type: of, Tag: tag}
	}
	return reflect.StructOf(fields)
}

// nested is a struct in so many others.
func nested(levels int) reflect.Type {
	of := reflect.TypeFor[string]()
	for range levels {
		of = reflect.StructOf([]reflect.StructField{{Name: "A", Type: of}})
	}
	return of
}

// Whatever the reader takes of an edit, the schema accepts.
func TestLimitsOfSchemas(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "tests", "conformance", "schemas.json"))
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Schemas []struct {
			Name   string
			Sent   bool
			Schema object
		}
	}
	if err := json.Unmarshal(content, &read); err != nil {
		t.Fatal(err)
	}
	if len(read.Schemas) == 0 {
		t.Fatal("nothing to check")
	}
	for _, vector := range read.Schemas {
		if problem := overLimit(vector.Schema); (problem == "") != vector.Sent {
			t.Errorf("%s: %q", vector.Name, problem)
		}
	}
}

func TestSchemasAcceptWhatIsRead(t *testing.T) {
	t.Parallel()
	of := reflect.TypeFor[wide]()
	check := validator(t, of)
	from, one, later := netip.MustParseAddr("::1"), 1, time.Unix(1e9, 5e8).UTC()
	valid := wide{
		EmbeddedOrder: EmbeddedOrder{To: "a"}, Number: "1.5", From: &from, List: []*int{&one, nil}, When: later,
		Maybe: &later, Flag: new(bool), Map: map[string][]bool{"x": {true}, "y": nil}, Inner: &part{Name: "b"},
		Parts: []part{{Name: "c"}}, Any: []any{1.0}, Raw: json.RawMessage(`{"a": [null]}`),
	}
	values := []any{
		nil, true, 0.0, 1.0, -1.0, 1.5, 127.0, 128.0, 255.0, 256.0, 1e17, 1e300, "", "a", "1", "-7", "007", "true", "null",
		"0190f3c4-0000-7000-8000-000000000001", "0190F3C4-0000-7000-8000-000000000001", "::1", "10.0.0.1",
		"2026-11-29T20:00:00Z", "2026-11-29T20:00:00.10Z", "2026-11-29T20:00:00+00:00", "2026-11-29T20:00:00",
		[]any{}, []any{1.0}, []any{true, false}, []any{nil}, []any{"a"}, map[string]any{}, map[string]any{"name": "x"},
		map[string]any{"name": "x", "size": 3.0}, map[string]any{"name": "x", "size": nil},
		map[string]any{"name": 1.0}, map[string]any{"x": []any{false}}, map[string]any{"x": nil},
	}
	random := rand.New(rand.NewPCG(1, 2))
	read, refused := 0, 0
	for range 4_000 {
		given, p := encodeArguments(&valid)
		if p != nil {
			t.Fatal(p)
		}
		names := slices.Sorted(maps.Keys(given))
		for range 1 + random.IntN(2) {
			name := append(names, "by", "count", "extra", "To")[random.IntN(len(names)+4)]
			if random.IntN(10) == 0 {
				delete(given, name)
			} else {
				given[name] = values[random.IntN(len(values))]
			}
		}
		_, p = rebuild(given, of)
		err := check.Validate(given)
		if p == nil {
			read++
			if err != nil {
				t.Errorf("%v: %v", given, err)
			}
		}
		if err != nil {
			refused++
		}
	}
	if read < 200 || refused < 200 {
		t.Errorf("read %d, refused %d", read, refused)
	}
}

// A caller's own arguments are never what the schema refuses.
func TestSchemasAcceptTheCallersArguments(t *testing.T) {
	t.Parallel()
	type arguments struct {
		EmbeddedOrder
		A int32 `json:",string"`
		B map[string]*part
		C []float64 `json:",omitempty"`
		D *string
		E [2]float32
		F struct{ G [][]bool }
		H map[louderText]**int8
		I uint16 `json:",omitzero"`
	}
	check, accepted := validator(t, reflect.TypeFor[arguments]()), 0
	accepts := func(given arguments) bool {
		shown, p := encodeArguments(&given)
		if p != nil {
			return true
		}
		accepted++
		err := check.Validate(shown)
		if err != nil {
			t.Logf("%v: %v", shown, err)
		}
		return err == nil
	}
	if err := quick.Check(accepts, &quick.Config{MaxCount: 200}); err != nil || accepted < 50 {
		t.Errorf("accepted %d, %v", accepted, err)
	}
}
