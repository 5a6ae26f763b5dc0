package signoff

import (
	"fmt"
	"maps"
	"reflect"
	"sync"

	"google.golang.org/protobuf/types/known/structpb"
)

// The schema of a request describes the edits that rebuild accepts, as far as JSON Schema can, so that the server
// rejects other edits while the reviewer can still correct them. It is made from the fields that rebuild reads. It
// accepts everything that rebuild accepts: it must not reject the caller's own arguments.

// What is sent of a schema: bytes of canonical JSON, patterns, objects and booleans, and levels of nesting. The server's
// library for protobuf decodes few more levels. The server takes more patterns, but then not with arguments of any size.
const (
	maxSchemaBytes    = 16 << 10
	maxSchemaPatterns = 40
	maxSchemaNodes    = 2000
	maxSchemaLevels   = 32
)

const integerPattern = `^-?(0|[1-9][0-9]*)$`

type object = map[string]any

// derivedSchema is the schema of a type, or why there is none. Both are empty for a type that takes any arguments.
type derivedSchema struct {
	schema  *structpb.Struct
	problem string
}

var schemasOfTypes sync.Map

// schemaOf is the schema of arguments of a type. It is shared, and must not be changed.
func schemaOf(t reflect.Type) derivedSchema {
	if known, ok := schemasOfTypes.Load(t); ok {
		return known.(derivedSchema)
	}
	derived := deriveSchema(t)
	schemasOfTypes.Store(t, derived)
	return derived
}

func deriveSchema(t reflect.Type) derivedSchema {
	arguments := t
	for arguments.Kind() == reflect.Pointer {
		arguments = arguments.Elem() // Arguments are never null.
	}
	schema, problem := derivation{}.of(arguments)
	if problem != "" {
		return derivedSchema{problem: problem}
	}
	if members, isMap := schema["additionalProperties"].(object); isMap {
		schema["type"] = "object"
		if len(members) == 0 {
			return derivedSchema{}
		}
	}
	if len(schema) == 0 {
		return derivedSchema{}
	}
	if problem := overLimit(schema); problem != "" {
		return derivedSchema{problem: fmt.Sprintf("that of %.80v %s", t, problem)}
	}
	made, err := structpb.NewStruct(schema)
	if err != nil {
		return derivedSchema{problem: err.Error()}
	}
	return derivedSchema{schema: made}
}

// overLimit says which limit a schema is over, if it is over one.
func overLimit(schema object) string {
	text, err := canonical(schema)
	if err != nil {
		return err.Error()
	}
	size := sizeOf(schema)
	for _, bound := range []struct {
		what     string
		has, can int
	}{
		{"bytes", len(text), maxSchemaBytes}, {"patterns", size.patterns, maxSchemaPatterns},
		{"nodes", size.nodes, maxSchemaNodes}, {"levels", size.levels, maxSchemaLevels},
	} {
		if bound.has > bound.can {
			return fmt.Sprintf("has %d %s; the maximum is %d", bound.has, bound.what, bound.can)
		}
	}
	return ""
}

type schemaSize struct{ patterns, nodes, levels int }

// sizeOf measures a schema as the server does.
func sizeOf(value any) (size schemaSize) {
	add := func(part schemaSize) {
		size.patterns, size.nodes = size.patterns+part.patterns, size.nodes+part.nodes
		size.levels = max(size.levels, part.levels+1)
	}
	switch value := value.(type) {
	case bool:
		size.nodes = 1
	case []any:
		size.levels = 1
		for _, member := range value {
			add(sizeOf(member))
		}
	case object:
		size.nodes, size.levels = 1, 1
		for name, member := range value {
			add(sizeOf(member))
			if _, isText := member.(string); isText && name == "pattern" {
				size.patterns++
			}
		}
	}
	return size
}

// derivation holds the enclosing types: a type must not contain one of them.
type derivation map[reflect.Type]bool

