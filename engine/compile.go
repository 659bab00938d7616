package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// parseModule parses source as the body of a module function. The result is a program of one function expression.
func parseModule(name, source string) (*ast.Program, *ast.FunctionLiteral, *Error) {
	if strings.HasPrefix(source, "#!") {
		source = "//" + source[2:]
	}
	program, err := parser.ParseFile(nil, name, wrapperHead+source+"\n})", 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, nil, syntax(name, err)
	}
	if len(program.Body) == 1 {
		if statement, ok := program.Body[0].(*ast.ExpressionStatement); ok {
			if body, ok := statement.Expression.(*ast.FunctionLiteral); ok {
				return program, body, nil
			}
		}
	}
	// The source closed the wrapper itself.
	return nil, nil, &Error{Kind: KindSyntax, File: name, Message: "SyntaxError: Unexpected token '}'"}
}

// compileModule gives the wrapper function of a parsed module.
func (r *Runtime) compileModule(name string, program *ast.Program, body *ast.FunctionLiteral, size int) goja.Value {
	if size <= maxTraced && !strings.HasPrefix(name, embeddedPrefix) {
		traceLoops(program.Body)
		r.traceStatements(name, program, body)
	}
	compiled, err := goja.CompileAST(program, false)
	if err != nil {
		r.throw(syntax(name, err))
	}
	wrapper, err := r.vm.RunProgram(compiled)
	if err != nil {
		panic(err)
	}
	return wrapper
}

// throw throws e as the JavaScript error that it describes, and remembers its position.
func (r *Runtime) throw(e *Error) {
	var object *goja.Object
	if e.Kind == KindSyntax {
		object, _ = r.syntaxError(nil, r.vm.ToValue(strings.TrimPrefix(e.Message, "SyntaxError: ")))
	}
	if object == nil {
		object = r.vm.NewGoError(errors.New(e.Message))
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
		r.throw(&Error{Kind: KindLoad, Message: err.Error(), File: path, Code: errorCode(err)})
	}
	r.noteLoaded(path)
	return source
}

// refuseESM throws for files that Node would load as ES modules.
func (r *Runtime) refuseESM(path string) {
	esm := strings.HasSuffix(path, ".mjs")
	if strings.HasSuffix(path, ".js") {
		pkg, err := r.resolver.scope(filepath.Dir(path))
		if err != nil {
			r.throw(&Error{Kind: KindLoad, Message: err.Error(), File: path})
		}
		esm = pkg != nil && pkg.module
	}
	if esm {
		r.noteLoaded(path)
		e := &Error{Kind: KindUnsupported, Message: "this file is an ES module, which only Node can load", File: path, Code: "ERR_REQUIRE_ESM"}
		r.refuse(e)
		r.throw(e)
	}
}

// refuse notes the first use of something unsupported.
func (r *Runtime) refuse(e *Error) {
	if r.refused == nil {
		r.refused = e
	}
}

// compileFile is the loader's native: the wrapper function of a user's file.
func (r *Runtime) compileFile(call goja.FunctionCall) goja.Value {
	path := call.Argument(0).String()
	r.refuseESM(path)
	return r.compileText(path, r.readModule(path))
}

// compileSource is the loader's native for module._compile.
func (r *Runtime) compileSource(call goja.FunctionCall) goja.Value {
	return r.compileText(call.Argument(1).String(), call.Argument(0).String())
}

func (r *Runtime) compileText(name, source string) goja.Value {
	program, body, failed := parseModule(name, source)
	if failed != nil {
		r.throw(failed)
	}
	return r.compileModule(name, program, body, len(source))
}

// compileProcfile is the loader's native for a procfile: its wrapper and the requests that are only handed on.
func (r *Runtime) compileProcfile(call goja.FunctionCall) goja.Value {
	path := call.Argument(0).String()
	r.refuseESM(path)
	source := r.readModule(path)
	program, body, failed := parseModule(path, source)
	if failed != nil {
		r.throw(failed)
	}
	requests := r.vm.NewObject()
	for request, exports := range markOpaque(body) {
		names := make([]any, len(exports))
		for i, name := range exports {
			names[i] = name
		}
		_ = requests.Set(request, r.vm.NewArray(names...))
	}
	result := r.vm.NewObject()
	_ = result.Set("wrapper", r.compileModule(path, program, body, len(source)))
	_ = result.Set("requests", requests)
	return result
}

// declarations is the loader's native that looks into a file without running it: an object from each wanted export to
// its hints, or undefined if the file does more than declare, or an export cannot be told.
func (r *Runtime) declarations(call goja.FunctionCall) goja.Value {
	path := call.Argument(0).String()
	var wanted []string
	if err := r.vm.ExportTo(call.Argument(1), &wanted); err != nil || len(wanted) == 0 {
		return goja.Undefined()
	}
	if ext := filepath.Ext(path); ext != ".js" && ext != ".cjs" {
		return goja.Undefined()
	}
	if pkg, err := r.resolver.scope(filepath.Dir(path)); err != nil || pkg != nil && pkg.module {
		return goja.Undefined()
	}
	source, err := readSource(path)
	if err != nil {
		return goja.Undefined()
	}
	_, body, failed := parseModule(path, source)
	if failed != nil {
		return goja.Undefined()
	}
	hints := declaredExports(body, wanted)
	if hints == nil {
		return goja.Undefined()
	}
	r.noteLoaded(path)
	result := r.vm.NewObject()
	for _, name := range wanted {
		hint := r.vm.NewObject()
		_ = hint.Set("name", hints[name].name)
		dependencies := make([]any, len(hints[name].dependencies))
		for i, d := range hints[name].dependencies {
			dependencies[i] = d
		}
		_ = hint.Set("dependencies", r.vm.NewArray(dependencies...))
		_ = result.Set(name, hint)
	}
	return result
}

// compileEmbedded is the loader's native: the wrapper function of one of our own files.
func (r *Runtime) compileEmbedded(call goja.FunctionCall) goja.Value {
	id := call.Argument(0).String()
	source, err := fs.ReadFile(r.files, id)
	if err != nil {
		panic(r.vm.NewGoError(fmt.Errorf("no embedded module %q", id)))
	}
	return r.compileText(embeddedPrefix+id, string(source))
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
	e := &Error{Kind: KindSyntax, File: path, Message: "SyntaxError: " + path + ": invalid JSON"}
	var bad *json.SyntaxError
	var anything any
	if errors.As(json.Unmarshal([]byte(text), &anything), &bad) {
		before := text[:min(int(bad.Offset), len(text))]
		e.Line = strings.Count(before, "\n") + 1
		e.Column = max(len(before)-strings.LastIndexByte(before, '\n')-1, 1)
		e.Message = "SyntaxError: " + path + ": " + bad.Error()
	}
	e.quote()
	r.throw(e)
	return goja.Undefined()
}
