package signoff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// The maximum integer up to which a double represents every integer.
	maxInteger = 1<<53 - 1
	maxDepth   = 32
)

const (
	problemInteger = "is an integer that a double cannot hold exactly"
	problemNumber  = "is not a number that a double can hold"
	problemUnicode = "is not valid Unicode"
	problemName    = "has a name that is not valid Unicode"
	problemDepth   = "is nested deeper than 32 objects and lists"
	problemObject  = "is not a JSON object"
	problemJSON    = "is not JSON"
)

// problem is what is wrong with arguments, and where.
type problem struct{ path, text string }

// textReader reads JSON as maps, lists, strings, booleans, nil and doubles. Unlike encoding/json it rejects what would
// be converted silently: halves of surrogate pairs, duplicate names and, if it is exact, integers that a double cannot
// represent.
type textReader struct {
	text    []byte
	decoder *json.Decoder
	exact   bool
}

// readText reads a JSON text that stands at the given path, in so many objects and lists.
func readText(text []byte, path string, depth int, exact bool) (any, *problem) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	r := textReader{text: text, decoder: decoder, exact: exact}
	value, p := r.value(path, depth)
	if p != nil {
		return nil, p
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, &problem{path, problemJSON}
	}
	return value, nil
}

func (r *textReader) value(path string, depth int) (any, *problem) {
	start := r.decoder.InputOffset()
	token, err := r.decoder.Token()
	if err != nil {
		return nil, &problem{path, problemJSON}
	}
	switch token := token.(type) {
	case json.Delim:
		if depth++; depth > maxDepth {
			return nil, &problem{path, problemDepth}
		}
		if token == '{' {
			return r.object(path, depth)
		}
		return r.list(path, depth)
	case json.Number:
		return readNumber(token, path, r.exact)
	case string:
		if !r.validSince(start) {
			return nil, &problem{path, problemUnicode}
		}
	}
	return token, nil
}

func (r *textReader) object(path string, depth int) (any, *problem) {
	object := map[string]any{}
	for r.decoder.More() {
		start := r.decoder.InputOffset()
		token, err := r.decoder.Token()
		if err != nil {
			return nil, &problem{path, problemJSON}
		}
		if !r.validSince(start) {
			return nil, &problem{path, problemName}
		}
		name, _ := token.(string)
		if _, twice := object[name]; twice {
			return nil, &problem{join(path, name), "appears twice"}
		}
		value, p := r.value(join(path, name), depth)
		if p != nil {
			return nil, p
		}
		object[name] = value
	}
	return object, r.end(path)
}

func (r *textReader) list(path string, depth int) (any, *problem) {
	list := []any{}
	for r.decoder.More() {
		value, p := r.value(at(path, len(list)), depth)
		if p != nil {
			return nil, p
		}
		list = append(list, value)
	}
	return list, r.end(path)
}

func (r *textReader) end(path string) *problem {
	if _, err := r.decoder.Token(); err != nil {
		return &problem{path, problemJSON}
	}
	return nil
}

// validSince tells whether the string that was read from an offset on is valid Unicode.
func (r *textReader) validSince(start int64) bool {
	raw := r.text[start:r.decoder.InputOffset()]
	if !utf8.Valid(raw) {
		return false
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++ // Past the letter of the escape.
		if raw[i] != 'u' {
			continue
		}
		unit := hex4(raw[i+1:])
		i += 4
		switch {
		case unit >= 0xdc00 && unit <= 0xdfff:
			return false
		case unit >= 0xd800 && unit <= 0xdbff:
			if !bytes.HasPrefix(raw[i+1:], []byte(`\u`)) {
				return false
			}
			if low := hex4(raw[i+3:]); low < 0xdc00 || low > 0xdfff {
				return false
			}
			i += 6
		}
	}
	return true
}

// hex4 reads four hexadecimal digits, which the decoder has seen before.
func hex4(digits []byte) uint64 {
	unit, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return unit
}

func readNumber(number json.Number, path string, exact bool) (any, *problem) {
	if exact && !strings.ContainsAny(string(number), ".eE") {
		if n, err := strconv.ParseInt(string(number), 10, 64); err != nil || n > maxInteger || n < -maxInteger {
			return nil, &problem{path, problemInteger}
		}
	}
	double, err := number.Float64()
	if err != nil || math.IsInf(double, 0) {
		return nil, &problem{path, problemNumber}
	}
	return double, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func at(path string, index int) string { return fmt.Sprintf("%s[%d]", path, index) }
