package engine

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/url"
)

// natives is what the loader and the files of js/goja ask Go for.
func (r *Runtime) natives() *goja.Object {
	o := r.vm.NewObject()
	set := func(name string, value any) { _ = o.Set(name, value) }
	set("dir", r.options.Dir)
	set("mainFile", embeddedPrefix+"main")
	set("nodeVersion", r.options.NodeVersion)
	set("opaquePrefix", opaquePrefix)
	set("resolve", r.resolve)
	set("nodeModulePaths", func(call goja.FunctionCall) goja.Value {
		return r.strings(nodeModulePaths(filepath.Clean(call.Argument(0).String())))
	})
	set("readSource", func(call goja.FunctionCall) goja.Value { return r.vm.ToValue(r.readModule(call.Argument(0).String())) })
	set("compileFile", r.compileFile)
	set("compileSource", r.compileSource)
	set("compileProcfile", r.compileProcfile)
	set("compileEmbedded", r.compileEmbedded)
	set("declarations", r.declarations)
	set("hiddenExports", r.hiddenExports)
	set("expandRegExp", r.expandRegExp)
	set("parseJSON", r.parseJSON)
	set("unsupported", r.unsupported)
	set("finish", r.finish)
	set("write", func(call goja.FunctionCall) goja.Value {
		r.print(call.Argument(0).String())
		return goja.Undefined()
	})
	if r.session != nil {
		set("live", r.session.natives(r.vm))
	}
	set("exit", r.exit)
	set("frames", r.frames)
	r.setPlaces(set)
	set("process", r.process)
	set("nodeURL", r.library(url.Require))
	set("now", func(goja.FunctionCall) goja.Value { return r.vm.ToValue(float64(time.Now().UnixNano()) / 1e6) })
	set("isProxy", func(call goja.FunctionCall) goja.Value {
		object, ok := call.Argument(0).(*goja.Object)
		if ok {
			_, ok = object.Export().(goja.Proxy)
		}
		return r.vm.ToValue(ok)
	})
	set("encodeText", r.encodeText)
	set("decodeText", r.decodeText)
	set("system", r.system)
	set("fs", r.fileSystem)
	set("runCommand", r.runCommand)
	set("digest", r.digest)
	set("random", r.random)
	set("script", r.script)
	set("inflate", r.inflate)
	set("crc32", r.crc32)
	set("embeddedJSON", r.embeddedJSON)
	return o
}

// print takes what the code prints.
func (r *Runtime) print(text string) {
	if r.session != nil {
		r.session.options.Console(r.session.owner, text)
		return
	}
	r.output.write(text)
}

// strings makes a plain JavaScript array: goja's wrapper of a Go slice would coerce what is pushed to it.
func (r *Runtime) strings(list []string) goja.Value {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return r.vm.NewArray(values...)
}

// library makes a loader for a module of goja_nodejs.
func (r *Runtime) library(load func(*goja.Runtime, *goja.Object)) func(goja.FunctionCall) goja.Value {
	return func(goja.FunctionCall) goja.Value {
		module := r.vm.NewObject()
		_ = module.Set("exports", r.vm.NewObject())
		load(r.vm, module)
		return module.Get("exports")
	}
}

// resolve finds (specifier, asking file or "", folders, extensions or undefined, whether an import statement asks). It answers with a path, or with the
// parts of an error: the loader throws, so that the error has the user's stack.
func (r *Runtime) resolve(call goja.FunctionCall) goja.Value {
	q := query{spec: call.Argument(0).String(), file: call.Argument(1).String()}
	if err := r.vm.ExportTo(call.Argument(2), &q.paths); err != nil {
		panic(r.vm.NewTypeError("the paths to look in must be an array of strings"))
	}
	if given := call.Argument(3); !goja.IsUndefined(given) {
		if err := r.vm.ExportTo(given, &q.extensions); err != nil {
			panic(r.vm.NewTypeError("the extensions must be an array of strings"))
		}
	}
	if call.Argument(4).ToBoolean() {
		q.conditions = r.resolver.importConditions()
	}
	for i, path := range q.paths {
		if !filepath.IsAbs(path) {
			q.paths[i] = filepath.Join(r.options.Dir, path)
		}
	}
	path, err := r.resolver.resolve(q)
	if err == nil {
		return r.vm.ToValue(path)
	}
	answer := r.vm.NewObject()
	_ = answer.Set("message", err.Error())
	var e *moduleError
	if errors.As(err, &e) {
		_ = answer.Set("type", e.Type)
		_ = answer.Set("asked", e.Asked)
		properties := r.vm.NewObject()
		for _, property := range [][2]string{{"code", e.Code}, {"path", e.Path}, {"requestPath", e.RequestPath}} {
			if property[1] != "" {
				_ = properties.Set(property[0], property[1])
			}
		}
		_ = answer.Set("properties", properties)
	}
	return answer
}

