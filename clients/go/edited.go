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

// decodeArguments stores arguments where a pointer points, strictly: whatever the target would leave out or change is
// a problem. Go values that are themselves maps of anything get the numbers of native.
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
	if path, lost := firstLost(arguments, back, ""); lost {
		return &problem{path, "cannot be taken as it is by the function"}
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

// firstLost finds what is in the first value and not in the second. Members that are empty may be missing there.
func firstLost(wanted, got any, path string) (string, bool) {
	switch wanted := wanted.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return path, true
		}
		for name, value := range wanted {
			other, there := object[name]
			if !there && isEmpty(value) {
				continue
			}
			if !there {
				return join(path, name), true
			}
			if where, lost := firstLost(value, other, join(path, name)); lost {
				return where, true
			}
		}
		return "", false
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(wanted) {
			return path, true
		}
		for i, value := range wanted {
			if where, lost := firstLost(value, list[i], at(path, i)); lost {
				return where, true
			}
		}
		return "", false
	default:
		return path, wanted != got
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
