package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// Kinds of Error.
const (
	// KindSyntax is a file that does not parse.
	KindSyntax = "syntax"
	// KindThrow is an uncaught exception.
	KindThrow = "throw"
	// KindTimeout and KindMemory are limits that were reached.
	KindTimeout = "timeout"
	KindMemory  = "memory"
	// KindExit is a call of process.exit; Code holds the exit code.
	KindExit = "exit"
	// KindUnsupported is a use of something that only Node has. Node may well accept the same code.
	KindUnsupported = "unsupported"
	// KindLoad is a module that was not found or could not be read.
	KindLoad = "load"
)

// Error tells how evaluated code failed and where. The JSON form crosses the process boundary.
type Error struct {
	// Kind is one of the Kind constants.
	Kind string `json:"kind"`
	// Message is one line for most kinds, such as "TypeError: x is not a function".
	Message string `json:"message"`
	// File is the real path of the innermost user file involved, "" when not known; Line and Column count from 1 and
	// are 0 when not known.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Stack has one "    at f (file:line:column)" per line, user frames only.
	Stack string `json:"stack,omitempty"`
	// Excerpt shows the source around the position with a marker below the column, "" when not known.
	Excerpt string `json:"excerpt,omitempty"`
	// Code is the error object's code (MODULE_NOT_FOUND), or the exit code.
	Code string `json:"code,omitempty"`
}

// Error returns "file:line:column: message", as far as the position is known.
func (e *Error) Error() string {
	if where := e.where(); where != "" {
		return where + ": " + e.Message
	}
	return e.Message
}

// where is "file:line:column", as far as the position is known.
func (e *Error) where() string {
	if e.File == "" || e.Line == 0 {
		return e.File
	}
	return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
}

// embeddedPrefix starts the names of our own files in stacks.
const embeddedPrefix = "pandora:"

// wrapperHead stands before a module's source on its first line.
const wrapperHead = "(function (exports, require, module, __filename, __dirname) { "

// moduleHead stands, on a line of its own, before what an ES module was transformed to.
const moduleHead = "(function (exports, require, module, " + metaName + ") { \"use strict\";"

// position corrects a position for the module wrapper, and leads from transformed code back to the user's. Filename is
// "" for code that is not the user's.
func (r *Runtime) position(p file.Position) file.Position {
	if m := r.maps[p.Filename]; m != nil {
		var ok bool
		if p.Line, p.Column, ok = m.place(p.Line-1, p.Column); !ok {
			p.Filename = ""
		}
		return p
	}
	return unwrapped(p)
}

// unwrapped corrects a position in a module that was parsed as it is.
func unwrapped(p file.Position) file.Position {
	if p.Line == 1 && strings.HasPrefix(p.Filename, "/") {
		p.Column = max(p.Column-len(wrapperHead), 1)
	}
	return p
}

// failure describes what ended a call into JavaScript.
func (r *Runtime) failure(err error) *Error {
	var own *Error
	var interrupted *goja.InterruptedError
	var overflow *goja.StackOverflowError
	var exception *goja.Exception
	switch {
	case errors.As(err, &interrupted):
		own, _ = interrupted.Value().(*Error)
		if own == nil {
			own = &Error{Kind: KindTimeout, Message: interrupted.Error()}
		}
		located := *own
		r.place(&located, interrupted.Stack())
		return &located
	case errors.As(err, &own):
		return own
	case errors.As(err, &overflow):
		e := &Error{Kind: KindThrow, Message: "RangeError: Maximum call stack size exceeded"}
		r.place(e, overflow.Stack())
		return e
	case errors.As(err, &exception):
		return r.thrown(exception)
	}
	return &Error{Kind: KindUnsupported, Message: err.Error()}
}

// maxStackFrames bounds the frames that an Error shows.
const maxStackFrames = 20

// place gives e position and stack from frames, innermost first.
func (r *Runtime) place(e *Error, frames []goja.StackFrame) {
	var stack strings.Builder
	shown := 0
	for _, frame := range frames {
		p := r.position(frame.Position())
		if p.Filename == "" || strings.HasPrefix(p.Filename, embeddedPrefix) {
			continue
		}
		if e.File == "" {
			e.File, e.Line, e.Column = p.Filename, p.Line, p.Column
		}
		if shown++; shown > maxStackFrames {
			break
		}
		if name := frame.FuncName(); name != "" {
			fmt.Fprintf(&stack, "    at %s (%s:%d:%d)\n", name, p.Filename, p.Line, p.Column)
		} else {
			fmt.Fprintf(&stack, "    at %s:%d:%d\n", p.Filename, p.Line, p.Column)
		}
	}
	if e.Stack == "" {
		e.Stack = strings.TrimSuffix(stack.String(), "\n")
	}
	e.quote()
}

