package scaffold

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// library is what a program serves with: the one that its text loads, else, if it listens, the first that
// the project depends on.
func (r *reader) library(e Entry) Framework {
	first := Unknown
	for _, l := range []struct {
		name string
		is   Framework
	}{{"fastify", Fastify}, {"@hapi/hapi", Hapi}, {"hapi", Hapi}, {"koa", Koa}, {"express", Express}} {
		loaded := r.mentions(e.Path, l.name)
		if loaded {
			return l.is
		}
		if first == Unknown && e.Listens && r.facts.has(l.name) {
			first = l.is
		}
	}
	if first == Unknown && e.Listens {
		return Server
	}
	return first
}

// alone says why one process is the better default.
func (f *Facts) alone() string {
	for _, name := range []string{"socket.io", "primus", "sockjs"} {
		if f.has(name) {
			return name + " needs all requests of a client in the same process"
		}
	}
	for _, name := range []string{"node-cron", "cron", "node-schedule", "@nestjs/schedule", "agenda", "bree"} {
		if f.has(name) {
			return name + " would run its jobs in each worker"
		}
	}
	return ""
}

// commonNames are the programs of a project that does not say which it is, in the order in which they are looked for.
func commonNames() []string {
	var names []string
	for _, dir := range []string{"", "src/", "dist/", "lib/", "server/", "app/"} {
		for _, stem := range []string{"server", "app", "index", "main"} {
			names = append(names, dir+stem)
		}
	}
	return append(names, "bin/www", "bin/server", "bootstrap")
}

// findEntries looks for programs: what the scripts start, what the framework has, main, and names that are common.
func (r *reader) findEntries() {
	f := &r.facts
	scripts := []string{"start", "start:prod", "start:production", "prod", "serve", "server"}
	if f.Framework == Nest {
		scripts = []string{"start:prod", "start:production", "start", "prod"}
	}
	for _, name := range scripts {
		r.fromScript(name)
	}
	r.fromFramework()
	for _, name := range []string{"dev", "start:dev", "develop"} {
		r.fromScript(name)
	}
	var silent []Entry
	if f.Main != "" {
		if file := r.file(f.Main); file != "" {
			silent = r.addOrKeep(r.entry(file, "main of package.json"), silent)
		} else {
			f.Looked = append(f.Looked, fmt.Sprintf("main (%q) of package.json, which is not there", f.Main))
		}
	}
	for _, name := range commonNames() {
		if file := r.file(name); file != "" {
			silent = r.addOrKeep(r.entry(file, ""), silent)
		}
	}
	f.Looked = append(f.Looked, "server, app, index and main, here and in src, dist, lib, server and app", "bin/www")
	for _, e := range silent {
		r.add(e)
	}
}

// addOrKeep adds an entry that listens, and keeps another for later.
func (r *reader) addOrKeep(e Entry, later []Entry) []Entry {
	if e.Listens {
		r.add(e)
		return later
	}
	return append(later, e)
}

// add appends an entry unless its file is one already.
func (r *reader) add(e Entry) {
	if !slices.ContainsFunc(r.facts.Entries, func(o Entry) bool { return o.Path == e.Path }) {
		r.facts.Entries = append(r.facts.Entries, e)
	}
}

// fromScript adds what a script of package.json starts, when that is a program for Node.
func (r *reader) fromScript(name string) {
	f := &r.facts
	c, ok := f.script(name)
	from := "scripts." + name + " of package.json"
	if text := f.Scripts[name]; text != "" {
		f.Looked = append(f.Looked, fmt.Sprintf("%s (%q)", from, text))
	}
	if !ok {
		return
	}
	finish := func(e Entry) {
		e.From, e.Command, e.Env = from, f.Scripts[name], c.env
		r.add(e)
	}
	switch {
	case c.program == "next" && f.Framework == Next:
		if slices.Contains(c.args, "start") {
			finish(r.nextEntry(c.args))
		}
		return
	case c.program == "egg-scripts":
		r.readEggScripts(c.args)
		return
	}
	file, nodeArgs, args := r.program(c)
	if file == "" {
		if bin := r.installed(c.program); bin != "" && !slices.Contains([]string{"nest", "egg-bin", "midway-bin"}, c.program) {
			finish(Entry{Path: "./" + bin, Args: c.args})
		}
		return
	}
	if file == "." || file == "./" {
		file = f.Main
	}
	if found := r.file(file); found != "" {
		e := r.entry(found, from)
		e.NodeArgs, e.Args = nodeArgs, args
		finish(e)
		return
	}
	if e, ok := r.built(file); ok {
		e.NodeArgs, e.Args = nodeArgs, args
		finish(e)
	}
}

// built is an entry that a build is yet to make.
func (r *reader) built(file string) (e Entry, ok bool) {
	file = path.Clean(file)
	dir, _, below := strings.Cut(file, "/")
	if !below || !slices.Contains([]string{"dist", "build", "out", "lib", ".output", ".next", "output"}, dir) {
		return Entry{}, false
	}
	if !hasEnding(file, ".js", ".cjs", ".mjs") {
		file += ".js"
	}
	return Entry{Path: "./" + file, Missing: true, Built: "./" + file, Build: r.facts.build(), Listens: true}, true
}

// build is the command that builds the project by a script of package.json; "" when there is none.
func (f *Facts) build() string {
	for _, name := range []string{"build", "compile", "tsc"} {
		if f.Scripts[name] != "" {
			return "npm run " + name
		}
	}
	return ""
}
