package scaffold

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// framework is what the dependencies say that decides how an application is started; libraries that only serve are found
// by library once the entry is known.
func (r *reader) framework() Framework {
	f := &r.facts
	switch {
	case f.has("next"):
		return Next
	case f.has("@midwayjs/bootstrap"):
		return MidwayBoot
	case f.has("midway"):
		return Midway
	case f.has("egg") || r.egg && r.eggFramework != "":
		return Egg
	case f.has("@nestjs/core"):
		return Nest
	}
	return Unknown
}

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
		if slices.Contains(c.args, "start") || len(c.args) > 0 && c.args[0] == "start" {
			e := r.nextEntry()
			e.Args = c.args
			finish(e)
		}
		return
	case c.program == "egg-scripts" && f.Framework == Egg:
		r.readEggScripts(c.args)
		return
	}
	file, nodeArgs, args := r.program(c)
	if file == "" {
		if bin := r.installed(c.program); bin != "" && c.program != "nest" && c.program != "egg-bin" && c.program != "midway-bin" {
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
	return Entry{Path: "./" + file, Missing: true, Build: r.facts.build(), Listens: true}, true
}

// build is the script of package.json that builds the project; "" when there is none.
func (f *Facts) build() string {
	for _, name := range []string{"build", "compile", "tsc"} {
		if f.Scripts[name] != "" {
			return name
		}
	}
	return ""
}

// fromFramework adds the program that a framework is started by.
func (r *reader) fromFramework() {
	f := &r.facts
	switch f.Framework {
	case Next:
		r.add(r.nextEntry())
	case Midway:
		r.add(Entry{Path: "midway/server", From: "the package midway", Listens: true, Clusters: true})
	case MidwayBoot:
		if r.isFile("bootstrap.js") {
			r.add(r.entry("bootstrap.js", "the start of @midwayjs/bootstrap"))
		}
	case Nest:
		for _, file := range []string{"dist/main.js", "dist/src/main.js"} {
			if r.isFile(file) {
				e := r.entry(file, "what nest builds")
				e.Listens = true
				r.add(e)
			}
		}
		if r.exists("nest-cli.json") || r.isFile("src/main.ts") {
			e, _ := r.built("dist/main.js")
			e.From = "what nest builds"
			r.add(e)
		}
	case Egg:
		r.findEgg()
	}
}

// nextEntry is the program of next, which is found wherever the package is installed.
func (r *reader) nextEntry() Entry {
	e := Entry{Path: "next/dist/bin/next", From: "the package next", Args: []string{"start"}, Listens: true}
	if !r.exists(".next/BUILD_ID") {
		e.Missing, e.Build = true, r.facts.build()
	}
	return e
}

// findEgg adds the program of the project that starts egg, or else one that is to be written.
func (r *reader) findEgg() {
	f := &r.facts
	for _, name := range []string{"server.js", "server.cjs", "index.js", "app/server.js", "start.js"} {
		if !r.isFile(name) {
			continue
		}
		if e := r.entry(name, "the program that starts egg"); e.Listens && e.Clusters {
			r.add(e)
			return
		}
	}
	f.Egg.Package = "egg"
	if r.eggFramework != "" {
		f.Egg.Package = r.eggFramework
	}
	ending := ".js"
	if f.Module {
		ending = ".cjs"
	}
	for _, stem := range []string{"server", "egg-server", "pandora-egg-server"} {
		if !r.exists(stem + ending) {
			f.Egg.File = stem + ending
			break
		}
	}
	if f.Egg.File != "" {
		r.add(Entry{Path: "./" + f.Egg.File, From: "egg", Listens: true, Clusters: true})
	}
}

// readEggScripts takes what egg-scripts is told into the facts.
func (r *reader) readEggScripts(args []string) {
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "--port", "-p":
			r.facts.Egg.Port = value
		case "--workers", "-c":
			r.facts.Egg.Workers = value
		case "--env":
			r.facts.Egg.Env = value
		}
	}
}