// thrown describes an uncaught exception.
func (r *Runtime) thrown(exception *goja.Exception) *Error {
	e := &Error{Kind: KindThrow}
	value := exception.Value()
	object, isObject := value.(*goja.Object)
	if located := r.locate(object); located != nil {
		copied := *located
		e = &copied
	}
	// Reading the thrown value may run its getters and toString.
	if !r.attempt(func() {
		if !isObject {
			if e.Message == "" {
				e.Message = "Uncaught " + show(value)
			}
			return
		}
		if e.Message == "" {
			e.Message = insideModule(object.String())
		}
		if code := object.Get("code"); e.Code == "" && code != nil && !goja.IsUndefined(code) && !goja.IsNull(code) {
			e.Code = code.String()
		}
	}) && e.Message == "" {
		e.Message = "an exception that cannot be shown was thrown"
	}
	switch e.Code {
	case "MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND", "ERR_PACKAGE_PATH_NOT_EXPORTED", "ERR_PACKAGE_IMPORT_NOT_DEFINED", "ERR_INVALID_PACKAGE_CONFIG", "ERR_INVALID_PACKAGE_TARGET":
		if e.Kind == KindThrow {
			e.Kind = KindLoad
		}
	}
	r.place(e, exception.Stack())
	return e
}

// attempt runs f, which may run the user's code, and reports whether it came through.
func (r *Runtime) attempt(f func()) (ok bool) {
	defer func() {
		// What cannot be caught in JavaScript, such as the watch's interrupt, comes as a panic.
		if x := recover(); x != nil {
			r.vm.ClearInterrupt()
			ok = false
		}
	}()
	return r.vm.Try(f) == nil
}

func show(value goja.Value) string {
	if goja.IsString(value) {
		return fmt.Sprintf("%q", value.String())
	}
	if value == nil {
		return "undefined"
	}
	return value.String()
}

// locate finds the remembered position of an error object or of its causes.
func (r *Runtime) locate(object *goja.Object) *Error {
	for range 10 {
		if object == nil {
			return nil
		}
		if located := r.located[object]; located != nil {
			return located
		}
		var cause goja.Value
		if !r.attempt(func() { cause = object.Get("cause") }) {
			return nil
		}
		object, _ = cause.(*goja.Object)
	}
	return nil
}

// syntax describes a parse or compile error of the file called name.
func syntax(name string, err error) *Error {
	e := &Error{Kind: KindSyntax, File: name, Message: "SyntaxError: " + err.Error()}
	var list parser.ErrorList
	var compile *goja.CompilerSyntaxError
	switch {
	case errors.As(err, &list) && len(list) > 0:
		p := unwrapped(list[0].Position)
		e.Line, e.Column, e.Message = p.Line, p.Column, "SyntaxError: "+list[0].Message
	case errors.As(err, &compile) && compile.File != nil:
		p := unwrapped(compile.File.Position(compile.Offset))
		e.Line, e.Column, e.Message = p.Line, p.Column, "SyntaxError: "+compile.Message
	}
	e.quote()
	return e
}

const (
	excerptContext = 2
	excerptWidth   = 120
	maxExcerptFile = 4 << 20
)

// quote fills Excerpt from the file, if it can be read.
func (e *Error) quote() {
	if e.Excerpt != "" || e.Line <= 0 || !strings.HasPrefix(e.File, "/") {
		return
	}
	info, err := os.Stat(e.File)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxExcerptFile {
		return
	}
	data, err := os.ReadFile(e.File)
	if err != nil {
		return
	}
	if e.Kind != KindSyntax {
		e.Column = calleeColumn(string(data), e.Line, e.Column)
	}
	e.Excerpt = Excerpt(string(data), e.Line, e.Column)
}

// Excerpt shows the lines of a source around line (from 1), which is marked, with a caret below column (from 1; 0 for
// none); "" when there is no such line.
func Excerpt(source string, line, column int) string {
	lines := strings.Split(strings.ReplaceAll(source, "\r\n", "\n"), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	// A minified line is shown around the column only.
	start := 0
	if column > excerptWidth-20 {
		start = column - excerptWidth/2
	}
	var b strings.Builder
	for n := max(1, line-excerptContext); n <= min(len(lines), line+excerptContext); n++ {
		text := []rune(strings.ReplaceAll(lines[n-1], "\t", " "))
		text = text[min(start, len(text)):]
		text = text[:min(excerptWidth, len(text))]
		mark := " "
		if n == line {
			mark = ">"
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%s %4d | %s", mark, n, string(text)), " ") + "\n")
		if n == line && column > 0 {
			fmt.Fprintf(&b, "       | %s^\n", strings.Repeat(" ", column-1-start))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}
