package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
)

// Messages that are passed on are looked through for whether they are JSON at all, and for a few members at their top;
// everything else of them stays bytes. encoding/json does the same several times slower.

const (
	// maxDepth is how deep values may be in each other, as in encoding/json.
	maxDepth = 10_000

	lows, highs = 0x0101010101010101, 0x8080808080808080
)

// validJSON reports what json.Valid does.
func validJSON(data []byte) bool {
	end := skipValue(data, skipSpace(data, 0), 0)
	return end >= 0 && skipSpace(data, end) == len(data)
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns where the value ends that begins at at; -1 if there is none.
func skipValue(data []byte, at, depth int) int {
	if at >= len(data) {
		return -1
	}
	switch c := data[at]; {
	case c == '"':
		return skipString(data, at)
	case c == '{' || c == '[':
		if depth == maxDepth {
			return -1
		}
		return skipItems(data, at, depth+1)
	case c == 't':
		return skipWord(data, at, "true")
	case c == 'f':
		return skipWord(data, at, "false")
	case c == 'n':
		return skipWord(data, at, "null")
	}
	return skipNumber(data, at)
}

// skipItems is skipValue for an object or an array.
func skipItems(data []byte, at, depth int) int {
	object := data[at] == '{'
	end := data[at] + 2 // } or ]
	at = skipSpace(data, at+1)
	if at < len(data) && data[at] == end {
		return at + 1
	}
	for {
		if object {
			if at = skipKey(data, at); at < 0 {
				return -1
			}
		}
		if at = skipValue(data, at, depth); at < 0 {
			return -1
		}
		at = skipSpace(data, at)
		switch {
		case at >= len(data):
			return -1
		case data[at] == end:
			return at + 1
		case data[at] != ',':
			return -1
		}
		at = skipSpace(data, at+1)
	}
}

// skipKey returns where the value of a member begins.
func skipKey(data []byte, at int) int {
	if at >= len(data) || data[at] != '"' {
		return -1
	}
	if at = skipString(data, at); at < 0 {
		return -1
	}
	if at = skipSpace(data, at); at >= len(data) || data[at] != ':' {
		return -1
	}
	return skipSpace(data, at+1)
}

func skipWord(data []byte, at int, word string) int {
	if len(data)-at < len(word) || string(data[at:at+len(word)]) != word {
		return -1
	}
	return at + len(word)
}

// skipString is skipValue for a string.
func skipString(data []byte, at int) int {
	for at++; ; at++ {
		at = skipPlain(data, at)
		if at >= len(data) || data[at] < ' ' {
			return -1
		}
		if data[at] == '"' {
			return at + 1
		}
		if at++; at >= len(data) { // past the backslash
			return -1
		}
		switch data[at] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if len(data)-at < 5 {
				return -1
			}
			for _, c := range data[at+1 : at+5] {
				if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
					return -1
				}
			}
			at += 4
		default:
			return -1
		}
	}
}

// skipPlain returns where the first byte is that means something in a string: a quote, a backslash or a control
// character. It looks at eight bytes at once.
func skipPlain(data []byte, at int) int {
	for ; len(data)-at >= 8; at += 8 {
		w := binary.LittleEndian.Uint64(data[at:])
		quote, slash := w^(lows*'"'), w^(lows*'\\')
		if ((w-lows*' ')&^w|(quote-lows)&^quote|(slash-lows)&^slash)&highs != 0 {
			break
		}
	}
	for at < len(data) && data[at] >= ' ' && data[at] != '"' && data[at] != '\\' {
		at++
	}
	return at
}

// skipNumber is skipValue for a number.
func skipNumber(data []byte, at int) int {
	if at < len(data) && data[at] == '-' {
		at++
	}
	first := at
	if at = skipDigits(data, at); at == first || data[first] == '0' && at > first+1 {
		return -1
	}
	if at < len(data) && data[at] == '.' {
		if at++; skipDigits(data, at) == at {
			return -1
		}
		at = skipDigits(data, at)
	}
	if at < len(data) && data[at]|0x20 == 'e' {
		if at++; at < len(data) && (data[at] == '+' || data[at] == '-') {
			at++
		}
		if skipDigits(data, at) == at {
			return -1
		}
		at = skipDigits(data, at)
	}
	return at
}

func skipDigits(data []byte, at int) int {
	for at < len(data) && data[at] >= '0' && data[at] <= '9' {
		at++
	}
	return at
}

// members tells the members of an object, in their order: of several with one name the last one counts, as in JavaScript.
// It reports whether data is an object. data has to be JSON; values are parts of it.
func members(data []byte, found func(name []byte, value json.RawMessage)) bool {
	at := skipSpace(data, 0)
	if at >= len(data) || data[at] != '{' {
		return false
	}
	for at = skipSpace(data, at+1); at < len(data) && data[at] == '"'; at = skipSpace(data, at+1) {
		end := skipString(data, at)
		if end < 0 {
			return false
		}
		name := data[at+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			var plain string
			if json.Unmarshal(data[at:end], &plain) == nil {
				name = []byte(plain)
			}
		}
		from := skipKey(data, at)
		if from < 0 {
			return false
		}
		if at = skipValue(data, from, 1); at < 0 {
			return false
		}
		found(name, data[from:at:at])
		at = skipSpace(data, at) // at a comma, or the end
	}
	return true
}
