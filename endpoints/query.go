package endpoints

import (
	"errors"
	"net/url"
	"strings"
)

const (
	maxQueryBytes = 8 << 10
	maxQueryPairs = 64
)

var (
	errQueryLong = errors.New("query too long")
	errQueryMany = errors.New("too many query parameters")
)

// query holds the parameters of a request.
type query map[string][]string

// parseQuery splits a query string. As the original's parser it has no syntax errors: a broken escape stands for
// itself. It bounds the length and the number of pairs.
func parseQuery(raw string) (query, error) {
	if len(raw) > maxQueryBytes {
		return nil, errQueryLong
	}
	q := query{}
	pairs := 0
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		if pairs++; pairs > maxQueryPairs {
			return nil, errQueryMany
		}
		key, value, _ := strings.Cut(pair, "=")
		key = unescape(key)
		q[key] = append(q[key], unescape(value))
	}
	return q, nil
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// get returns the first value of a key; "" when there is none.
func (q query) get(key string) string {
	if values := q[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// args is what Indicators are called with: a string per parameter, a list where one is repeated.
func (q query) args() map[string]any {
	args := make(map[string]any, len(q))
	for key, values := range q {
		if len(values) == 1 {
			args[key] = values[0]
		} else {
			args[key] = values
		}
	}
	return args
}
