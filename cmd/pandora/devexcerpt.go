package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/pandora-go/pandora/supervisor"
)

// excerptLines is how many lines are shown before and after the one that an error comes from, and maxExcerptWidth how
// much of each.
const (
	excerptLines    = 3
	maxExcerptWidth = 200
)

// framePattern finds the place in a line of a stack, or in the line with which Node begins to tell of an error.
const framePattern = `(?:^|[\s(])((?:file://)?/[^\s():][^():]*):(\d+)(?::(\d+))?\)?$`

// place is a place in a source file; column is 0 when it is not known.
type place struct {
	file         string
	line, column int
}

// placeOf finds the first place in a stack that lies in a file of the application: neither Node's nor a package's, unless
// there is no other.
func placeOf(stack string, own string) (place, bool) {
	frame := regexp.MustCompile(framePattern)
	var second place
	for line := range strings.Lines(stack) {
		m := frame.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		p := place{file: m[1]}
		if u, err := url.Parse(p.file); err == nil && u.Scheme == "file" {
			p.file = u.Path
		}
		p.line, _ = strconv.Atoi(m[2])
		p.column, _ = strconv.Atoi(m[3])
		switch {
		case p.line == 0 || own != "" && strings.HasPrefix(p.file, own):
		case !strings.Contains(p.file, "/node_modules/"):
			return p, true
		case second.file == "":
			second = p
		}
	}
	return second, second.file != ""
}

// excerpt shows a place with the lines around it, numbered; "" when the file cannot be read or is not that long.
func excerpt(p place) string {
	f, err := os.Open(p.file)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d\n", p.file, p.line, max(p.column, 1))
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	found := false
	for n := 1; n <= p.line+excerptLines && lines.Scan(); n++ {
		if n < p.line-excerptLines {
			continue
		}
		mark := " "
		if n == p.line {
			mark, found = ">", true
		}
		text := []rune(strings.ReplaceAll(lines.Text(), "\t", " "))
		fmt.Fprintf(&b, "%s %4d | %s\n", mark, n, string(text[:min(len(text), maxExcerptWidth)]))
		if n == p.line && p.column > 0 && p.column <= maxExcerptWidth {
			fmt.Fprintf(&b, "       | %s^\n", strings.Repeat(" ", p.column-1))
		}
	}
	if !found {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// showPlace shows the source that the last end of a worker comes from.
func (d *devSession) showPlace(process string, worker int) {
	for _, p := range d.supervisor.Status().Processes {
		for _, w := range p.Workers {
			if p.Name == process && w.Worker == worker && w.LastExit != nil {
				d.showExitPlace(w.LastExit)
				return
			}
		}
	}
}

// showExitPlace shows the source that an end comes from, as far as that is known.
func (d *devSession) showExitPlace(exit *supervisor.Exit) {
	if p, ok := placeOf(exit.Message+"\n"+exit.Error, d.jsDir); ok {
		if text := excerpt(p); text != "" {
			d.output.complain(text)
		}
	}
}
