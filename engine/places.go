package engine

import (
	"os"
	"strings"
	utf "unicode/utf16"

	"github.com/dop251/goja"
)

// placeDepth bounds the frames between a call in a procfile and the question where it was made.
const placeDepth = 16

// setPlaces adds what js/shared asks for places in the user's code: place() is the innermost one,
// locate(error, file, line, column) lets an error be reported at another place than where it was thrown, and
// placeOfError(error) is where one that was caught would be reported, as text; "" when it is not known.
func (r *Runtime) setPlaces(set func(name string, value any)) {
	sources := map[string][]string{}
	set("files", r.fileTests())
	set("place", func(goja.FunctionCall) goja.Value { return r.callPlace(sources) })
	set("locate", func(call goja.FunctionCall) goja.Value {
		e := &Error{
			Kind: KindThrow, File: call.Argument(1).String(),
			Line: int(call.Argument(2).ToInteger()), Column: int(call.Argument(3).ToInteger()),
		}
		r.located[call.Argument(0).ToObject(r.vm)] = e
		return goja.Undefined()
	})
	set("placeOfError", func(call goja.FunctionCall) goja.Value {
		// Thrown again an error is seen with the stack that it was made with.
		exception := r.vm.Try(func() { panic(call.Argument(0)) })
		if exception == nil {
			return r.vm.ToValue("")
		}
		return r.vm.ToValue(r.thrown(exception).where())
	})
}

// callPlace returns {file, line, column} of the innermost call in the user's code, or null. As in V8, columns count
// UTF-16 units, and a call is where its name is: Goja counts bytes, and says where the parenthesis is.
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
			line := lines[p.Line-1]
			if r.maps[frame.Position().Filename] == nil {
				p.Column = units(line, p.Column)
			}
			p.Column = calledName(utf.Encode([]rune(line)), p.Column)
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

// units turns a column (from 1) in bytes of a line into one in UTF-16 units.
func units(line string, column int) int {
	at := min(max(column-1, 0), len(line))
	n := column - at
	return n + len(utf.Encode([]rune(line[:at])))
}

// calledName returns the column (from 1) at which the name before the parenthesis in column begins, in a line of UTF-16
// units; column itself when there is no parenthesis, or no name on that line.
func calledName(line []uint16, column int) int {
	if column < 1 || column > len(line) || line[column-1] != '(' {
		return column
	}
	end := column - 1
	for end > 0 && (line[end-1] == ' ' || line[end-1] == '\t') {
		end--
	}
	if end > 1 && line[end-1] == '.' && line[end-2] == '?' {
		end -= 2
	}
	start := end
	for start > 0 && namePart(line[start-1]) {
		start--
	}
	if start == end {
		return column
	}
	return start + 1
}

// namePart reports whether c may be within a JavaScript name, roughly.
func namePart(c uint16) bool {
	return c == '$' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c > 0x7f
}
