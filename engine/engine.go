// Package engine runs JavaScript with goja the way Node would load it: CommonJS modules, Node's resolution, and the
// core modules that a procfile reads at load time. It exists to learn the structure of an application without starting
// anything.
//
//	rt, err := engine.New(engine.Options{Dir: "/srv/shop", NodeVersion: "v20.20.2"})
//	value, err := rt.Invoke(ctx, "shared/structure.js", "structure", json.RawMessage(`{"appDir":"/srv/shop"}`))
//
// The same in a child process, which also bounds what goja cannot stop (a regular expression, one huge allocation):
//
//	result, err := engine.Isolate(ctx, executable, engine.Request{Options: o, Module: m, Function: f, Arg: arg})
//
// A result is taken at the moment the called function returns: timers never fire and promise reactions never run, as
// the original lost what an asynchronous procfile did after its first await. Core modules that reach out of the
// process (sockets, asynchronous child processes, writes) can be loaded, extended and configured, but their first use is
// an *Error of Kind "unsupported". Synchronous commands run, and end with the evaluation at the latest.
//
// ES modules, TypeScript and syntax that goja lacks are transformed file by file when they are loaded; places in errors
// and stacks stay those of the user's text. A top-level await needs Node, and of tsconfig.json only what changes the
// meaning of code is read: not paths, not emitDecoratorMetadata. Transform does the same for files that Node runs.
//
// A Runtime belongs to one goroutine; Isolate, ChildMain and Transform may run anywhere. The package is not a sandbox:
// evaluated code reads files as its user.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/dop251/goja"

	"github.com/pandora-go/pandora/js"
)

// Defaults of Options, and the depth of calls at which a script is stopped as Node's stack would.
const (
	DefaultMemoryLimit = 256 << 20
	DefaultTimeout     = 5 * time.Second
	DefaultMaxOutput   = 64 << 10

	maxCallStack = 4000
)

// Options say what the evaluated code sees and what it may use. The JSON form goes to a child process.
type Options struct {
	// Dir is process.cwd() and the base of relative paths. Required, absolute.
	Dir string `json:"dir"`
	// Env is process.env. Changes made by the code stay inside the Runtime.
	Env map[string]string `json:"env,omitempty"`
	// Argv is process.argv; empty means ExecPath alone.
	Argv     []string `json:"argv,omitempty"`
	ExecArgv []string `json:"execArgv,omitempty"`
	// NodeVersion is process.version with its "v", NodeVersions process.versions, ExecPath process.execPath: those
	// of the Node that will run the application. Zero values: "v20.0.0", the version alone, "node".
	NodeVersion  string            `json:"nodeVersion,omitempty"`
	NodeVersions map[string]string `json:"nodeVersions,omitempty"`
	ExecPath     string            `json:"execPath,omitempty"`
	// MemoryLimit bounds in bytes what an Invoke adds to the Go heap. 0 is DefaultMemoryLimit.
	MemoryLimit int64 `json:"memoryLimit,omitempty"`
	// Timeout bounds one Invoke. 0 is DefaultTimeout.
	Timeout time.Duration `json:"timeout,omitempty"`
	// MaxOutput bounds in bytes what console and process.stdout keep. 0 is DefaultMaxOutput.
	MaxOutput int `json:"maxOutput,omitempty"`
}

