package pm2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// object is a JSON object in its own order.
type object struct {
	keys   []string
	values map[string]any
}

func (o *object) get(key string) (any, bool) {
	if o == nil {
		return nil, false
	}
	v, ok := o.values[key]
	return v, ok
}

// set adds a value, or replaces it in its place.
func (o *object) set(key string, value any) {
	if _, known := o.values[key]; !known {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

func newObject() *object { return &object{values: map[string]any{}} }

// maxDepth bounds how deep values are nested.
const maxDepth = 32

// decode reads JSON: *object, []any, string, json.Number, bool, nil.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	value, err := decodeNext(d, 0)
	if err == io.EOF {
		return nil, errNothing
	}
	return value, err
}

func decodeNext(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := newObject()
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeNext(d, depth+1)
			if err != nil {
				return nil, err
			}
			o.set(key.(string), value) // a key is a string, or Token fails
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := decodeNext(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

// encode is a value as JSON.
func encode(value any) string {
	switch v := value.(type) {
	case *object:
		parts := make([]string, 0, len(v.keys))
		for _, key := range v.keys {
			parts = append(parts, quoteJSON(key)+":"+encode(v.values[key]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		parts := make([]string, 0, len(v))
		for _, each := range v {
			parts = append(parts, encode(each))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return quoteJSON(v)
	}
	return text(value)
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// text is what String(value) gives in JavaScript, for what is no object.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	return encode(value)
}

// truthy is a value in a condition of JavaScript.
func truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case string:
		return v != ""
	case bool:
		return v
	case json.Number:
		f, _ := v.Float64()
		return f != 0
	}
	return true
}

// number reads a number, also from a string that holds nothing else.
func number(value any) (float64, bool) {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return f, err == nil
	}
	return 0, false
}

// kindOf names a value, for errors.
func kindOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case *object:
		return "an object"
	case []any:
		return "an array"
	case string:
		return "the string " + shown(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return text(value)
}

// shown is a value for a message: short.
func shown(value any) string {
	s := encode(value)
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