// unsupported notes that the code needs Node. The position is that of the call.
func (r *Runtime) unsupported(call goja.FunctionCall) goja.Value {
	object := call.Argument(0).ToObject(r.vm)
	e := &Error{Kind: KindUnsupported, Message: object.Get("message").String(), Code: object.Get("code").String()}
	r.place(e, r.vm.CaptureCallStack(0, nil))
	r.located[object] = e
	r.refuse(e)
	return goja.Undefined()
}

// frames lists the callers for Error.prepareStackTrace, innermost first, without our own files.
func (r *Runtime) frames(goja.FunctionCall) goja.Value {
	var list []any
	for _, frame := range r.vm.CaptureCallStack(0, nil) {
		p := r.position(frame.Position())
		if p.Filename == "" || strings.HasPrefix(p.Filename, embeddedPrefix) {
			continue
		}
		o := r.vm.NewObject()
		_ = o.Set("file", p.Filename)
		_ = o.Set("line", p.Line)
		_ = o.Set("column", p.Column)
		_ = o.Set("name", frame.FuncName())
		list = append(list, o)
	}
	return r.vm.NewArray(list...)
}

// finished interrupts the script once the result is there: nothing that it left behind may run.
type finished struct{}

func (r *Runtime) finish(call goja.FunctionCall) goja.Value {
	r.result = []byte(call.Argument(0).String())
	r.vm.Interrupt(finished{})
	return goja.Undefined()
}

// exit is process.exit: it ends the evaluation, and finally blocks do not run.
func (r *Runtime) exit(call goja.FunctionCall) goja.Value {
	code := strconv.FormatInt(call.Argument(0).ToInteger(), 10)
	r.vm.Interrupt(&Error{Kind: KindExit, Message: "process.exit(" + code + ") was called", Code: code})
	return goja.Undefined()
}

// process describes the process that the code is to believe it runs in.
func (r *Runtime) process(goja.FunctionCall) goja.Value {
	o := r.vm.NewObject()
	env := r.vm.NewDynamicObject(environment{r})
	// As in Node it is no plain object: libraries that copy such ones ask for the prototype.
	_ = env.SetPrototype(r.vm.NewObject())
	_ = o.Set("env", env)
	_ = o.Set("argv", r.strings(r.options.Argv))
	_ = o.Set("execArgv", r.strings(r.options.ExecArgv))
	_ = o.Set("execPath", r.options.ExecPath)
	_ = o.Set("version", r.options.NodeVersion)
	versions := r.vm.NewObject()
	_ = versions.Set("node", r.options.NodeVersion[min(1, len(r.options.NodeVersion)):])
	for name, version := range r.options.NodeVersions {
		_ = versions.Set(name, version)
	}
	_ = o.Set("versions", versions)
	_ = o.Set("platform", runtime.GOOS)
	_ = o.Set("arch", nodeArch(runtime.GOARCH))
	_ = o.Set("pid", os.Getpid())
	_ = o.Set("ppid", os.Getppid())
	_ = o.Set("uid", os.Getuid())
	_ = o.Set("gid", os.Getgid())
	_ = o.Set("euid", os.Geteuid())
	_ = o.Set("egid", os.Getegid())
	return o
}

// nodeArch is process.arch for a GOARCH.
func nodeArch(arch string) string {
	switch arch {
	case "amd64":
		return "x64"
	case "386":
		return "ia32"
	case "ppc64le":
		return "ppc64"
	case "loong64":
		return "loong64"
	}
	return arch
}

// environment is process.env: names and values are strings, whatever is assigned.
type environment struct{ r *Runtime }

// Get returns nil for a variable that is not set, so that the prototype is asked.
func (e environment) Get(key string) goja.Value {
	value, ok := e.r.env[key]
	if !ok {
		return nil
	}
	return e.r.vm.ToValue(value)
}

func (e environment) Set(key string, value goja.Value) bool {
	if _, symbol := value.(*goja.Symbol); symbol {
		panic(e.r.vm.NewTypeError("Cannot convert a Symbol value to a string"))
	}
	e.r.env[key] = value.String()
	return true
}

func (e environment) Has(key string) bool {
	_, ok := e.r.env[key]
	return ok
}

func (e environment) Delete(key string) bool {
	delete(e.r.env, key)
	return true
}

func (e environment) Keys() []string {
	keys := make([]string, 0, len(e.r.env))
	for key := range e.r.env {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
