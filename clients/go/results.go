package signoff

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"strings"

	"google.golang.org/protobuf/proto"
)

// The gate reports success when the function returns, so its work must be done then. Results that are unfinished work
// (channels, functions such as iterators, readers) would run outside the gate.

var (
	readerType  = reflect.TypeFor[io.Reader]()
	messageType = reflect.TypeFor[proto.Message]()
	// Readers of what is in memory already.
	inMemory = map[reflect.Type]bool{
		reflect.TypeFor[*bytes.Buffer](): true, reflect.TypeFor[*bytes.Reader](): true,
		reflect.TypeFor[*strings.Reader](): true,
	}
)

// UnfinishedError says that a gated function has run, and returned unfinished work in an interface. This was reported
// as a failure, and the result is dropped: its work outside the gate was not approved.
type UnfinishedError struct {
	// ToolName is the name of the tool that was called.
	ToolName string
	// Result is the unfinished work: "a channel (chan int)".
	Result string
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("signoff: the function of %s has run, and returned %s, whose work continues outside the "+
		"gate: finish it in the function, and return its result", e.ToolName, e.Result)
}

// unbegun finds unfinished work in a type of results; empty if there is none.
func unbegun(t reflect.Type) string { return unfinished{}.inType(t) }

// checkResult is an error of use if a function with such a result cannot be gated.
func checkResult(t reflect.Type) error {
	if found := unbegun(t); found != "" {
		return misused("", "the function returns %s, whose work would run outside the gate: "+
			"finish it in the function, and return its result", found)
	}
	return nil
}

// unbegunIn is unbegun for a value with interfaces, whose type is not enough.
func unbegunIn(result any) string { return unfinished{}.inValue(reflect.ValueOf(result), 0) }

// unfinished holds the visited types: they may be recursive.
type unfinished map[reflect.Type]bool

func (u unfinished) inType(t reflect.Type) string {
	if u[t] || inMemory[t] || inMemory[reflect.PointerTo(t)] {
		return ""
	}
	u[t] = true
	if t.Implements(readerType) || t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(readerType) {
		return fmt.Sprintf("a reader (%v)", t)
	}
	if isData(t) || t.PkgPath() == "sync" { // A lock in a struct is no work.
		return ""
	}
	switch t.Kind() {
	case reflect.Chan:
		return fmt.Sprintf("a channel (%v)", t)
	case reflect.Func:
		return fmt.Sprintf("a function (%v)", t)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return u.inType(t.Elem())
	case reflect.Map:
		if found := u.inType(t.Key()); found != "" {
			return found
		}
		return u.inType(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if found := u.inType(t.Field(i).Type); found != "" {
				return found
			}
		}
	}
	return ""
}

// isData tells whether a type encodes itself: then it is data, whatever it contains.
func isData(t reflect.Type) bool {
	return t.Kind() != reflect.Interface &&
		(t.Implements(messageType) || reflect.PointerTo(t).Implements(messageType) || encodesItself(t))
}

// inValue follows only what JSON is made of too: lists and maps of interfaces, and structs that stand in them. Others
// may be in use elsewhere, and reading them here would be a race.
func (u unfinished) inValue(v reflect.Value, depth int) string {
	if !v.IsValid() || depth > maxDepth {
		return ""
	}
	if v.Kind() == reflect.Interface {
		return u.inValue(v.Elem(), depth)
	}
	if found := u.inType(v.Type()); found != "" || isData(v.Type()) {
		return found
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Interface {
			return ""
		}
		for i := range v.Len() {
			if found := u.inValue(v.Index(i), depth+1); found != "" {
				return found
			}
		}
	case reflect.Map:
		if v.Type().Elem().Kind() != reflect.Interface {
			return ""
		}
		for entries := v.MapRange(); entries.Next(); {
			if found := u.inValue(entries.Value(), depth+1); found != "" {
				return found
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if found := u.inValue(v.Field(i), depth+1); found != "" {
				return found
			}
		}
	}
	return ""
}
