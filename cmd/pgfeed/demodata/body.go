package demodata

import (
	"bytes"
	"encoding/json"
	"strings"
)

// body is a decoded payload. Its readers take a path with dots and give a zero value where anything on it is missing, so
// that a sentence can be tried on any body.
type body map[string]any

// parse gives an empty body for what isn't a JSON object.
func parse(payload json.RawMessage) body {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber() // ids are longer than a float64 keeps
	var b body
	if err := decoder.Decode(&b); err != nil {
		return nil
	}
	return b
}

func (b body) at(path string) any {
	var value any = map[string]any(b)
	for key := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// str gives the first of the paths that leads to a text or a number that isn't empty, on one line.
func (b body) str(paths ...string) string {
	for _, path := range paths {
		var s string
		switch value := b.at(path).(type) {
		case string:
			s = oneLine(value)
		case json.Number:
			s = value.String()
		}
		if s != "" {
			return s
		}
	}
	return ""
}

func (b body) is(path string) bool {
	value, _ := b.at(path).(bool)
	return value
}

func (b body) has(path string) bool { return b.at(path) != nil }

func (b body) list(path string) []body {
	values, _ := b.at(path).([]any)
	var list []body
	for _, value := range values {
		if object, ok := value.(map[string]any); ok {
			list = append(list, object)
		}
	}
	return list
}

// oneLine turns every run of white space, line breaks and other invisible characters into one space.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == 0x85 || r == 0xa0 || r == 0x2028 || r == 0x2029
	}), " ")
}

// shorten cuts a line to at most limit characters, at a word where there is one near the end.
func shorten(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	cut := string(runes[:limit-1])
	if space := strings.LastIndexByte(cut, ' '); space > len(cut)*2/3 {
		cut = cut[:space]
	}
	return strings.TrimRight(cut, " ,;:.") + "…"
}

// join puts the parts that aren't empty together with spaces.
func join(parts ...string) string { return oneLine(strings.Join(parts, " ")) }
