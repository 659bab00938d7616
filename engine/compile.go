package engine

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
)

// maxSource bounds a JavaScript file in bytes.
const maxSource = 64 << 20

// readSource reads a file that is to be loaded as a module.
func readSource(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSource {
		return "", fmt.Errorf("%s has more than %d bytes", path, maxSource)
	}
	return strings.TrimPrefix(string(data), "\ufeff"), nil
}

// parsed is a module that is ready to be compiled.
type parsed struct {
	name    string
	program *ast.Program
	body    *ast.FunctionLiteral
	// size is that of the source in bytes.
	size int
	// form says what the loader has to hand to the wrapper.
	form form
	// jsonImports are the requests that an ES module imports with the attribute that JSON needs.
	jsonImports []string
	// names are the exports that an ES module imports by name, by request.
	names map[string][]string
}

// parseModule parses source as the body of a module function. The result is a program of one function expression.
func parseModule(name, source string) (*parsed, *Error) {
	if strings.HasPrefix(source, "#!") {
		source = "//" + source[2:]
	}
	return parseWrapped(name, wrapperHead+source+"\n})", len(source))
}

// parseWrapped parses a module function. Errors have positions in text.
func parseWrapped(name, text string, size int) (*parsed, *Error) {
	program, err := parser.ParseFile(nil, name, text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntax(name, err)
	}
	if len(program.Body) == 1 {
		if statement, ok := program.Body[0].(*ast.ExpressionStatement); ok {
			if body, ok := statement.Expression.(*ast.FunctionLiteral); ok {
				return &parsed{name: name, program: program, body: body, size: size}, nil
			}
		}
	}
	// The source closed the wrapper itself.
	return nil, &Error{Kind: KindSyntax, File: name, Message: "SyntaxError: Unexpected token '}'"}
}

// compileModule gives the wrapper function of a parsed module.
func (r *Runtime) compileModule(m *parsed) goja.Value { return r.wrapper(r.programOf(m)) }

// programOf compiles a parsed module.
func (r *Runtime) programOf(m *parsed) *goja.Program {
	if m.size <= maxTraced && !strings.HasPrefix(m.name, embeddedPrefix) {
		traceLoops(m.program.Body)
		r.traceStatements(m.name, m.program, m.body)
	}
	compiled, err := goja.CompileAST(m.program, false)
	if err != nil {
		r.throw(r.uncompiled(m, syntax(m.name, err)))
	}
	return compiled
}

// wrapper runs a program that is one function expression.
func (r *Runtime) wrapper(program *goja.Program) goja.Value {
	function, err := r.vm.RunProgram(program)
	if err != nil {
		panic(err)
	}
	return function
}

// throw throws e as the JavaScript error that it describes, and remembers its position.
func (r *Runtime) throw(e *Error) {
	var object *goja.Object
	if e.Kind == KindSyntax {
		object, _ = r.syntaxError(nil, r.vm.ToValue(strings.TrimPrefix(e.Message, "SyntaxError: ")))
	}
	if object == nil {
		object = r.vm.NewGoError(errors.New(strings.TrimPrefix(e.Message, "Error: ")))
		if e.Code != "" {
			_ = object.Set("code", e.Code)
		}
	}
	r.located[object] = e
	panic(object)
}

// noteLoaded records a user's file.
func (r *Runtime) noteLoaded(path string) {
	r.loaded = append(r.loaded, path)
	if r.onLoad != nil {
		r.onLoad(path)
	}
}

// readModule reads a user's file and records it as loaded.
func (r *Runtime) readModule(path string) string {
	source, err := r.sources(path)
	if err != nil {
		// The text has the path; the place is that of who asks for it, as in Node.
		r.throw(&Error{Kind: KindThrow, Message: "Error: " + unread(err), Code: errorCode(err)})
	}
	r.noteLoaded(path)
	return source
}

// refuse notes the first use of something unsupported.
func (r *Runtime) refuse(e *Error) {
	if r.refused == nil {
		r.refused = e
	}
}

// compileFile is the loader's native: what it needs to run a user's file.
func (r *Runtime) compileFile(call goja.FunctionCall) goja.Value {
	path := call.Argument(0).String()
	source := r.readModule(path)
	if isPackage(path) {
		return r.compilePackage(path, source)
	}
	m := r.parseFile(path, source)
	return r.compiled(m, r.compileModule(m))
}

// compilePackage compiles a file of an installed package, or takes what was compiled before.
func (r *Runtime) compilePackage(path, source string) goja.Value {
	f, err := r.formOf(path)
	if err == nil {
		if known, ok := r.programs.find(path, source, f); ok {
			if known.lines != nil {
				r.maps[path] = known.lines
			}
			for _, addition := range known.additions {
				if r.extended[addition] {
					continue
				}
				r.extended[addition] = true
				if _, err := r.extend(goja.Undefined(), r.vm.ToValue(addition)); err != nil {
					panic(err)
				}
			}
			return r.compiled(&known.module, r.wrapper(known.program))
		}
	}
	m := r.parseFile(path, source)
	program := r.programOf(m)
	known := packageProgram{source: source, form: f, module: *m, program: program, lines: r.maps[path]}
	if known.lines != nil {
		// Which of them this file needs can no longer be told, and what it does not need does no harm.
		known.additions = slices.Sorted(maps.Keys(r.extended))
	}
	r.programs.keep(path, known)
	return r.compiled(m, r.wrapper(program))
}

