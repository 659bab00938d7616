package scaffold

import (
	"cmp"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// framework is what the dependencies say that decides how an application is started; libraries that only serve are found
// by library once the entry is known.
func (r *reader) framework() Framework {
	f := &r.facts
	switch {
	case f.has("next"):
		return Next
	case f.has("@midwayjs/bootstrap") && (r.isFile("bootstrap.js") || !f.has("egg")):
		return MidwayBoot
	case f.has("midway") && !isLater(f.Dependencies["midway"]):
		return Midway
	case f.has("egg") || r.egg && r.eggFramework != "":
		return Egg
	case f.has("@nestjs/core"):
		return Nest
	}
	return Unknown
}

// isLater reports whether a range of versions begins behind version 1: of midway, these have no server of their own.
func isLater(versions string) bool {
	major, _, _ := strings.Cut(strings.TrimLeft(versions, "^~>=v "), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n > 1
}

// fromFramework adds the program that a framework is started by.
func (r *reader) fromFramework() {
	f := &r.facts
	switch f.Framework {
	case Next:
		r.add(r.nextEntry([]string{"start"}))
		switch output, dist := r.nextConfig(); {
		case f.Entries[0].Path != nextProgram:
		case output == "export":
			f.Notes = append(f.Notes, "next.config has output: 'export': next start refuses that, and the files in out are for any server of files; only `pandora dev` works")
		case output == "standalone":
			f.Notes = append(f.Notes, "next.config has output: 'standalone': next start warns of that, and the program of that build is "+path.Join(dist, "standalone/server.js")+", for --entry once it is there")
		}
	case Midway:
		e := Entry{Path: "midway/server", From: "the package midway", Listens: true, Clusters: true}
		r.needsDist(&e)
		r.add(e)
		if !r.midwayOptions && (f.Egg.Port != "" || f.Egg.Workers != "") {
			f.Notes = append(f.Notes, `midway/server is not told what egg-scripts is: a port and workers are in "midway-server-options" of package.json`)
		}
	case MidwayBoot:
		if r.isFile("bootstrap.js") {
			r.add(r.entry("bootstrap.js", "the start of @midwayjs/bootstrap"))
		}
		for i := range f.Entries {
			if f.Entries[i].Path == "./bootstrap.js" {
				r.needsDist(&f.Entries[i])
			}
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

// needsDist marks a program that serves what the build makes of src, where that is not there yet.
func (r *reader) needsDist(e *Entry) {
	if r.exists("src") && r.exists("tsconfig.json") && !r.exists("dist") {
		e.Missing, e.Built, e.Build = true, "./dist", r.facts.build()
	}
}

// nextProgram is the program of next, which is found wherever the package is installed.
const nextProgram = "next/dist/bin/next"

// nextEntry is the program of next with the arguments of a production server.
func (r *reader) nextEntry(args []string) Entry {
	e := Entry{Path: nextProgram, From: "the package next", Args: args, Listens: true}
	e.DevArgs = nextDevArgs(args)
	for _, name := range []string{"dev", "start:dev", "develop"} {
		if c, ok := r.facts.script(name); ok && c.program == "next" && (len(c.args) == 0 || c.args[0] != "start") {
			e.DevArgs = c.args
			if len(c.args) == 0 || strings.HasPrefix(c.args[0], "-") { // next without a command is next dev
				e.DevArgs = append([]string{"dev"}, c.args...)
			}
			break
		}
	}
	_, dist := r.nextConfig()
	if !r.exists(path.Join(dist, "BUILD_ID")) {
		e.Missing, e.Built, e.Build = true, "./"+dist, cmp.Or(r.facts.build(), "npx next build")
	}
	return e
}

// nextDevArgs are the arguments of next dev where no script has them: next start takes options that next dev refuses, so
// only where to listen and the folder are taken over.
func nextDevArgs(start []string) []string {
	args := []string{"dev"}
	for words := start; len(words) > 0; words = words[1:] {
		name, _, joined := strings.Cut(words[0], "=")
		switch {
		case name == "-p" || name == "--port" || name == "-H" || name == "--hostname":
			args = append(args, words[0])
			if !joined && len(words) > 1 {
				args, words = append(args, words[1]), words[1:]
			}
		case name == "--keepAliveTimeout" && !joined && len(words) > 1:
			words = words[1:]
		case !strings.HasPrefix(name, "-") && name != "start":
			args = append(args, words[0])
		}
	}
	return args
}

// nextConfig is what the text of next.config says of the build: its kind, and the folder that it is written to.
func (r *reader) nextConfig() (output, dist string) {
	dist = ".next"
	file := r.file("next.config")
	if file == "" {
		return "", dist
	}
	data, err := r.read(file)
	if err != nil {
		return "", dist
	}
	for _, m := range nextSettings().FindAllStringSubmatch(comments().ReplaceAllString(string(data), " "), -1) {
		switch {
		case m[1] == "output":
			output = m[2]
		case fs.ValidPath(path.Clean(m[2])):
			dist = path.Clean(m[2])
		}
	}
	return output, dist
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
	f.Egg.Package = cmp.Or(f.Egg.Framework, r.eggFramework, "egg")
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
		case "--framework":
			r.facts.Egg.Framework = value
		}
	}
}