// of returns the schema of a type, or what keeps it from having one.
func (d derivation) of(t reflect.Type) (schema object, problem string) {
	if d[t] {
		return nil, fmt.Sprintf("%.80v contains itself", t)
	}
	d[t] = true
	defer delete(d, t)
	switch {
	case t == timeType:
		return object{"type": "string", "format": "date-time", "pattern": timePattern}, ""
	case t == numberType:
		return object{"type": "number"}, ""
	case t.Kind() == reflect.Pointer:
		return d.nullable(d.of(t.Elem()))
	case t.Kind() != reflect.Interface && (encodesItself(t) || unmarshals(t)):
		return ofItself(t), ""
	case isInteger(t):
		least, greatest := rangeOf(t)
		return object{"type": "integer", "minimum": least, "maximum": greatest}, ""
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}, ""
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}, ""
	case reflect.String:
		return object{"type": "string"}, ""
	case reflect.Slice, reflect.Array:
		return d.ofList(t)
	case reflect.Map:
		members, problem := d.of(t.Elem())
		return d.nullable(object{"type": "object", "additionalProperties": members}, problem)
	case reflect.Struct:
		return d.ofStruct(t)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return object{}, ""
		}
	}
	return nil, fmt.Sprintf("JSON Schema cannot express %.80v", t)
}

func (d derivation) ofList(t reflect.Type) (object, string) {
	if isBytes(t) {
		return nil, fmt.Sprintf("JSON Schema cannot express %.80v", t)
	}
	members, problem := d.of(t.Elem())
	if t.Kind() == reflect.Slice {
		return d.nullable(object{"type": "array", "items": members}, problem)
	}
	length := float64(t.Len())
	return object{"type": "array", "items": members, "minItems": length, "maxItems": length}, problem
}

func (d derivation) ofStruct(t reflect.Type) (object, string) {
	members, required := object{}, []any{}
	for _, field := range fieldsOf(t).members {
		member, problem := d.ofField(field)
		if problem != "" {
			return nil, problem
		}
		members[field.name] = member
		if isRequired(t, field) {
			required = append(required, field.name)
		}
	}
	schema := object{"type": "object", "properties": members, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema, ""
}

func (d derivation) ofField(field structField) (object, string) {
	if !field.quoted {
		return d.of(field.typ)
	}
	schema, quoted := object{"type": "string"}, field.typ
	for quoted.Kind() == reflect.Pointer {
		quoted = quoted.Elem()
	}
	switch {
	case encodesItself(quoted) || unmarshals(quoted):
	case isInteger(quoted):
		schema["pattern"] = integerPattern
	case quoted.Kind() == reflect.Bool:
		schema["pattern"] = `^(true|false)$`
	}
	if isNilable(field.typ) {
		return d.nullable(schema, "")
	}
	return schema, ""
}

// nullable is a schema that accepts null too.
func (derivation) nullable(schema object, problem string) (object, string) {
	kind, isOne := schema["type"].(string)
	if !isOne { // Anything, or nullable already.
		return schema, problem
	}
	both := maps.Clone(schema)
	both["type"] = []any{kind, "null"}
	return both, problem
}

// ofItself is the schema of a type that encodes itself. All that is known is whether that is a text.
func ofItself(t reflect.Type) object {
	pointer := reflect.PointerTo(t)
	if t.Implements(textMarshalerType) && !pointer.Implements(jsonMarshalerType) &&
		!pointer.Implements(jsonUnmarshalerType) {
		return object{"type": "string"}
	}
	return object{}
}

// rangeOf is what an integer's type and a double both hold.
func rangeOf(t reflect.Type) (least, greatest float64) {
	bits := t.Bits()
	if t.Kind() >= reflect.Uint {
		return 0, min(maxInteger, float64(uint64(1)<<(bits-1))*2-1)
	}
	greatest = min(maxInteger, float64(uint64(1)<<(bits-1))-1)
	return max(-maxInteger, -greatest-1), greatest
}
