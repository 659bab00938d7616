package engine

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/pandora-go/pandora/js"
)

const (
	// loaderFile is the embedded file that New runs.
	loaderFile = "goja/loader.js"
	// maxKept bounds the sources of the packages whose programs are kept, in bytes.
	maxKept = 32 << 20
)

// always lists the embedded files that every evaluation of a procfile runs. A child compiles them while it still waits
// for its request.
func always() []string {
	return []string{
		loaderFile, "shared/structure.js", "shared/reconciler.js", "shared/modifiers.js", "shared/check.js",
		"shared/host.js", "shared/describe.js", "shared/entry.js", "shared/accessor.js", "shared/binding.js",
		"shared/places.js", "shared/environment.js", "shared/order.js", "goja/path.js", "goja/process.js",
	}
}

// programs keeps what was compiled, for the next Runtime of a process. Its methods may be called concurrently; the zero
// value is empty.
type programs struct {
	mu       sync.Mutex
	embedded map[string]*embeddedProgram
	packages map[string]packageProgram
	// kept is the size of the sources in packages.
	kept int
}

// embeddedProgram is one of our own files.
type embeddedProgram struct {
	once    sync.Once
	program *goja.Program
	failed  *Error
}

// packageProgram is a file of an installed package. What a module of the project itself is compiled to depends on the
// evaluation, because its statements mark their places.
type packageProgram struct {
	// source and form are what was compiled; with others it is another program.
	source string
	form   form
	module parsed
	// program is the wrapper function.
	program *goja.Program
	// lines is nil for a file that was not transformed.
	lines *sourceMap
	// additions are the files of goja/ that have to be added to the language before.
	additions []string
}

// ours is the program of an embedded file; two callers share the work. All callers give the same files.
func (p *programs) ours(files fs.FS, id string) (*goja.Program, *Error) {
	p.mu.Lock()
	entry := p.embedded[id]
	if entry == nil {
		if p.embedded == nil {
			p.embedded = map[string]*embeddedProgram{}
		}
		entry = &embeddedProgram{}
		p.embedded[id] = entry
	}
	p.mu.Unlock()
	entry.once.Do(func() { entry.program, entry.failed = compileOurs(files, id) })
	return entry.program, entry.failed
}

// compileOurs compiles an embedded file: a module, except for the loader, which is an expression.
func compileOurs(files fs.FS, id string) (*goja.Program, *Error) {
	name := embeddedPrefix + id
	source, err := fs.ReadFile(files, id)
	if err != nil {
		return nil, &Error{Kind: KindUnsupported, Message: fmt.Sprintf("no embedded module %q", id)}
	}
	text := string(source)
	if id != loaderFile {
		text = wrapperHead + text + "\n})"
	}
	program, err := parser.ParseFile(nil, name, text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntax(name, err)
	}
	compiled, err := goja.CompileAST(program, false)
	if err != nil {
		return nil, syntax(name, err)
	}
	return compiled, nil
}

// prepare compiles what every evaluation needs.
func (p *programs) prepare() {
	for _, id := range always() {
		_, _ = p.ours(js.Files(), id) // a failure is met again by whoever needs the file
	}
}

// isPackage reports whether a file belongs to an installed package.
func isPackage(path string) bool { return strings.Contains(path, "/node_modules/") }

// find returns the program of a package's file if exactly this was compiled before.
func (p *programs) find(path, source string, f form) (packageProgram, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entry, ok := p.packages[path]
	return entry, ok && entry.form == f && entry.source == source
}

// keep remembers the program of a package's file, unless that would be too much. TypeScript is not kept: its meaning
// depends on other files.
func (p *programs) keep(path string, entry packageProgram) {
	if !isPackage(path) || isTypeScript(path) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	size := p.kept + len(entry.source) - len(p.packages[path].source)
	if size > maxKept {
		return
	}
	if p.packages == nil {
		p.packages = map[string]packageProgram{}
	}
	// The syntax tree is many times larger than the program.
	entry.module.program, entry.module.body = nil, nil
	p.packages[path], p.kept = entry, size
}
