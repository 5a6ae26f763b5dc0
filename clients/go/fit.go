package signoff

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
)

var (
	jsonUnmarshalerType = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

const (
	problemNull    = "is null"
	problemUnknown = "is not a parameter of the function"
)

// fit finds where a JSON value does not fit a Go type. encoding/json accepts more: names in other case, null for any
// type, unknown names, lists that are too long.
func fit(value any, t reflect.Type, path string) *problem {
	if t == timeType {
		return fitTime(value, path)
	}
	if unmarshals(t) && !(t.Kind() == reflect.Pointer && isTime(t)) {
		return fitItself(value, t, path)
	}
	if value == nil {
		if isNilable(t) {
			return nil
		}
		return &problem{path, problemNull}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return fit(value, t.Elem(), path)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return &problem{path, fmt.Sprintf("cannot be made into a %v", t)}
		}
		return nil
	case reflect.Struct:
		object, ok := value.(map[string]any)
		if !ok {
			return &problem{path, problemObject}
		}
		return fitStruct(object, fieldsOf(t), t, path)
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			return &problem{path, problemObject}
		}
		for name, member := range object {
			if p := fit(member, t.Elem(), join(path, name)); p != nil {
				return p
			}
		}
		return nil
	case reflect.Slice, reflect.Array:
		return fitList(value, t, path)
	default:
		return fitScalar(value, t, path)
	}
}

// fitItself lets a type decode itself. The result is compared afterwards.
func fitItself(value any, t reflect.Type, path string) *problem {
	text, err := json.Marshal(value)
	if err != nil {
		return &problem{path, problemJSON}
	}
	if err := decodeCarefully(text, reflect.New(t).Interface()); err != nil {
		return &problem{path, "does not fit the function: " + err.Error()}
	}
	return nil
}

func fitStruct(object map[string]any, fields *structFields, t reflect.Type, path string) *problem {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, known := fields.member(name); !known {
			return &problem{join(path, name), problemUnknown}
		}
	}
	for _, field := range fields.members {
		value, there := object[field.name]
		if !there && isRequired(t, field) {
			return &problem{path, fmt.Sprintf("is missing `%s`", field.name)}
		}
		if !there {
			continue
		}
		if p := fitField(value, field, join(path, field.name)); p != nil {
			return p
		}
	}
	return nil
}

func fitField(value any, field structField, path string) *problem {
	_, isText := value.(string)
	switch {
	case value == nil && field.omits && !isNilable(field.typ):
		return &problem{path, problemNull} // Else it would be taken for what was left out.
	case field.quoted && value != nil && !isText:
		return &problem{path, "is not a string"}
	case field.quoted && value != nil:
		return nil
	default:
		return fit(value, field.typ, path)
	}
}

// isRequired tells whether a field must be present. A missing field would be empty in the function, which was not
// approved, unless its encoding omits empty values anyway.
func isRequired(t reflect.Type, field structField) bool {
	return !field.omits && !isNilable(field.typ) && !behindPointer(t, field)
}

// behindPointer tells whether a field stands in an embedded struct that may be nil.
func behindPointer(t reflect.Type, field structField) bool {
	for _, n := range field.index[:len(field.index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t = t.Field(n).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

func fitList(value any, t reflect.Type, path string) *problem {
	list, ok := value.([]any)
	if !ok {
		return &problem{path, "is not a list"}
	}
	if t.Kind() == reflect.Array && len(list) != t.Len() {
		return &problem{path, fmt.Sprintf("is not a list of %d", t.Len())}
	}
	for i, member := range list {
		if p := fit(member, t.Elem(), at(path, i)); p != nil {
			return p
		}
	}
	return nil
}

func fitScalar(value any, t reflect.Type, path string) *problem {
	wanted, fits := "", false
	switch {
	case t == numberType:
		wanted = "is not a number"
		_, fits = value.(float64)
	case t.Kind() == reflect.Bool:
		wanted = "is not a boolean"
		_, fits = value.(bool)
	case t.Kind() == reflect.String:
		wanted = "is not a string"
		_, fits = value.(string)
	case isInteger(t) || t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		number, ok := value.(float64)
		if !ok {
			return &problem{path, "is not a number"}
		}
		return fitNumber(number, t, path)
	default:
		return &problem{path, fmt.Sprintf("cannot be made into a %v", t)}
	}
	if !fits {
		return &problem{path, wanted}
	}
	return nil
}

func fitNumber(number float64, t reflect.Type, path string) *problem {
	overflows := false
	switch zero := reflect.Zero(t); {
	case isInteger(t) && number != math.Trunc(number):
		return &problem{path, "is not an integer"}
	case isInteger(t) && math.Abs(number) > maxInteger:
		return &problem{path, problemInteger}
	case zero.CanInt():
		overflows = zero.OverflowInt(int64(number))
	case zero.CanUint():
		overflows = number < 0 || zero.OverflowUint(uint64(math.Abs(number)))
	case t.Kind() == reflect.Float32: // The greatest one is written a little greater than it is.
		overflows = math.IsInf(float64(float32(number)), 0)
	}
	if overflows {
		return &problem{path, fmt.Sprintf("is out of the range of %v", t.Kind())}
	}
	return nil
}

// isNilable tells whether null is a value of a type.
func isNilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		return true
	default:
		return false
	}
}

// unmarshals tells whether a type decodes itself.
func unmarshals(t reflect.Type) bool {
	return implementsUnmarshaler(t) || t.Kind() != reflect.Pointer && implementsUnmarshaler(reflect.PointerTo(t))
}

func implementsUnmarshaler(t reflect.Type) bool {
	return t.Kind() != reflect.Interface && (t.Implements(jsonUnmarshalerType) || t.Implements(textUnmarshalerType))
}
