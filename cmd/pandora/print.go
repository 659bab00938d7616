package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

func paint(colour bool, code, text string) string {
	if !colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func red(colour bool, text string) string    { return paint(colour, "31", text) }
func green(colour bool, text string) string  { return paint(colour, "32", text) }
func yellow(colour bool, text string) string { return paint(colour, "33", text) }
func grey(colour bool, text string) string   { return paint(colour, "90", text) }

// printJSON writes one document.
func (c *cli) printJSON(value any) error {
	encoder := json.NewEncoder(c.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// cell is one cell of a table; paint colours it without changing its width.
type cell struct {
	text  string
	paint func(string) string
}

// table writes rows under a header, with the borders of 1.x.
func table(w io.Writer, header []string, rows [][]cell) {
	widths := make([]int, len(header))
	for i, h := range header {
		widths[i] = utf8.RuneCountInString(h)
	}
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
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
			shown := c.text
			if c.paint != nil {
				shown = c.paint(shown)
			}
			b.WriteString("│ " + shown + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+1))
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

// duration shows a time span in the two largest units, as "2h 5m".
func duration(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s < 0:
		return "0s"
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh %dm", s/3600, s%3600/60)
	default:
		return fmt.Sprintf("%dd %dh", s/86400, s%86400/3600)
	}
}

// oneLine makes a text fit into a line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
