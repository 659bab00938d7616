package top

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Style is how a piece of text looks: any of the values together.
type Style uint8

// The styles. Good, Warn and Bad are colours, the others are not.
const (
	Bold Style = 1 << iota
	Dim
	Reverse
	Good
	Warn
	Bad
)

// Span is a piece of text in one style, without control characters.
type Span struct {
	Text  string
	Style Style
}

// Line is one line of a page.
type Line []Span

// String is the text of a line without styles and without blanks at its end.
func (l Line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.Text)
	}
	return strings.TrimRight(b.String(), " ")
}

// Width is how many columns a line takes.
func (l Line) Width() (n int) {
	for _, s := range l {
		n += width(s.Text)
	}
	return n
}

// fit cuts a line to a width.
func (l Line) fit(total int) Line {
	left := total
	for i, s := range l {
		w := width(s.Text)
		if w > left {
			cut := append(Line(nil), l[:i]...)
			return append(cut, Span{cutRight(s.Text, left), s.Style})
		}
		left -= w
	}
	return l
}

// width is how many columns a text takes: two for an East Asian wide character or an emoji, none for a combining mark.
func width(text string) int { return displaywidth.String(text) }

// cutRight shortens a text to a width, with an ellipsis in place of its end.
func cutRight(text string, total int) string {
	switch {
	case total <= 0:
		return ""
	case width(text) <= total:
		return text
	}
	return displaywidth.TruncateString(text, total, "…")
}

// cutLeft shortens a text to a width, with an ellipsis in place of its beginning: the end of a worker's name tells most.
func cutLeft(text string, total int) string {
	switch {
	case total <= 0:
		return ""
	case width(text) <= total:
		return text
	}
	rest, left := text, width(text)
	for graphemes := displaywidth.StringGraphemes(text); left > total-1 && graphemes.Next(); {
		rest, left = rest[len(graphemes.Value()):], left-graphemes.Width()
	}
	return "…" + rest
}

// pad makes a text exactly as wide as it is to be.
func pad(text string, total int, right bool) string {
	text = cutRight(text, total)
	blank := strings.Repeat(" ", max(0, total-width(text)))
	if right {
		return blank + text
	}
	return text + blank
}

// printable takes out of a text what a terminal would obey, and what it cannot show: escape sequences, control
// characters, and what is no UTF-8. A tab becomes blanks.
func printable(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] == 0x1b {
			i += escape(text[i:])
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == '\t':
			b.WriteString("    ")
		case !hidden(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports whether a character is not one to be shown: a control character, or one that changes the direction of a
// text.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r == utf8.RuneError ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u2028' || r == '\u2029'
}

// escape is the length of the escape sequence that a text begins with.
func escape(text string) int {
	if len(text) < 2 {
		return len(text)
	}
	switch text[1] {
	case '[': // a control sequence ends with a letter or the like
		for i := 2; i < len(text); i++ {
			if text[i] >= 0x40 && text[i] <= 0x7e {
				return i + 1
			}
		}
		return len(text)
	case ']', 'P', 'X', '^', '_': // a string ends with BEL or ESC \
		for i := 2; i < len(text); i++ {
			if text[i] == 0x07 {
				return i + 1
			}
			if text[i] == 0x1b && i+1 < len(text) && text[i+1] == '\\' {
				return i + 2
			}
		}
		return len(text)
	}
	return 2
}