// compileSource is the loader's native for module._compile: text that is CommonJS whatever its name.
func (r *Runtime) compileSource(call goja.FunctionCall) goja.Value {
	m, failed := r.parseText(call.Argument(1).String(), call.Argument(0).String(), formCommonJS)
	if failed != nil {
		r.throw(failed)
	}
	return r.compileModule(m)
}

// parseFile parses a user's file, whatever its language, or throws.
func (r *Runtime) parseFile(path, source string) *parsed {
	f, err := r.formOf(path)
	if err != nil {
		failed := &Error{Kind: KindLoad, Message: "Error: " + err.Error(), Code: codeOf(err)}
		if e, ok := errors.AsType[*moduleError](err); ok && e.Type != "" {
			failed.Kind, failed.Message = KindThrow, e.Type+": "+err.Error()
		}
		r.throw(failed)
	}
	m, failed := r.parseText(path, source, f)
	if failed != nil {
		if failed.Kind == KindUnsupported {
			r.refuse(failed)
		}
		r.throw(failed)
	}
	return m
}

// compiled is what the loader runs: the wrapper, and how to call it.
func (r *Runtime) compiled(m *parsed, wrapper goja.Value) *goja.Object {
	result := r.vm.NewObject()
	_ = result.Set("wrapper", wrapper)
	_ = result.Set("esm", m.form == formModule)
	_ = result.Set("typescript", isTypeScript(m.name))
	_ = result.Set("json", r.strings(m.jsonImports))
	names := r.vm.NewObject()
	for request, list := range m.names {
		_ = names.Set(request, r.strings(list))
	}
	_ = result.Set("names", names)
	return result
}

// compileProcfile is the loader's native for a procfile: the same, the requests that are only handed on, and the text where
// what runs is not what was written.
func (r *Runtime) compileProcfile(call goja.FunctionCall) goja.Value {
	path := call.Argument(0).String()
	source := r.readModule(path)
	m := r.parseFile(path, source)
	requests := r.vm.NewObject()
	for request, exports := range markOpaque(m.body) {
		_ = requests.Set(request, r.strings(exports))
	}
	result := r.compiled(m, r.compileModule(m))
	_ = result.Set("requests", requests)
	if text := m.program.File.Source(); !strings.Contains(text, source) {
		_ = result.Set("text", text)
	}
	return result
}

// declarations is the loader's native that looks into a file without running it: an object from each wanted export to
// its hints, or undefined if the file does more than declare, or an export cannot be told. The third argument says that
// an import statement asks.
func (r *Runtime) declarations(call goja.FunctionCall) goja.Value {
	path := call.Argument(0).String()
	var wanted []string
	if err := r.vm.ExportTo(call.Argument(1), &wanted); err != nil || len(wanted) == 0 {
		return goja.Undefined()
	}
	f, err := r.formOf(path)
	if err != nil || f == formOther {
		return goja.Undefined()
	}
	source, err := readSource(path)
	if err != nil {
		return goja.Undefined()
	}
	m, failed := r.parseText(path, source, f)
	if failed != nil {
		return goja.Undefined()
	}
	from := byRequire
	if call.Argument(2).ToBoolean() {
		from = byImport
	}
	hints, esModule := declaredExports(m.body, wanted, from)
	if hints == nil {
		return goja.Undefined()
	}
	r.noteLoaded(path)
	exports := r.vm.NewObject()
	for name, found := range hints {
		hint := r.vm.NewObject()
		_ = hint.Set("name", found.name)
		_ = hint.Set("dependencies", r.strings(found.dependencies))
		_ = exports.Set(name, hint)
	}
	result := r.vm.NewObject()
	_ = result.Set("exports", exports)
	_ = result.Set("esModule", esModule)
	return result
}

// compileEmbedded is the loader's native: the wrapper function of one of our own files.
func (r *Runtime) compileEmbedded(call goja.FunctionCall) goja.Value {
	program, failed := r.programs.ours(r.files, call.Argument(0).String())
	if failed != nil {
		r.throw(failed)
	}
	return r.wrapper(program)
}

// parseJSON is the loader's native for a .json module.
func (r *Runtime) parseJSON(call goja.FunctionCall) goja.Value {
	path := call.Argument(0).String()
	text := r.readModule(path)
	parse, _ := goja.AssertFunction(r.vm.Get("JSON").ToObject(r.vm).Get("parse"))
	value, err := parse(goja.Undefined(), r.vm.ToValue(text))
	if err == nil {
		return value
	}
	e := &Error{Kind: KindSyntax, File: path, Message: "SyntaxError: " + path + ": it is no JSON that can be read"}
	if line, column, what, ok := jsonFault(text); ok {
		e.Line, e.Column, e.Message = line, column, "SyntaxError: "+path+": "+what
	}
	e.quote()
	r.throw(e)
	return goja.Undefined()
}
