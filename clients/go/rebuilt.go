package signoff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// rebuild makes a Go value of a type from approved arguments. A function never gets the caller's own value, which may
// have state that its JSON does not show, or may have changed since. Everything that the type would omit, change or add
// is a problem.
func rebuild(arguments map[string]any, t reflect.Type) (reflect.Value, *problem) {
	if p := fit(arguments, t, ""); p != nil {
		return reflect.Value{}, p
	}
	text, err := canonical(arguments)
	if err != nil {
		return reflect.Value{}, &problem{"", problemJSON}
	}
	made := reflect.New(t)
	if err := decodeCarefully(text, made.Interface()); err != nil {
		return reflect.Value{}, &problem{"", "does not fit the function: " + err.Error()}
	}
	settle(made.Elem())
	back, p := encodeArguments(made.Interface())
	if p != nil {
		return reflect.Value{}, p
	}
	if p := difference(arguments, back, t, ""); p != nil {
		return reflect.Value{}, p
	}
	return made.Elem(), nil
}

// decodeCarefully decodes into a value whose own methods may panic.
func decodeCarefully(text []byte, into any) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// settle makes a value that was decoded the same wherever it was: with the numbers of native where a type declares
// none, and times that know nothing of the process's own time zone.
func settle(v reflect.Value) {
	if v.Type() == timeType && v.CanSet() {
		v.Set(reflect.ValueOf(withFixedOffset(v.Interface().(time.Time))))
		return
	}
	if !isTime(v.Type()) && v.Type() != reflect.TypeFor[any]() && unmarshals(v.Type()) {
		return // It decodes itself, and knows what it holds.
	}
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() && v.CanSet() {
			v.Set(reflect.ValueOf(native(v.Interface())))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			settle(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			settle(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if mayHoldAnything(v.Type().Elem()) {
			for i := range v.Len() {
				settle(v.Index(i))
			}
		}
	case reflect.Map:
		if !mayHoldAnything(v.Type().Elem()) {
			return
		}
		for _, key := range v.MapKeys() {
			member := reflect.New(v.Type().Elem()).Elem()
			member.Set(v.MapIndex(key))
			settle(member)
			v.SetMapIndex(key, member)
		}
	}
}

// mayHoldAnything tells whether a value of a type can have members without a declared type.
func mayHoldAnything(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface, reflect.Pointer, reflect.Struct, reflect.Slice, reflect.Array, reflect.Map:
		return true
	default:
		return false
	}
}

// difference finds where a target decoded a value to another one. Empty members may be missing in the result, and nil
// ones in the input. The type is nil where the target declares none.
func difference(given, took any, t reflect.Type, path string) *problem {
	changed := &problem{path, "is changed by the function's type"}
	switch given := given.(type) {
	case map[string]any:
		object, ok := took.(map[string]any)
		if !ok {
			return changed
		}
		for name, value := range given {
			other, there := object[name]
			if !there && isEmpty(value) {
				continue
			}
			if p := difference(value, other, memberType(t, name), join(path, name)); p != nil {
				return p
			}
		}
		for name, value := range object {
			if _, there := given[name]; !there && value != nil {
				return &problem{path, fmt.Sprintf("is missing `%s`", name)}
			}
		}
	case []any:
		list, ok := took.([]any)
		if !ok || len(list) != len(given) {
			return changed
		}
		for i, value := range given {
			if p := difference(value, list[i], memberType(t, ""), at(path, i)); p != nil {
				return p
			}
		}
	default:
		if given != took && !(t != nil && isTime(t) && isSameTime(given, took)) {
			return changed
		}
	}
	return nil
}

// memberType is the type that a type declares for its members, or for the one of a name; nil if it declares none.
func memberType(t reflect.Type, name string) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Interface && unmarshals(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		field, _ := fieldsOf(t).member(name)
		return field.typ
	case reflect.Map, reflect.Slice, reflect.Array:
		return t.Elem()
	default:
		return nil
	}
}

// isEmpty tells whether encoding/json may leave a value out.
func isEmpty(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	default:
		return value == nil || value == false || value == 0.0 || value == ""
	}
}