func (o *Options) fill() error {
	if !filepath.IsAbs(o.Dir) {
		return fmt.Errorf("prepare JavaScript engine: Options.Dir is %q, expected an absolute path", o.Dir)
	}
	o.Dir = filepath.Clean(o.Dir)
	if o.MemoryLimit <= 0 {
		o.MemoryLimit = DefaultMemoryLimit
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxOutput <= 0 {
		o.MaxOutput = DefaultMaxOutput
	}
	if o.NodeVersion == "" {
		o.NodeVersion = "v20.0.0"
	}
	if o.ExecPath == "" {
		o.ExecPath = "node"
	}
	if len(o.Argv) == 0 {
		o.Argv = []string{o.ExecPath}
	}
	return nil
}

// Runtime is one JavaScript world with its module cache. After an Invoke that was stopped (time, memory, exit) it is
// dead, and every further Invoke returns the same error.
type Runtime struct {
	options  Options
	vm       *goja.Runtime
	files    fs.FS
	resolver *resolver
	// sources reads a file that is to be loaded as a module.
	sources func(path string) (string, error)
	env     map[string]string
	output  output
	invoke  goja.Callable
	// session is who the Runtime belongs to; nil for one whose code ends when a call returns. live is the loader's call for it.
	session *Session
	live    goja.Callable

	// loaded holds the user files read as modules, in order; onLoad, if set, is told of each.
	loaded []string
	onLoad func(path string)
	// programs are those that this process has compiled.
	programs *programs
	// commands says that the code ran commands, which may have left something behind.
	commands bool
	// tracing says that statements mark their place; see trace.go.
	tracing bool
	// located remembers the position of error objects that carry none themselves.
	located map[*goja.Object]*Error
	// maps lead from the code of transformed files back to the user's.
	maps map[string]*sourceMap
	// extend adds a file of goja/ to the language; extended are those added.
	extend   goja.Callable
	extended map[string]bool
	// refused is the first use of something unsupported, whether or not the code caught the error.
	refused *Error
	// result is what the running Invoke has handed over, nil before.
	result json.RawMessage
	dead   *Error
	// deadline and cancelled end the running Invoke, and with it a command that it waits for.
	deadline  time.Time
	cancelled <-chan struct{}

	syntaxError goja.Constructor
}

// New makes a Runtime. It reads no file and starts no goroutine.
func New(o Options) (*Runtime, error) { return newWith(o, &programs{}) }

// newWith makes a Runtime that shares programs with others.
func newWith(o Options, known *programs) (*Runtime, error) { return makeRuntime(o, known, nil) }

// makeRuntime makes a Runtime, that of a Session if that is not nil.
func makeRuntime(o Options, known *programs, session *Session) (*Runtime, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	r := &Runtime{
		options:  o,
		vm:       goja.New(),
		files:    js.Files(),
		resolver: newResolver(o.NodeVersion),
		sources:  readSource,
		env:      maps.Clone(o.Env),
		output:   output{limit: o.MaxOutput},
		located:  map[*goja.Object]*Error{},
		maps:     map[string]*sourceMap{},
		extended: map[string]bool{},
		programs: known,
		session:  session,
	}
	if r.env == nil {
		r.env = map[string]string{}
	}
	r.vm.SetMaxCallStackSize(maxCallStack)
	r.syntaxError, _ = goja.AssertConstructor(r.vm.Get("SyntaxError"))
	program, failed := known.ours(r.files, loaderFile)
	if failed != nil {
		return nil, fmt.Errorf("prepare JavaScript engine: %w", failed)
	}
	prepare, err := r.vm.RunProgram(program)
	if err != nil {
		return nil, fmt.Errorf("prepare JavaScript engine: %w", err)
	}
	call, _ := goja.AssertFunction(prepare)
	loader, err := call(goja.Undefined(), r.natives())
	if err != nil {
		return nil, fmt.Errorf("prepare JavaScript engine: %w", err)
	}
	r.invoke, _ = goja.AssertFunction(loader.ToObject(r.vm).Get("invoke"))
	r.extend, _ = goja.AssertFunction(loader.ToObject(r.vm).Get("extend"))
	r.live, _ = goja.AssertFunction(loader.ToObject(r.vm).Get("live"))
	return r, nil
}

// Invoke loads an embedded module such as "shared/structure.js" and returns what exports[function](arg) returned, as
// JSON (null for undefined). Errors are of type *Error, except those of ctx. Inside one native call (a regular
// expression, a sort) goja cannot be stopped: use Isolate for code that is not trusted to be kind.
func (r *Runtime) Invoke(ctx context.Context, module, function string, arg json.RawMessage) (json.RawMessage, error) {
	if r.dead != nil {
		return nil, r.dead
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.result = nil
	r.deadline, r.cancelled = time.Now().Add(r.options.Timeout), ctx.Done()
	stop := r.watch(ctx)
	argument := goja.Undefined()
	if len(arg) > 0 {
		argument = r.vm.ToValue(string(arg))
	}
	err := r.call(module, function, argument)
	if err != nil && r.result == nil {
		// Describing the error may run the code's getters, which the watch is to bound as well.
		err = r.failure(err)
	}
	stop()
	r.vm.ClearInterrupt()
	switch {
	case r.refused != nil:
		return nil, r.refused
	case r.result != nil:
		return r.result, nil
	case err == nil:
		err = &Error{Kind: KindUnsupported, Message: "the engine ended without a result"}
	}
	var failure *Error
	errors.As(err, &failure)
	if failure.Kind == KindTimeout || failure.Kind == KindMemory || failure.Kind == KindExit {
		r.dead = failure
		if err := ctx.Err(); err != nil && failure.Kind == KindTimeout {
			return nil, err
		}
	}
	return nil, failure
}

// call runs the loader's invoke and turns a Go panic in a native function into an error: Node decides then.
func (r *Runtime) call(module, function string, argument goja.Value) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = &Error{Kind: KindUnsupported, Message: fmt.Sprintf("goja panicked: %v", x)}
			r.dead = err.(*Error)
		}
	}()
	_, err = r.invoke(goja.Undefined(), r.vm.ToValue(module), r.vm.ToValue(function), argument)
	return err
}

// Loaded lists the real paths of the user's files that were loaded as modules or JSON, in order.
func (r *Runtime) Loaded() []string { return slices.Clone(r.loaded) }

// Output is what console and process.stdout and stderr wrote, cut after Options.MaxOutput bytes.
func (r *Runtime) Output() string { return r.output.String() }
