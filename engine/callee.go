package engine

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// calleeColumn turns the position of a call in Goja, which is that of its parenthesis, into the one in V8: where the name
// of what is called begins. Any other position stays. Columns count from 1, in bytes of the line in Goja and in UTF-16
// units in V8, which is the same in ASCII.
func calleeColumn(source string, line, column int) int {
	text, ok := lineOf(source, line)
	if !ok || column < 1 || column > len(text) || text[column-1] != '(' {
		return column
	}
	before := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(text[:column-1], " \t"), "?."), " \t")
	start := len(before)
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(before[:start])
		if r != '_' && r != '$' && r != '#' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		start -= size
	}
	if start == len(before) {
		return column // what is called has no name here: (f || g)(x), f(x)(y)
	}
	return start + 1
}

// lineOf returns one line of a source, counted from 1, without its end.
func lineOf(source string, line int) (string, bool) {
	for text := range strings.Lines(source) {
		if line--; line == 0 {
			return strings.TrimRight(text, "\r\n"), true
		}
	}
	return "", false
}
