package signoff

import (
	"reflect"
	"strings"
	"sync"
	"unicode"
)

// structFields are the fields of a struct, embedded ones included, as encoding/json sees them.
type structFields struct {
	// Members of the JSON object. No two have the same name.
	members []structField
	// Those that encoding/json omits: reviewers could not see their values.
	hidden []structField
}

type structField struct {
	name  string
	index []int
	typ   reflect.Type
	// Whether the tag gave the name, which then wins over a field that is called so.
	tagged bool
	// Whether the field may be missing in JSON, as omitempty and omitzero say.
	omits bool
	// Whether omitzero says so: what is zero then is up to the type.
	omitsZero bool
	// Whether a text of the value stands in JSON, as the option string says.
	quoted bool
}

var fieldsOfTypes sync.Map

func fieldsOf(t reflect.Type) *structFields {
	if known, ok := fieldsOfTypes.Load(t); ok {
		return known.(*structFields)
	}
	found := (&fieldSearch{visited: map[reflect.Type]bool{}}).search(t)
	fieldsOfTypes.Store(t, found)
	return found
}

// fieldSearch goes through the levels of embedding as encoding/json does.
type fieldSearch struct {
	visited map[reflect.Type]bool
	hidden  []structField
}

type embedding struct {
	typ   reflect.Type
	index []int
}

func (s *fieldSearch) search(t reflect.Type) *structFields {
	found := &structFields{}
	taken := map[string]bool{}
	for level := []embedding{{typ: t}}; len(level) > 0; {
		var members []structField
		var next []embedding
		// A type that is embedded twice at one level counts for both, one that was embedded above for none.
		for _, each := range level {
			s.visited[each.typ] = true
		}
		for _, each := range level {
			m, n := s.direct(each)
			members, next = append(members, m...), append(next, n...)
		}
		byName := map[string][]structField{}
		for _, member := range members {
			byName[member.name] = append(byName[member.name], member)
		}
		for _, member := range members {
			if !taken[member.name] && wins(member, byName[member.name]) {
				found.members = append(found.members, member)
			} else {
				s.hidden = append(s.hidden, member)
			}
		}
		for name := range byName {
			taken[name] = true
		}
		level = next
	}
	found.hidden = s.hidden
	return found
}

// direct returns the members that stand in one struct itself, and the structs that it embeds.
func (s *fieldSearch) direct(in embedding) (members []structField, embedded []embedding) {
	for i := range in.typ.NumField() {
		field := in.typ.Field(i)
		index := append(append([]int(nil), in.index...), i)
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		options = "," + options + ","
		if !isName(name) {
			name = ""
		}
		target := field.Type
		if target.Kind() == reflect.Pointer && target.Name() == "" {
			target = target.Elem()
		}
		embeds := field.Anonymous && target.Kind() == reflect.Struct
		member := structField{name: name, index: index, typ: field.Type, tagged: name != ""}
		switch {
		case tag == "-" || !field.IsExported() && !embeds:
			member.name = field.Name
			if field.Type.Size() > 0 && field.Name != "_" { // Others hold nothing.
				s.hidden = append(s.hidden, member)
			}
		case embeds && name == "" && s.visited[target]:
			member.name = field.Name
			s.hidden = append(s.hidden, member)
		case embeds && name == "":
			embedded = append(embedded, embedding{target, index})
		default:
			member.omitsZero = strings.Contains(options, ",omitzero,")
			member.omits = member.omitsZero || strings.Contains(options, ",omitempty,")
			member.quoted = strings.Contains(options, ",string,") && isQuotable(target)
			if name == "" {
				member.name = field.Name
			}
			members = append(members, member)
		}
	}
	return members, embedded
}

// wins tells whether a member is the one of its name that encoding/json takes, among those at one level.
func wins(member structField, rivals []structField) bool {
	tagged := 0
	for _, rival := range rivals {
		if rival.tagged {
			tagged++
		}
	}
	return len(rivals) == 1 || tagged == 1 && member.tagged
}

// isName tells whether encoding/json takes a name from a tag.
func isName(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return name != ""
}

// isQuotable tells whether the option string has a meaning for a type.
func isQuotable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64:
		return true
	default:
		return isInteger(t)
	}
}

// member finds the member of a name, spelled exactly so.
func (f *structFields) member(name string) (structField, bool) {
	for _, member := range f.members {
		if member.name == name {
			return member, true
		}
	}
	return structField{}, false
}

// of returns the field in a struct. It is not valid behind an embedded pointer that is nil.
func (f structField) of(v reflect.Value) reflect.Value {
	for i, n := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v
}
