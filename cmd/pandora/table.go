package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/clipperhouse/displaywidth"
	"golang.org/x/sys/unix"
)

// minColumn is the least width a column is cut to; what is narrower in total is shown as one field a line.
const minColumn = 5

// cell is one cell of a table; paint colours it without changing its width.
type cell struct {
	text  string
	paint func(string) string
}

// terminalWidth is how many columns the terminal behind w has; 0 where it is none, or does not say.
func terminalWidth(w io.Writer) int {
	width, _ := terminalSize(w)
	return width
}

// terminalSize is how many columns and lines the terminal behind w has now; 0 where it is none, or does not say.
func terminalSize(w io.Writer) (width, height int) {
	f, ok := w.(terminalFile)
	if !ok || !isTerminal(w) {
		return 0, 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}

// textWidth is how many columns a text takes: two for an East Asian wide character or an emoji, none for a combining mark.
func textWidth(text string) int { return displaywidth.String(text) }

// cut shortens a text to a width, with an ellipsis in place of what is left out.
func cut(text string, width int) string {
	if width <= 0 || textWidth(text) <= width {
		return text
	}
	return displaywidth.TruncateString(text, width, "…")
}

// printable takes control characters out of a cell, which would break the table and could play tricks on a terminal.
func printable(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// table writes rows under a header, with the borders of 1.x. Where width is not 0 no line is longer: the widest columns
// are cut, and when that does not do, each row becomes lines of a field each.
func table(w io.Writer, width int, header []string, rows [][]cell) {
	widths := make([]int, len(header))
	for i, h := range header {
		widths[i] = textWidth(h)
	}
	for _, row := range rows {
		for i := range row {
			row[i].text = printable(row[i].text)
			widths[i] = max(widths[i], textWidth(row[i].text))
		}
	}
	if width > 0 && !fit(widths, width-3*len(widths)-1, rows) {
		fields(w, width, header, rows)
		return
	}
	border := func(left, middle, right string) {
		parts := make([]string, len(widths))
		for i, n := range widths {
			parts[i] = strings.Repeat("─", n+2)
		}
		fmt.Fprintln(w, left+strings.Join(parts, middle)+right)
	}
	line := func(cells []cell) {
		var b strings.Builder
		for i, c := range cells {
			text := cut(c.text, widths[i])
			b.WriteString("│ " + painted(c, text) + strings.Repeat(" ", max(0, widths[i]-textWidth(text))+1))
		}
		fmt.Fprintln(w, b.String()+"│")
	}
	border("┌", "┬", "┐")
	titles := make([]cell, len(header))
	for i, h := range header {
		titles[i] = cell{text: h}
	}
	line(titles)
	for _, row := range rows {
		border("├", "┼", "┤")
		line(row)
	}
	border("└", "┴", "┘")
}

// painted is a text in the colour of its cell.
func painted(c cell, text string) string {
	if c.paint == nil {
		return text
	}
	return c.paint(text)
}

// fit makes columns fit into total, and keeps rows apart by what stands in the first: it is left whole where two would look
// the same. It is false where that cannot be.
func fit(widths []int, total int, rows [][]cell) bool {
	whole := slices.Clone(widths)
	if narrow(widths, total) && distinct(rows, widths[0]) {
		return true
	}
	copy(widths, whole)
	return len(widths) > 1 && narrow(widths[1:], total-widths[0])
}

// distinct reports whether the first columns of rows differ as much after they are cut to a width as before.
func distinct(rows [][]cell, width int) bool {
	full := map[string]string{}
	for _, row := range rows {
		text, short := row[0].text, cut(row[0].text, width)
		if was, seen := full[short]; seen && was != text {
			return false
		}
		full[short] = text
	}
	return true
}

// narrow takes columns away from the widest of widths until they fit into total; false when they cannot.
func narrow(widths []int, total int) bool {
	sum := 0
	for _, n := range widths {
		sum += n
	}
	for sum > total {
		widest := 0
		for i, n := range widths {
			if n > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minColumn {
			return false
		}
		widths[widest]--
		sum--
	}
	return true
}

// maxPieces is how many lines a field has at most.
const maxPieces = 6

// pieces breaks the text of a field for a terminal of a width: what stands beside a title of a width, and the lines below,
// which are indented by two. The first is empty where the title leaves too little room.
func pieces(text string, width, title int) []string {
	var all []string
	room := width - title
	if room < minColumn && textWidth(text) > room {
		all, room = append(all, ""), width-2
	}
	for textWidth(text) > room && room >= minColumn && len(all) < maxPieces-1 {
		part := displaywidth.TruncateString(text, room, "")
		if part == "" {
			break
		}
		all, text, room = append(all, part), text[len(part):], width-2
	}
	return append(all, cut(text, room))
}

// fields writes rows as lines of a field each, with a line between them.
func fields(w io.Writer, width int, header []string, rows [][]cell) {
	for i, row := range rows {
		if i > 0 {
			fmt.Fprintln(w, strings.Repeat("─", width))
		}
		for j, c := range row {
			title := cut(header[j]+": ", width)
			for k, part := range pieces(c.text, width, textWidth(title)) {
				switch {
				case k > 0:
					title = "  "
				case part == "" && c.text != "":
					fmt.Fprintln(w, strings.TrimRight(title, " "))
					continue
				}
				fmt.Fprintln(w, title+painted(c, part))
			}
		}
	}
}
