package signoff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// decodeArguments stores arguments where a pointer points, strictly: whatever the target would leave out, change or add
// is a problem. Go values that are themselves maps of anything get the numbers of native.
func decodeArguments(arguments map[string]any, into any) *problem {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return &problem{"", fmt.Sprintf("cannot be stored in a %T", into)}
	}
	target = target.Elem()
	plain := reflect.ValueOf(native(arguments))
	if plain.CanConvert(target.Type()) && target.Kind() == reflect.Map && !marshals(target) {
		target.Set(plain.Convert(target.Type()))
		return nil
	}
	if target.Kind() == reflect.Interface && plain.Type().Implements(target.Type()) {
		target.Set(plain)
		return nil
	}
	text, err := canonical(arguments)
	if err != nil {
		return &problem{"", problemJSON}
	}
	// Into a new value: what the target holds would show through where the arguments say nothing.
	fresh := reflect.New(target.Type())
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(fresh.Interface()); err != nil {
		return decodingProblem(err)
	}
	// encoding/json takes To for to, null for anything, and lists that are too long for arrays.
	back, p := encodeArguments(fresh.Elem().Interface())
	if p != nil {
		return p
	}
	if p := difference(arguments, back, ""); p != nil {
		return p
	}
	target.Set(fresh.Elem())
	return nil
}

func decodingProblem(err error) *problem {
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return &problem{mistyped.Field, fmt.Sprintf("is a %s, which the function does not take there", mistyped.Value)}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if unquoted, err := strconv.Unquote(name); err == nil {
			return &problem{unquoted, "is not known to the function"}
		}
	}
	return &problem{"", "cannot be taken by the function: " + err.Error()}
}

// difference finds where a target took something else than it was given. Members that are empty may be missing in what
// it took, and those that are nil in what it was given.
func difference(given, took any, path string) *problem {
	changed := &problem{path, "cannot be taken as it is by the function"}
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
			if p := difference(value, other, join(path, name)); p != nil {
				return p
			}
		}
		for name, value := range object {
			if _, there := given[name]; !there && value != nil {
				return &problem{join(path, name), "is missing, and what the function takes instead was not approved"}
			}
		}
	case []any:
		list, ok := took.([]any)
		if !ok || len(list) != len(given) {
			return changed
		}
		for i, value := range given {
			if p := difference(value, list[i], at(path, i)); p != nil {
				return p
			}
		}
	default:
		if given != took {
			return changed
		}
	}
	return nil
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
