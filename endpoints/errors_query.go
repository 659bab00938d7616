package endpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) hasErrors() bool { return s.errors != nil && s.options.EndPoints[nameError].Enabled }

// decodeErrorCapacity reads cacheSize, which the original's documentation calls maxErrorCount.
func decodeErrorCapacity(init json.RawMessage) (int, error) {
	root, err := object("actuator.endPoint.error.initConfig", init)
	if err != nil {
		return 0, err
	}
	for _, key := range []string{"cacheSize", "maxErrorCount"} {
		if raw, ok := root.value(key); ok && isTruthy(raw) {
			n, err := strconv.Atoi(string(raw))
			if err != nil || n < 1 || n > maxErrorCapacity {
				return 0, root.wrong(key, raw, fmt.Sprintf("a number from 1 to %d", maxErrorCapacity))
			}
			return n, nil
		}
	}
	return defaultErrorCapacity, nil
}

// error serves /error: the last errors of one application.
func (s *Server) error(ctx context.Context, r request) (answer, error) {
	items, err := s.errors.list(ctx, r.query.get("appName"))
	if err != nil {
		return answer{}, err
	}
	items = selectErrors(items, r.query.get("by"), jsNumber(r.query.get("value")), s.errors.capacity)
	if r.query.get("order") == "DESC" {
		slices.Reverse(items)
	}
	data := ordered{{"count", len(items)}}
	offset, limit := r.query["offset"], r.query["limit"]
	if len(offset) > 0 {
		data = append(data, member{"offset", offset[0]})
	}
	if len(limit) > 0 {
		data = append(data, member{"limit", limit[0]})
	}
	if len(offset) > 0 && len(limit) > 0 {
		from, n := jsNumber(offset[0]), jsNumber(limit[0])
		items = jsSlice(items, from, from+n)
	}
	return ok(http.StatusOK, append(data, member{"items", list(items)}))
}

// selectErrors applies by and value: the last ones by "size", else those whose field is not less. An error without the
// field is selected as well; with a value that is no positive number all are.
func selectErrors(items []errorItem, by string, value float64, capacity int) []errorItem {
	if by == "" || !(value > 0) {
		return items
	}
	if by == "size" {
		if n := math.Trunc(value); n > 0 && value < float64(capacity) && n < float64(len(items)) {
			return items[len(items)-int(n):]
		}
		return items
	}
	return slices.DeleteFunc(items, func(item errorItem) bool {
		field := item.field(by)
		return len(field) > 0 && isTruthy(field) && !(jsNumberOf(field) >= value)
	})
}

// field is a field as the item shows it.
func (i errorItem) field(name string) json.RawMessage {
	switch name {
	case "count":
		return strconv.AppendFloat(nil, i.count, 'f', -1, 64)
	case "firstTimestamp":
		return i.first
	}
	return i.report.value(name)
}

// jsNumberOf makes a number of a JSON value as JavaScript's comparison does; NaN where there is none.
func jsNumberOf(value json.RawMessage) float64 {
	if n, ok := number(value); ok {
		return n
	}
	var text string
	switch {
	case string(value) == "true":
		return 1
	case json.Unmarshal(value, &text) == nil:
		return jsNumber(text)
	}
	return math.NaN()
}

// jsNumber makes a number of a text as JavaScript's Number does: of nothing 0, of what is no number NaN.
func jsNumber(text string) float64 {
	text = strings.TrimFunc(text, jsSpace)
	switch text {
	case "":
		return 0
	case "Infinity", "+Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	if len(text) > 2 && text[0] == '0' {
		base := map[byte]int{'x': 16, 'X': 16, 'o': 8, 'O': 8, 'b': 2, 'B': 2}[text[1]]
		if base != 0 {
			n, err := strconv.ParseUint(text[2:], base, 64)
			if err != nil {
				return math.NaN()
			}
			return float64(n)
		}
	}
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return math.NaN()
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(n, 0) {
		return math.NaN()
	}
	return n
}

// jsSpace tells what JavaScript trims.
func jsSpace(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF:
		return true
	}
	return r >= 0x2000 && r <= 0x200A
}

// jsSlice is JavaScript's slice: what is no number is 0, a negative one counts from the end, fractions are cut off.
func jsSlice[T any](items []T, from, to float64) []T {
	clamp := func(at float64) int {
		if math.IsNaN(at) {
			return 0
		}
		if at = math.Trunc(at); at < 0 {
			at += float64(len(items))
		}
		return int(min(max(at, 0), float64(len(items))))
	}
	start, end := clamp(from), clamp(to)
	if start >= end {
		return nil
	}
	return items[start:end]
}
