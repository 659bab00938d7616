package pm2

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// maxLine bounds a line of a Procfile.
const maxLine = 16 << 10

var (
	processLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.*)$`) })
	assignment  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z_]\w*)=([^\s"'$` + "`" + `\\]*)$`) })
)

// ConvertProcfile converts the lines of a Procfile, "name: command". Each line becomes a process: what
// Node runs a script of its own, anything else a command. Options.Source is its text. The error is an *Error when a line is none, or nothing is left.
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
		if m[1] == "release" && len(c.Only) == 0 {
			c.findings = append(c.findings, Finding{
				Place: place, Message: `process "release" is what Heroku runs once for each deployment, and is left out`, Instead: "run it before you start or reload",
			})
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
	written := command
	env, parts := assignments(strings.Fields(command))
	if len(parts) > 0 && parts[0] == "exec" {
		parts = parts[1:]
	}
	if len(parts) == 0 {
		return &Error{Place: place, App: name, Message: "there is no command, only variables"}
	}
	for _, v := range env {
		a.env.set(v[0], v[1])
	}
	if strings.ContainsAny(command, shellSigns) {
		// A shell that is one command is that command, and needs no signals passed on.
		if !strings.ContainsAny(command, "|&;<>()`\n") {
			command = "exec " + strings.Join(parts, " ")
		}
		a.use(c.Dir, call{command: []string{"sh", "-c", command}})
	} else {
		a.use(c.Dir, c.resolve(c.Dir, parts))
	}
	if a.command == nil {
		return nil
	}
	program := a.command[0]
	missing := strings.ContainsRune(program, '/') && c.Look(within(c.Dir, program)) == Missing
	if script := nodeScript(a.command); script != "" {
		program, missing = script, true
	}
	if missing {
		return &Error{Place: place, App: name, Missing: true, Message: fmt.Sprintf("%s is not found: there is no %s", shown(program), within(c.Dir, program))}
	}
	c.findings = append(c.findings, Finding{Place: place, App: name, Message: shown(written) + " " + isCommand, Covered: true})
	return nil
}

// nodeScript is the script of a call of Node that was not found; "" for any other command.
func nodeScript(command []string) string {
	if len(command) < 2 || filepath.Base(command[0]) != "node" || strings.HasPrefix(command[1], "-") {
		return ""
	}
	return command[1]
}
