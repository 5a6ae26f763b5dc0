package signoff

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"
)

type left struct{ ID, Name, Both int }

type right struct {
	ID   int `json:"ID"`
	Both int
}

type Deep struct{ left }

type number int

// The members of a struct are what encoding/json makes of it, whatever it embeds and however it is tagged.
func TestFieldsAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, value := range []any{
		left{}, Deep{}, inner{}, order{Pair: [2]int{1, 1}, When: time.Unix(0, 0)},
		struct {
			left
			right
		}{},
		struct {
			Deep
			right
		}{},
		struct {
			left
			Both string `json:"both"`
		}{},
		struct {
			left `json:"left"`
			Deep
		}{},
		struct {
			number
			*right
			hidden int
			Shown  int `json:",string"`
			No     int `json:"-"`
		}{right: &right{}, hidden: 1},
		tagged(1, `json:"x"`, `json:"x"`, `json:"y"`, `json:"a\"b"`, `json:"a b"`, `json:"é"`, `json:","`, `json:"-,"`),
	} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var shown map[string]any
		if err := json.Unmarshal(text, &shown); err != nil {
			t.Fatal(err)
		}
		fields := fieldsOf(reflect.TypeOf(value))
		var names []string
		for _, member := range fields.members {
			if _, there := shown[member.name]; there || !member.omits {
				names = append(names, member.name)
			}
		}
		slices.Sort(names)
		if expected := slices.Sorted(maps.Keys(shown)); !slices.Equal(names, expected) {
			t.Errorf("%T: %v, but %v", value, names, expected)
		}
	}
}
