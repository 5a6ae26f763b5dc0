package signoff

import (
	"encoding/json"
	"math"
	"reflect"
)

// encodeArguments makes a JSON object of a Go value, of maps, lists, strings, booleans, nil and doubles, and converts
// nothing silently on the way.
func encodeArguments(value any) (map[string]any, *problem) {
	v := reflect.ValueOf(value)
	if isNone(v) {
		return map[string]any{}, nil
	}
	if p := checkValue(v, "", 0, 0); p != nil {
		return nil, p
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, &problem{"", problemJSON + ": " + err.Error()}
	}
	// Not exact: here doubles look like integers, and integers have been checked.
	tree, p := readText(text, "", 0, false)
	if p != nil {
		return nil, p
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, &problem{"", problemObject}
	}
	return object, nil
}

// isNone tells whether a value is nil, or a map that is: no arguments.
func isNone(v reflect.Value) bool {
	for v.IsValid() && (v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && !v.IsNil() && !marshals(v)) {
		v = v.Elem()
	}
	return !v.IsValid() || v.Kind() == reflect.Map && v.IsNil() && !marshals(v)
}

// native has int64 for numbers that are whole and within ±(2^53 − 1), in a copy.
func native(value any) any {
	switch value := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, member := range value {
			object[name] = native(member)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, member := range value {
			list[i] = native(member)
		}
		return list
	case float64:
		if value == math.Trunc(value) && math.Abs(value) <= maxInteger {
			return int64(value)
		}
	}
	return value
}
