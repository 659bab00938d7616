package main

import (
	"bytes"
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

const (
	// leastRoom is the least width that text beside a label is given; where there is less, it goes on below the label.
	leastRoom = 24
	// shallow is how far it is indented there.
	shallow = 2
)

// wrapper breaks what is written to it, whole lines, at blanks where a line is longer than a terminal is wide: a terminal
// breaks in the middle of words, and goes on below the labels.
type wrapper struct {
	out         io.Writer
	width, hang int
}

// wrapping is the same, with text for people that is broken where the terminal ends; hang is the column in which the text
// beside a label begins, and in which it goes on. Elsewhere nothing is broken.
func (c *cli) wrapping(hang int) *cli {
	if c.width <= 0 {
		return c
	}
	inner := *c
	inner.out = &wrapper{c.out, c.width, hang}
	return &inner
}

// Write writes lines.
func (w *wrapper) Write(data []byte) (int, error) {
	var page bytes.Buffer
	for line := range strings.Lines(string(data)) {
		page.WriteString(wrapLine(strings.TrimSuffix(line, "\n"), w.width, w.hang))
		if strings.HasSuffix(line, "\n") {
			page.WriteByte('\n')
		}
	}
	if _, err := w.out.Write(page.Bytes()); err != nil {
		return 0, err
	}
	return len(data), nil
}

// seenWidth is textWidth of a text with colours.
func seenWidth(text string) int {
	return displaywidth.Options{ControlSequences: true}.String(text)
}

// wrapLine breaks a line at blanks. A word that is longer than the room stays whole, so that it can be copied.
func wrapLine(line string, width, hang int) string {
	if seenWidth(line) <= width {
		return line
	}
	lead := continued(line, width, hang)
	indent := textWidth(lead)
	var b strings.Builder
	column, fresh := 0, true
	for rest := line; rest != ""; {
		word := strings.TrimLeft(rest, " ")
		blanks := len(rest) - len(word)
		word = word[:firstWord(word, width-indent)]
		rest = rest[blanks+len(word):]
		n := seenWidth(word)
		if !fresh && column+blanks+n > width {
			b.WriteString("\n" + lead)
			column, blanks = indent, 0
		}
		b.WriteString(strings.Repeat(" ", blanks) + word)
		column += blanks + n
		fresh = column <= indent // only the branches of a tree, or blanks
	}
	return b.String()
}

// firstWord is the length of the first word of a text. A command, as "[ pandora list ]", is one where there is room for it.
func firstWord(text string, room int) int {
	if strings.HasPrefix(text, "[ ") {
		if end := strings.Index(text, " ]"); end >= 0 && seenWidth(text[:end+2]) < room {
			after := strings.IndexByte(text[end+2:], ' ')
			if after < 0 {
				return len(text)
			}
			return end + 2 + after
		}
	}
	if end := strings.IndexByte(text, ' '); end >= 0 {
		return end
	}
	return len(text)
}

// continued is what stands in front of the rest of a line: the branches of a tree that go on, or blanks.
func continued(line string, width, hang int) string {
	own := line[:len(line)-len(strings.TrimLeft(line, "│├└─ "))]
	switch {
	case strings.ContainsAny(own, "│├└"):
		return strings.NewReplacer("├", "│", "└", " ", "─", " ").Replace(own) + strings.Repeat(" ", shallow)
	case width-hang >= leastRoom:
		return strings.Repeat(" ", max(hang, len(own)))
	}
	return strings.Repeat(" ", min(len(own)+shallow, max(0, width-1)))
}
