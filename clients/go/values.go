package signoff

import (
	"encoding"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"
)

var (
	numberType        = reflect.TypeFor[json.Number]()
	jsonMarshalerType = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// Pointers and embedded structs may form a circle without any object or list in it.
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

func checkFields(v reflect.Value, path string, depth, hops int) *problem {
	if hops++; hops > maxHops {
		return &problem{path, problemDepth}
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		value, embeds := v.Field(i), field.Anonymous && isStruct(field.Type)
		if tag == "-" || !field.IsExported() && !embeds {
			if !value.IsZero() {
				return &problem{join(path, field.Name), "is left out of JSON, so that nobody can approve it"}
			}
			continue
		}
		if embeds && name == "" {
			if value = reflect.Indirect(value); value.IsValid() {
				if p := checkFields(value, path, depth, hops); p != nil {
					return p
				}
			}
			continue
		}
		if strings.Contains(","+options+",", ",string,") && isInteger(field.Type) && !marshals(value) {
			continue // Encoded as a text.
		}
		if name == "" {
			name = field.Name
		}
		if p := checkValue(value, join(path, name), depth, hops); p != nil {
			return p
		}
	}
	return nil
}

// isStruct tells whether encoding/json takes an embedded field for a struct, exported or not.
func isStruct(t reflect.Type) bool {
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct
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
	_, p := readText(text, path, depth, true)
	return p
}
