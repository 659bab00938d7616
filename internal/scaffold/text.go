package scaffold

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// procfileText is the procfile of a plan. All of it that runs is what Pandora.js has as well, in each of its versions from
// 1.2.4 on; what only we have is in comments that say so. writesEgg is true when egg is started by a file of ours.
func procfileText(p Plan, writesEgg, typeScript bool) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if typeScript {
		line("// The type comes from the npm package of pandora; without it this file works as well, only unchecked.")
		line("import type { Procfile } from 'pandora';\n")
	} else {
		line("'use strict';\n")
	}
	line("// What pandora runs of this project. The function only describes: it is called again for each start, restart and reload,")
	line("// and in each worker. `pandora dev` runs it in the foreground, `pandora start` in the background, and `pandora validate`")
	line("// says what is wrong with it. All that may stand here is told in docs/procfile.md of pandora.")
	if typeScript {
		line("const procfile: Procfile = (pandora) => {")
	} else {
		line("/** @type {import('pandora').Procfile} */")
		line("module.exports = (pandora) => {")
	}
	for _, text := range about(p, writesEgg) {
		line("  // %s", comment(text))
	}
	line("%s", statements(p))
	b.WriteString("\n")
	b.WriteString(optional(p))
	line("};")
	if typeScript {
		line("\nexport default procfile;")
	}
	return b.String()
}

// about says in a comment what was found and what the statements below do.
func about(p Plan, writesEgg bool) []string {
	var lines []string
	switch e := p.Entry; {
	case e.Command != "":
		lines = append(lines, fmt.Sprintf("What %s starts: %s", e.From, e.Command))
	case e.From == "main of package.json":
		lines = append(lines, "What package.json names as its main file.")
	}
	switch {
	case p.Framework == Egg:
		lines = append(lines, "The process is egg's master, which forks an agent and workers itself: it has to be one plain process (fork).")
		if writesEgg {
			lines = append(lines, "How many workers there are, and their port, is in the file it runs.")
		}
	case p.Framework == Midway:
		lines = append(lines, "The process is midway's master, which forks its workers itself: it has to be one plain process (fork).",
			"Its settings are in \"midway-server-options\" of package.json, or in the file that this names.")
	case p.Mode == Cluster:
		lines = append(lines, "Workers share the port that they listen on, so `pandora reload` replaces one after the other while the rest answers.",
			"'auto' in place of the number is one for each processor; one is enough under `pandora dev`.")
	default:
		lines = append(lines, "One plain process.")
	}
	if p.Entry.Path == nextProgram {
		lines = append(lines, "Under `pandora dev` it is next dev, which follows changes itself.")
	}
	if p.Entry.Missing {
		how := "its build"
		if p.Entry.Build != "" {
			how = "[ " + p.Entry.Build + " ]"
		}
		lines = append(lines, how+" comes first: a start runs what is there.")
	}
	return lines
}

// statements describe the process.
func statements(p Plan) string {
	var members []string
	e := p.Entry
	if env := environment(p); env != "" {
		members = append(members, ".env("+env+")")
	}
	if len(e.NodeArgs) > 0 {
		members = append(members, ".nodeArgs("+arrayText(e.NodeArgs)+")")
	}
	switch {
	case e.DevArgs != nil:
		members = append(members, ".args("+eitherText(e.DevArgs, e.Args)+")")
	case len(e.Args) > 0:
		members = append(members, ".args("+arrayText(e.Args)+")")
	}
	if p.Mode == Fork {
		entry := quote(e.Path)
		return chain(fmt.Sprintf("pandora.fork(%s, %s)", quote(p.Name), entry), members)
	}
	scale := p.Instances
	switch scale {
	case "auto":
		scale = "'auto'"
	case "1":
	default:
		scale = "pandora.dev ? 1 : " + scale
	}
	text := chain(fmt.Sprintf("pandora.process(%s)", quote(p.Name)), append(members, ".scale("+scale+")"))
	placed := ""
	if p.Name != "worker" {
		placed = ".process(" + quote(p.Name) + ")"
	}
	return text + fmt.Sprintf("\n  pandora.cluster(%s)%s;", quote(e.Path), placed)
}

// chain is a statement; with several members each is on a line of its own.
func chain(head string, members []string) string {
	if len(members) > 1 || len(members) == 1 && len(head)+len(members[0]) > 100 {
		return "  " + head + "\n    " + strings.Join(members, "\n    ") + ";"
	}
	return "  " + head + strings.Join(members, "") + ";"
}

