package js

import (
	_ "embed" // for bundleHead
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// bootstrapName is the main script of every worker. compiledName is what is installed in its place, which runs
// bundleName, which is made here.
const (
	bootstrapName = "node/bootstrap.js"
	compiledName  = "node/compiled.js"
	bundleName    = "node/bundle.js"
)

// bundleHead is the code in front of the files in a bundle.
//
//go:embed bundle.js.txt
var bundleHead string

// bundle is one file that holds all that a worker needs to start, as a function of what every module gets. Finding, reading
// and compiling some thirty small files takes Node a third of what a worker costs before its application is loaded. A stack
// leads to code that can be read: each file is there as it is but for its comments, which are half of it, and for what
// is not ASCII: one such letter makes V8 take two bytes for each of all.
var bundle = sync.OnceValue(func() []byte {
	var b strings.Builder
	b.WriteString("(function (exports, require, module, __filename, __dirname) {\n")
	b.WriteString(bare(bundleHead))
	b.WriteString("\nconst files = {\n")
	inside := map[string]bool{}
	for _, name := range bundled() {
		inside[name] = true
	}
	for _, name := range bundled() {
		text, _ := files.ReadFile(name)
		requires := map[string]string{}
		for request, file := range requests(name, eager()) {
			if inside[file] {
				requires[request] = file
			}
		}
		table, _ := json.Marshal(requires) // strings alone
		fmt.Fprintf(&b, "\n// ---- %s\n%q: { requires: %s, run: (exports, require, module, __filename, __dirname) => {\n%s\n} },\n", name, name, table, bare(string(text)))
	}
	fmt.Fprintf(&b, "};\n\nload(%q, module);\n})\n", bootstrapName)
	return ascii(b.String())
})

// bare is JavaScript of ours without most of its comments: those that have lines of their own, and those before a value
// that give its type. It knows no syntax: a test holds that nothing else is gone.
func bare(text string) string {
	var b strings.Builder
	inside := false // a comment of several lines
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case inside:
			inside = !strings.HasSuffix(trimmed, "*/")
		case strings.HasPrefix(trimmed, "//") || trimmed == "":
		case strings.HasPrefix(trimmed, "/*") && !strings.Contains(trimmed, "*/"):
			inside = true
		case strings.HasPrefix(trimmed, "/*") && strings.HasSuffix(trimmed, "*/"):
		default:
			b.WriteString(withoutTypes(line))
		}
	}
	return b.String()
}

// withoutTypes is a line without the comments of JSDoc in it.
func withoutTypes(line string) string {
	for {
		before, rest, found := strings.Cut(line, "/** ")
		if !found {
			return line
		}
		_, after, found := strings.Cut(rest, "*/")
		if !found {
			return line
		}
		line = before + strings.TrimPrefix(after, " ")
	}
}

// ascii is JavaScript with every other letter written as an escape, which strings, templates and comments may hold.
func ascii(text string) []byte {
	plain := make([]byte, 0, len(text))
	for _, unit := range utf16.Encode([]rune(text)) {
		if unit < utf8.RuneSelf {
			plain = append(plain, byte(unit))
		} else {
			plain = fmt.Appendf(plain, `\u%04x`, unit)
		}
	}
	return plain
}

// required finds the files that a file requires as it is loaded, and eager also those that it requires later.
var required, eager = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^const .*\brequire\('(\.\.?/[^']+)'\)`)
}), sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\brequire\('(\.\.?/[^']+)'\)`)
})

// seldom are files that bootstrap and worker require in some workers only.
var seldom = [...]string{"node/configurator.js", "node/logger/services.js", "node/code.js", "node/command.js"}

// always are files that every worker requires once it is ready. Outside they would cost it 4 to 8 MB: see bundle.js.txt.
var always = [...]string{"node/hub/presence.js"}

// bundled lists the files of the bundle: what nearly every worker loads. The rest is found where it is installed.
func bundled() []string {
	names := append([]string{bootstrapName}, always[:]...)
	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}
	for i := 0; i < len(names); i++ {
		name := names[i]
		pattern := required()
		if name == bootstrapName || name == "node/worker.js" {
			pattern = eager()
		}
		found := requests(name, pattern)
		for _, request := range slices.Sorted(maps.Keys(found)) {
			if file := found[request]; !seen[file] && !slices.Contains(seldom[:], file) {
				seen[file] = true
				names = append(names, file)
			}
		}
	}
	return names
}

// requests maps what a file requires of us, as the pattern finds it, to the files.
func requests(name string, pattern *regexp.Regexp) map[string]string {
	found := map[string]string{}
	text, _ := files.ReadFile(name)
	for _, match := range pattern.FindAllSubmatch(text, -1) {
		request := string(match[1])
		at := path.Join(path.Dir(name), request)
		for _, file := range []string{at + ".js", at + "/index.js"} {
			if _, err := fs.Stat(files, file); err == nil {
				found[request] = file
				break
			}
		}
	}
	return found
}

// installed is the content of a file where Node finds it.
func installed(name string) []byte {
	switch name {
	case bundleName:
		return bundle()
	case bootstrapName:
		name = compiledName
	}
	data, _ := files.ReadFile(name)
	return data
}
