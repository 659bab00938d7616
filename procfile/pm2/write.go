package pm2

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// commandEntry is the entry of a process that is a command: its args.
const commandEntry = "pandora:command"

// result writes the procfile.
func (c *converter) result(origin string) *Result {
	r := &Result{Findings: c.findings}
	var b strings.Builder
	b.WriteString("'use strict';\n\n")
	fmt.Fprintf(&b, "// Made from %s (%s) by [ pandora import ].\n", comment(filepath.Base(c.File)), origin)
	if c.EnvName != "" {
		fmt.Fprintf(&b, "// The environment is %s.\n", comment(c.EnvName))
	}
	for _, f := range c.findings {
		if f.App == "" {
			fmt.Fprintf(&b, "// %s.\n", comment(f.short()))
		}
	}
	b.WriteString("\n/** @type {import('pandora').Procfile} */\nmodule.exports = (pandora) => {\n")
	for i, a := range c.apps {
		if i > 0 {
			b.WriteString("\n")
		}
		for _, f := range c.findings {
			if f.App == a.name {
				fmt.Fprintf(&b, "  // %s.\n", comment(f.short()))
			}
		}
		r.Processes = append(r.Processes, a.name)
		a.write(&b)
	}
	b.WriteString("};\n")
	r.Text = b.String()
	return r
}

// write writes one process.
func (a *app) write(b *strings.Builder) {
	entry, args := a.entry, a.args
	if a.command != nil {
		entry, args = commandEntry, slices.Concat(a.command, a.args)
	}
	builtin := slices.Contains([]string{"agent", "worker", "background"}, a.name)
	calls := []string{".scale(" + a.scale + ")"}
	switch {
	case a.cluster:
		fmt.Fprintf(b, "  pandora.cluster(%s, %s)", quote(a.name), quote(entry))
	case builtin:
		fmt.Fprintf(b, "  pandora.process(%s)", quote(a.name))
		calls = append([]string{".entry(" + quote(entry) + ")", ".kind('plain')"}, calls...)
	default:
		fmt.Fprintf(b, "  pandora.fork(%s, %s)", quote(a.name), quote(entry))
		if a.scale == "1" {
			calls = nil
		} else {
			calls = append([]string{".kind('plain')"}, calls...)
		}
	}
	if len(args) > 0 {
		calls = append(calls, ".args("+list(args)+")")
	}
	if a.cwd != "" {
		calls = append(calls, ".cwd("+quote(a.cwd)+")")
	}
	if len(a.nodeArgs) > 0 {
		calls = append(calls, ".nodeArgs("+list(a.nodeArgs)+")")
	}
	switch {
	case len(a.env.keys) > 0:
		calls = append(calls, a.writeEnv())
	case builtin:
		calls = append(calls, ".env({})")
	}
	for _, call := range append(calls, a.calls...) {
		b.WriteString("\n    " + call)
	}
	b.WriteString(";\n")
}

func (a *app) writeEnv() string {
	var b strings.Builder
	b.WriteString(".env({\n")
	for _, name := range a.env.keys {
		value := quote(text(a.env.values[name]))
		if source, ok := a.sources[name]; ok {
			value = source
		}
		key := name
		switch {
		case name == "__proto__":
			key = "['__proto__']"
		case !plainName().MatchString(name):
			key = quote(name)
		}
		fmt.Fprintf(&b, "      %s: %s,\n", key, value)
	}
	b.WriteString("    })")
	return b.String()
}

var plainName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_$][\w$]*$`) })

// list is an array of strings.
func list(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = quote(value)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote is a string of JavaScript in single quotes.
func quote(s string) string {
	inside := strings.TrimSuffix(strings.TrimPrefix(quoteJSON(s), `"`), `"`)
	inside = strings.ReplaceAll(inside, `\"`, `"`)
	return "'" + strings.ReplaceAll(inside, "'", `\'`) + "'"
}

// comment is a text on one line of a comment.
func comment(s string) string {
	return strings.TrimSuffix(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s), ".")
}