// optional are members in comments. Each block is a valid statement once its // is taken away.
func optional(p Plan) string {
	process := "pandora.process(" + quote(p.Name) + ")"
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "  // "+format+"\n", args...) }
	line("What else may stand here, for example:")
	b.WriteString("\n")
	if environment(p) == "" {
		line("Variables, over those of the shell that calls `pandora start`.")
		line("%s.env({ NODE_ENV: 'production' });", process)
		b.WriteString("\n")
	}
	line("A service: a class with start() and stop(), here in a process of its own.")
	line("pandora.service('queue', './lib/queue').process('background').config({ size: 10 });")
	b.WriteString("\n")
	line("Beyond Pandora.js 1.x: a worker that grows larger is replaced, and is ready only once it says process.send('ready').")
	line("%s.maxMemory('512MB').ready({ message: 'ready', timeoutMs: 30000 });", process)
	b.WriteString("\n")
	line("Beyond Pandora.js 1.x: a check that `GET /health` of pandora shows, and that is DOWN when this function throws.")
	line("pandora.indicator('front-page', { intervalMs: 5000 }, async (check) => {")
	line("  const { status } = await check.http('http://127.0.0.1:3000/');")
	line("  return status < 500 ? check.up({ status }) : check.down(`status ${status}`);")
	line("});")
	return b.String()
}

// eggText is the program that starts egg.
func eggText(egg EggStart, workers string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `'use strict';

// Starts egg without egg-scripts. This process becomes the master, which forks an agent and the workers.
require(%s).startCluster({
  baseDir: __dirname,
`, quote(egg.Package))
	if egg.Framework != "" {
		fmt.Fprintf(&b, "  framework: %s,\n", quote(egg.Framework))
	}
	switch {
	case workers == "auto":
		b.WriteString("  // Without `workers` there is one for each processor.\n")
	default:
		fmt.Fprintf(&b, "  workers: %s,\n", numberText(workers))
	}
	if egg.Env != "" {
		fmt.Fprintf(&b, "  env: %s,\n", quote(egg.Env))
	}
	if egg.Port != "" {
		fmt.Fprintf(&b, "  port: process.env.PORT || %s,\n", numberText(egg.Port))
	} else {
		b.WriteString("  port: process.env.PORT, // when it is not set, that of config.cluster.listen, else 7001\n")
	}
	b.WriteString("}, () => {\n  if (process.send) process.send('ready'); // for .ready({ message: 'ready' }) in the procfile\n});\n")
	return b.String()
}

// numberText is a number as it is, and a text for anything else.
func numberText(text string) string {
	if n, err := strconv.Atoi(text); err == nil && strconv.Itoa(n) == text {
		return text
	}
	return quote(text)
}

// environment is the object of the variables that a process gets, "" for none. A start script that says production does not
// mean it for `pandora dev`; next knows no other values than the two, and `pandora dev` says local where nobody says one.
func environment(p Plan) string {
	development := "development"
	if p.Framework == MidwayBoot { // whose own scripts say so, and whose settings for it are config.local
		development = "local"
	}
	either := "pandora.dev ? '" + development + "' : 'production'"
	var members []string
	given := false
	for _, v := range p.Entry.Env {
		value := quote(v.Value)
		if v.Name == "NODE_ENV" {
			given = true
			if v.Value == "production" || p.Framework == Next {
				value = either
			}
		}
		members = append(members, v.Name+": "+value)
	}
	switch {
	case given:
	case p.Framework == Next:
		members = append(members, "NODE_ENV: "+either)
	case (p.Framework == Egg || p.Framework == Midway) && len(members) == 0:
		members = append(members, "NODE_ENV: process.env.NODE_ENV || ("+either+")")
	}
	if len(members) == 0 {
		return ""
	}
	return "{ " + strings.Join(members, ", ") + " }"
}

// eitherText is the array for `pandora dev` or else the other one; it is one where only the first text differs.
func eitherText(dev, other []string) string {
	if len(dev) > 0 && len(other) > 0 && slices.Equal(dev[1:], other[1:]) {
		rest := strings.TrimPrefix(arrayText(other), "["+quote(other[0]))
		return "[pandora.dev ? " + quote(dev[0]) + " : " + quote(other[0]) + rest
	}
	return "pandora.dev ? " + arrayText(dev) + " : " + arrayText(other)
}

// arrayText is an array of texts.
func arrayText(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// quote is a text as a literal of JavaScript.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, char := range text {
		switch {
		case char == '\'' || char == '\\':
			b.WriteRune('\\')
			b.WriteRune(char)
		case char == '\n':
			b.WriteString(`\n`)
		case char == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(char):
			b.WriteRune(char)
		case char > 0xffff:
			fmt.Fprintf(&b, `\u{%x}`, char)
		default:
			fmt.Fprintf(&b, `\u%04x`, char)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// comment is a text that stays within its line.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
