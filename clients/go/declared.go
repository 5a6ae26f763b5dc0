package signoff

import (
	"fmt"
	"reflect"
)

// declared finds why a reviewer cannot see all of a type's arguments, or why they cannot be rebuilt; empty if they can.
// It needs only the type, no arguments.
func declared(t reflect.Type) string {
	object := t
	for object.Kind() == reflect.Pointer {
		object = object.Elem()
	}
	if k := object.Kind(); k != reflect.Struct && k != reflect.Map && object != reflect.TypeFor[any]() &&
		!(implementsMarshaler(t) && unmarshals(t)) {
		return fmt.Sprintf("%v is not a JSON object: use a struct, or a map with strings as keys", t)
	}
	if p := (declaration{}).check(t, ""); p != nil {
		if p.path == "" {
			return fmt.Sprintf("%v %s", t, p.text)
		}
		return fmt.Sprintf("%s of %v %s", p.path, t, p.text)
	}
	return ""
}

// declaration holds the visited types: they may be recursive.
type declaration map[reflect.Type]bool

func (d declaration) check(t reflect.Type, path string) *problem {
	if d[t] || t == numberType {
		return nil
	}
	d[t] = true
	if t.Kind() != reflect.Interface && unmarshals(t) {
		return nil
	}
	if t.Kind() != reflect.Interface && encodesItself(t) {
		return &problem{path, fmt.Sprintf("is a %v, which encodes itself and cannot decode itself", t)}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.check(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		if isBytes(t) {
			return &problem{path, "is bytes, which JSON does not have: use a string"}
		}
		return d.check(t.Elem(), path+"[]")
	case reflect.Map:
		if key := t.Key(); key.Kind() != reflect.String && !(encodesItself(key) && unmarshals(key)) {
			return &problem{path, "has names that are not strings"}
		}
		return d.check(t.Elem(), path+"[]")
	case reflect.Struct:
		return d.checkStruct(t, path)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return &problem{path, fmt.Sprintf("is a %v, which cannot be made of JSON: declare a type for it", t)}
		}
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		return &problem{path, fmt.Sprintf("is a %v, which JSON does not have", t)}
	}
	return nil
}

func (d declaration) checkStruct(t reflect.Type, path string) *problem {
	fields := fieldsOf(t)
	if len(fields.hidden) > 0 {
		return &problem{
			join(path, fields.hidden[0].name), problemHidden + ": show it, or take it from the context",
		}
	}
	for _, field := range fields.members {
		if embedded, ok := unreachable(t, field); ok {
			return &problem{join(path, embedded), "is a pointer to an unexported struct: embed the struct"}
		}
		if p := d.check(field.typ, join(path, field.name)); p != nil {
			return p
		}
	}
	return nil
}

// unreachable finds an embedded pointer that encoding/json cannot fill on the way to a field.
func unreachable(t reflect.Type, field structField) (string, bool) {
	for _, n := range field.index[:len(field.index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		embedded := t.Field(n)
		if embedded.Type.Kind() == reflect.Pointer && !embedded.IsExported() {
			return embedded.Name, true
		}
		t = embedded.Type
	}
	return "", false
}

// encodesItself tells whether a value of a type encodes itself, wherever it stands.
func encodesItself(t reflect.Type) bool {
	return implementsMarshaler(t) || t.Kind() != reflect.Pointer && implementsMarshaler(reflect.PointerTo(t))
}
