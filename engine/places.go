package engine

import (
	"os"
	"strings"

	"github.com/dop251/goja"
)

// placeDepth bounds the frames between a call in a procfile and the question where it was made.
const placeDepth = 16

// setPlaces adds what js/shared asks for places in the user's code: place() is the innermost one, and
// locate(error, file, line, column) lets an error be reported at another place than where it was thrown.
func (r *Runtime) setPlaces(set func(name string, value any)) {
	sources := map[string][]string{}
	set("place", func(goja.FunctionCall) goja.Value { return r.callPlace(sources) })
	set("locate", func(call goja.FunctionCall) goja.Value {
		e := &Error{
			Kind: KindThrow, File: call.Argument(1).String(),
			Line: int(call.Argument(2).ToInteger()), Column: int(call.Argument(3).ToInteger()),
		}
		r.located[call.Argument(0).ToObject(r.vm)] = e
		return goja.Undefined()
	})
}

// callPlace returns {file, line, column} of the innermost call in the user's code, or null. The column is that of the
// called name, as in V8: Goja itself says where the parenthesis is.
func (r *Runtime) callPlace(sources map[string][]string) goja.Value {
	for _, frame := range r.vm.CaptureCallStack(placeDepth, nil) {
		p := r.position(frame.Position())
		if !strings.HasPrefix(p.Filename, "/") {
			continue
		}
		lines, known := sources[p.Filename]
		if !known {
			lines = sourceLines(p.Filename)
			sources[p.Filename] = lines
		}
		if p.Line >= 1 && p.Line <= len(lines) {
			p.Column = calledName(lines[p.Line-1], p.Column)
		}
		o := r.vm.NewObject()
		_ = o.Set("file", p.Filename)
		_ = o.Set("line", p.Line)
		_ = o.Set("column", p.Column)
		return o
	}
	return goja.Null()
}

// sourceLines reads a file that was evaluated; nil when it is not readable any more, or large.
func sourceLines(path string) []string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxExcerptFile {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Split(string(data), "\n")
}

// calledName returns the column (from 1) at which the name before the parenthesis in column begins, in a line; column
// itself when there is no parenthesis, or no name on that line.
func calledName(line string, column int) int {
	text := []rune(line)
	if column >= 1 && column < len(text) && text[column-1] == '.' {
		return column + 1
	}
	if column < 1 || column > len(text) || text[column-1] != '(' {
		return column
	}
	end := column - 1
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '\t') {
		end--
	}
	if end > 1 && text[end-1] == '.' && text[end-2] == '?' {
		end -= 2
	}
	start := end
	for start > 0 && namePart(text[start-1]) {
		start--
	}
	if start == end {
		return column
	}
	return start + 1
}

// namePart reports whether r may be within a JavaScript name, roughly.
func namePart(r rune) bool {
	return r == '$' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
}
