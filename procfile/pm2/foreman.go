package pm2

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// maxLine bounds a line of a Procfile.
const maxLine = 16 << 10

var (
	processLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.*)$`) })
	assignment  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_]\w*)=([^\s"'$` + "`" + `\\]*)$`) })
)

// ConvertProcfile converts the lines of a Procfile, "name: command". Lines of Node programs become processes; other commands
// are left out with a Finding. Options.Source is its text. The error is an *Error when a line is none, or nothing is left.
func ConvertProcfile(o Options) (*Result, error) {
	c := newConverter(o)
	c.places = nil
	if len(o.Source) > maxSource {
		return nil, c.fail("", "", "it is larger than %d MiB", maxSource>>20)
	}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(o.Source, "\ufeff")) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		place := Place{File: o.File, Line: number, Column: 1}
		m := processLine().FindStringSubmatch(line)
		switch {
		case len(line) > maxLine:
			return nil, &Error{Place: place, Message: fmt.Sprintf("the line is longer than %d KiB", maxLine>>10)}
		case m == nil || m[2] == "":
			return nil, &Error{Place: place, Message: "expected a line like \"web: node server.js\", got " + shown(line)}
		case c.names[m[1]]:
			return nil, &Error{Place: place, App: m[1], Message: "it is there twice"}
		case len(c.apps) == maxApps:
			return nil, &Error{Place: place, Message: fmt.Sprintf("there are more than %d lines", maxApps)}
		}
		c.names[m[1]] = true
		if !c.takes(m[1]) {
			continue
		}
		if err := c.line(place, m[1], m[2]); err != nil {
			return nil, err
		}
	}
	if err := c.checkOnly(); err != nil {
		return nil, err
	}
	if len(c.apps) == 0 {
		return nil, c.fail("", "", "it describes no process; expected lines like \"web: node server.js\"")
	}
	return c.result("Procfile"), nil
}

// line converts one command.
func (c *converter) line(place Place, name, command string) error {
	a := &app{c: c, name: name, env: newObject(), sources: map[string]string{}, scale: "1", seen: map[string]bool{}}
	c.apps = append(c.apps, a)
	parts := strings.Fields(command)
	for len(parts) > 0 {
		m := assignment().FindStringSubmatch(parts[0])
		if m == nil {
			break
		}
		a.env.set(m[1], m[2])
		parts = parts[1:]
	}
	if len(parts) > 0 && parts[0] == "exec" {
		parts = parts[1:]
	}
	rest := strings.Join(parts, " ")
	script := ""
	if len(parts) > 1 && (parts[0] == "node" || strings.HasSuffix(parts[0], "/node")) && !strings.ContainsAny(rest, "|&;<>()$`\\\"'*?#~") {
		parts = parts[1:]
		for len(parts) > 0 && strings.HasPrefix(parts[0], "-") {
			// An option whose value is a word of its own.
			take := 1
			if slices.Contains([]string{"-r", "--require", "--import", "--loader", "-C", "--env-file"}, parts[0]) && len(parts) > 1 {
				take = 2
			}
			a.nodeArgs, parts = append(a.nodeArgs, parts[:take]...), parts[take:]
		}
		if len(parts) > 0 {
			script, a.args = parts[0], parts[1:]
		}
	}
	if script == "" {
		a.left = shown(command) + " is no plain call of node, so that the process is left out"
		c.findings = append(c.findings, Finding{Place: place, App: name, Message: a.left, Instead: "write it as node file.js"})
		return nil
	}
	path := within(c.Dir, script)
	if c.Look(path) == Missing && c.Look(path+".js") == Missing {
		return &Error{Place: place, App: name, Missing: true, Message: fmt.Sprintf("%s is not found: there is no %s", shown(script), path)}
	}
	a.entry = c.relative(path)
	return nil
}
