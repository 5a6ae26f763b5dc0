package signoff

import (
	"reflect"
	"regexp"
	"strings"
	"time"
)

// A [time.Time] is shown as RFC 3339 with an offset. Reviewers may write the same time in other ways than Go does, with
// zeros at the end of the fraction or an offset of zero: these are read too. Whatever else [time.Time] reads is
// refused.

var timeType = reflect.TypeFor[time.Time]()

// timePattern is what JSON Schema can say of it: not which days a month has.
const timePattern = `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]` +
	`(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`

var timeForm = regexp.MustCompile(timePattern)

const problemTime = "is not a time with an offset, such as 2026-11-29T20:00:00Z"

// fitTime finds where a JSON value is not a time.
func fitTime(value any, path string) *problem {
	text, isText := value.(string)
	if value == nil {
		return &problem{path, problemNull}
	}
	if _, err := time.Parse(time.RFC3339, text); !isText || err != nil || !timeForm.MatchString(text) {
		return &problem{path, problemTime}
	}
	return nil
}

// isSameTime tells whether a text is what Go writes for a time that was given in another way.
func isSameTime(given, took any) bool {
	text, ok := given.(string)
	parts := timeForm.FindStringSubmatchIndex(text)
	if !ok || parts == nil {
		return false
	}
	const fraction, offset = 2 * 4, 2 * 5 // The groups of the pattern, by their first index.
	zone := text[parts[offset]:]
	if zone == "+00:00" || zone == "-00:00" {
		zone = "Z"
	}
	whole := text[:parts[offset]]
	if parts[fraction] >= 0 {
		whole = strings.TrimSuffix(strings.TrimRight(whole, "0"), ".")
	}
	return took == whole+zone
}

// withFixedOffset is a time as its JSON says it. Where the process runs says nothing about it.
func withFixedOffset(t time.Time) time.Time {
	if _, offset := t.Zone(); offset != 0 {
		return t.In(time.FixedZone("", offset))
	}
	return t.UTC()
}

// isTime tells whether a type is a time, perhaps behind pointers.
func isTime(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t == timeType
}
