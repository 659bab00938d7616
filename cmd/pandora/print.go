package main

import (
	"fmt"
	"strings"
	"time"
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
	return c.printDocument(&format{name: formatJSON}, value)
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
