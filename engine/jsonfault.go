package engine

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// jsonFault tells what is wrong with a text that is no JSON, in the words of V8, and where: line and column count from 1,
// the column in UTF-16 units. ok is false for a text without a fault.
func jsonFault(text string) (line, column int, what string, ok bool) {
	var anything any
	bad, ok := errors.AsType[*json.SyntaxError](json.Unmarshal([]byte(text), &anything))
	if !ok {
		return 0, 0, "", false
	}
	// The offset is behind the character that cannot be there, or behind all.
	at := max(min(int(bad.Offset), len(text))-1, 0)
	what = "Unexpected end of JSON input"
	if !strings.HasPrefix(bad.Error(), "unexpected end") && at < len(text) {
		for at > 0 && !utf8.RuneStart(text[at]) {
			at--
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		what = "Unexpected token '" + shownRune(text[at:at+size]) + "' in JSON"
	} else {
		at = len(strings.TrimRight(text, " \t\r\n"))
	}
	start := strings.LastIndexByte(text[:at], '\n') + 1
	return strings.Count(text[:at], "\n") + 1, units(text[start:], at-start+1), what, true
}

// shownRune is a character as a message shows it: what breaks lines or is no text by its name.
func shownRune(c string) string {
	switch c {
	case "\n":
		return `\n`
	case "\r":
		return `\r`
	case "\t":
		return `\t`
	}
	if c < " " || c == "\x7f" || !utf8.ValidString(c) {
		return "�"
	}
	return c
}
