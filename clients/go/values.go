package signoff

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"unicode/utf8"
)

var (
	numberType        = reflect.TypeFor[json.Number]()
	jsonMarshalerType = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// Pointers may form a circle without any object or list in it.
const maxHops = 1000

// checkValue finds what encoding/json would change silently, such as integers and strings, or refuse without naming
// the place. It sees values as encoding/json does.
func checkValue(v reflect.Value, path string, depth, hops int) *problem {
	if !v.IsValid() {
		return nil
	}
	if hops++; hops > maxHops {
		return &problem{path, problemDepth}
	}
	if v.Type() == numberType {
		if v.String() == "" { // encoding/json takes it for 0.
			return nil
		}
		_, p := readText([]byte(v.String()), path, depth, true)
		return p
	}
	if marshals(v) {
		return checkMarshaled(v, path, depth)
	}
	switch v.Kind() {
	case reflect.Bool:
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n > maxInteger || n < -maxInteger {
			return &problem{path, problemInteger}
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if v.Uint() > maxInteger {
			return &problem{path, problemInteger}
		}
	case reflect.Float32, reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return &problem{path, "is not a finite number"}
		}
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return &problem{path, problemUnicode}
		}
	case reflect.Interface, reflect.Pointer:
		return checkValue(v.Elem(), path, depth, hops)
	case reflect.Map:
		return checkMap(v, path, depth+1, hops)
	case reflect.Slice, reflect.Array:
		if isBytes(v.Type()) && !v.IsNil() {
			return &problem{path, "is bytes, which JSON does not have"}
		}
		return checkList(v, path, depth+1, hops)
	case reflect.Struct:
		if depth++; depth > maxDepth {
			return &problem{path, problemDepth}
		}
		return checkFields(v, path, depth, hops)
	default:
		return &problem{path, problemJSON}
	}
	return nil
}

func checkMap(v reflect.Value, path string, depth, hops int) *problem {
	if depth > maxDepth {
		return &problem{path, problemDepth}
	}
	if key := v.Type().Key(); key.Kind() != reflect.String && !key.Implements(textMarshalerType) {
		return &problem{path, "has names that are not strings"}
	}
	for entries := v.MapRange(); entries.Next(); {
		name := entries.Key().String()
		if m, ok := entries.Key().Interface().(encoding.TextMarshaler); ok && entries.Key().Kind() != reflect.String {
			text, err := m.MarshalText()
			if err != nil {
				return &problem{path, problemJSON}
			}
			name = string(text)
		}
		if !utf8.ValidString(name) {
			return &problem{path, problemName}
		}
		if p := checkValue(entries.Value(), join(path, name), depth, hops); p != nil {
			return p
		}
	}
	return nil
}

func checkList(v reflect.Value, path string, depth, hops int) *problem {
	if depth > maxDepth {
		return &problem{path, problemDepth}
	}
	for i := range v.Len() {
		if p := checkValue(v.Index(i), at(path, i), depth, hops); p != nil {
			return p
		}
	}
	return nil
}

const problemHidden = "is left out of JSON, so reviewers cannot see it"

func checkFields(v reflect.Value, path string, depth, hops int) *problem {
	fields := fieldsOf(v.Type())
	for _, field := range fields.hidden {
		if value := field.of(v); value.IsValid() && !value.IsZero() {
			return &problem{join(path, field.name), problemHidden}
		}
	}
	for _, field := range fields.members {
		value := field.of(v)
		if !value.IsValid() || field.quoted && isInteger(value.Type()) && !marshals(value) {
			continue // Behind a nil pointer, or encoded as a text.
		}
		if field.omitsZero && hidesAsZero(value) {
			return &problem{join(path, field.name), problemHidden}
		}
		if p := checkValue(value, join(path, field.name), depth, hops); p != nil {
			return p
		}
	}
	return nil
}

// hidesAsZero tells whether omitzero leaves a value out that holds something, as its own IsZero says that it is zero.
func hidesAsZero(v reflect.Value) bool {
	if v.IsZero() || !v.CanInterface() {
		return false
	}
	boxed := reflect.New(v.Type())
	boxed.Elem().Set(v)
	itself, ok := boxed.Interface().(interface{ IsZero() bool })
	return ok && (v.Kind() != reflect.Pointer && v.Kind() != reflect.Interface || !v.IsNil()) && itself.IsZero()
}

// isBytes tells whether encoding/json makes base64 of a type.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 &&
		!implementsMarshaler(reflect.PointerTo(t.Elem()))
}

func isInteger(t reflect.Type) bool { return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr }

// marshals tells whether a value encodes itself.
func marshals(v reflect.Value) bool {
	return implementsMarshaler(v.Type()) ||
		v.CanAddr() && v.Kind() != reflect.Pointer && implementsMarshaler(reflect.PointerTo(v.Type()))
}

func implementsMarshaler(t reflect.Type) bool {
	return t.Implements(jsonMarshalerType) || t.Implements(textMarshalerType)
}

func checkMarshaled(v reflect.Value, path string, depth int) *problem {
	if v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	if (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return nil
	}
	if !v.CanInterface() { // Embedded and unexported: encoding/json cannot call it either.
		return &problem{path, problemJSON}
	}
	value := v.Interface()
	if v.CanAddr() {
		value = v.Addr().Interface()
	}
	text, err := json.Marshal(value)
	if err != nil {
		return &problem{path, problemJSON + ": " + err.Error()}
	}
	if m, ok := value.(encoding.TextMarshaler); ok {
		if plain, err := m.MarshalText(); err == nil && !utf8.Valid(plain) {
			return &problem{path, problemUnicode}
		}
	}
	if field := hiddenByItself(v, text); field != "" {
		return &problem{join(path, field), problemHidden}
	}
	_, p := readText(text, path, depth, true)
	return p
}

// hiddenByItself names a field that holds something, and does not show in the struct's own encoding. So it is when a
// struct embeds a type that encodes itself, such as [time.Time]: that encodes the whole.
func hiddenByItself(v reflect.Value, text []byte) string {
	if v = reflect.Indirect(v); v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		if v.Field(i).IsZero() || !v.Field(i).CanInterface() {
			continue
		}
		without := reflect.New(v.Type())
		without.Elem().Set(v)
		without.Elem().Field(i).SetZero()
		if other, err := marshalCarefully(without.Interface()); err == nil && bytes.Equal(other, text) {
			return v.Type().Field(i).Name
		}
	}
	return ""
}

// marshalCarefully encodes a value that its own methods may not expect.
func marshalCarefully(value any) (text []byte, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	return json.Marshal(value)
}
