package engine

import (
	"fmt"
	"io/fs"

	"github.com/dop251/goja"
)

// script is the native behind vm.Script: (source, file name, how many lines of the file stand before it) → a function that
// runs it as a script of the only realm.
func (r *Runtime) script(call goja.FunctionCall) goja.Value {
	name := call.Argument(1).String()
	program, err := goja.Compile(name, call.Argument(0).String(), false)
	if err != nil {
		failed := syntax(name, err)
		if offset := int(call.Argument(2).ToInteger()); offset != 0 && failed.Line > 0 {
			failed.Line, failed.Excerpt = max(failed.Line+offset, 1), ""
			failed.quote()
		}
		r.throw(failed)
	}
	return r.vm.ToValue(func(goja.FunctionCall) goja.Value {
		value, err := r.vm.RunProgram(program)
		if err != nil {
			panic(err)
		}
		return value
	})
}

// embeddedJSON is the native that reads a table of goja/, such as "shapes/net".
func (r *Runtime) embeddedJSON(call goja.FunctionCall) goja.Value {
	name := call.Argument(0).String()
	text, err := fs.ReadFile(r.files, "goja/"+name+".json")
	if err != nil {
		panic(r.vm.NewGoError(fmt.Errorf("no embedded table %q", name)))
	}
	// As a script: JSON.parse knows no number as large as 1e999, which stands for infinity.
	value, err := r.vm.RunScript(embeddedPrefix+"goja/"+name+".json", "("+string(text)+")")
	if err != nil {
		panic(err)
	}
	return value
}
