// Package evaluate turns an application folder into a procfile.Application: it runs the folder's procfiles, in Goja, and
// in Node when Goja cannot.
//
//	result, err := evaluate.Evaluate(ctx, evaluate.Options{Dir: "/srv/shop", AppName: "shop", Env: os.Environ()})
//
// Both engines run the same JavaScript (js/shared), so they agree on what a procfile means. Each runs in a child process
// with a deadline and a memory limit; a procfile that loops, crashes or eats memory ends there. Node is the judge:
// whatever fails in Goja is tried in Node, and only what fails there too is an error.
//
// Evaluate may be called concurrently. It keeps nothing between calls, starts no application, and does not load the
// classes of services, except those that the procfile itself runs code of.
package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/procfile"
)

// Engines of Options.Engine and Application.Engine.
const (
	// EngineAuto is Goja first, and Node on any failure.
	EngineAuto = "auto"
	EngineGoja = "goja"
	EngineNode = "node"
)

// DefaultTimeout bounds an evaluation, both engines together.
const DefaultTimeout = 10 * time.Second

// DefaultMemoryLimit bounds one engine's heap, in bytes.
const DefaultMemoryLimit = 256 << 20

// Options say what to evaluate, and how.
type Options struct {
	// Dir is the application folder; a relative one counts from the current folder. Its links are kept in the graph.
	Dir string
	// AppName is the application's name.
	AppName string
	// Dev makes pandora.dev true, and sets PANDORA_DEV and, if unset, NODE_ENV=local in the procfile's environment.
	Dev bool
	// Env is the procfile's process.env as NAME=value; nil is an empty environment.
	Env []string
	// EnvFiles are read after those that the procfile names, for the procfile and for every process; what Env says counts more.
	EnvFiles []procfile.EnvFile
	// GlobalEnv, GlobalArgs and GlobalExecArgv are added to every process, after its own.
	GlobalEnv                  map[string]string
	GlobalArgs, GlobalExecArgv []string
	// Node is the node program; "" looks it up in the PATH of Env when it is needed.
	Node string
	// Engine is EngineAuto (also ""), EngineGoja or EngineNode.
	Engine string
	// Executable is a program that runs engine.ChildMain for the verb engine.ChildVerb; "" is the current one.
	Executable string
	// JSDir is a folder made by js.Install, for Node; "" makes a temporary one when it is needed.
	JSDir string
	// Timeout bounds the evaluation; 0 is DefaultTimeout. Where Node can judge, two fifths of it are Goja's, and Node has
	// what Goja leaves.
	Timeout time.Duration
	// MemoryLimit bounds each engine's heap in bytes; 0 is DefaultMemoryLimit.
	MemoryLimit int64
	// WorkerCount is what scale 'auto' means; 0 is DEFAULT_WORKER_COUNT of Env, else WorkerCount().
	WorkerCount int
	// Generated is what is evaluated in place of the folder's procfiles; nil evaluates those.
	Generated *Generated
	// Strict notes what would be refused in Result.Problems and goes on, as far as the procfile itself does.
	Strict bool

	// layered are the files whose variables the procfile sees.
	layered []procfile.EnvFile
}

// Generated is a procfile that lies in no file, because it was made of something else. Workers do not evaluate it, so that
// it may define processes only.
type Generated struct {
	// Text is a module in CommonJS; what it requires and names counts from the application's folder.
	Text string
	// Source is what the text was made from; it becomes part of the graph.
	Source procfile.Source
	// Files are the real paths of what the text depends on, Warnings what there is to say about it: both come with the result.
	Files, Warnings []string
}

// Result is an evaluated application.
type Result struct {
	App *procfile.Application
	// Fallback is why Goja could not evaluate what Node did in its place; nil otherwise. App.Engine says who evaluated.
	Fallback *Error
	// Files are the real paths of the files that the graph depends on, sorted: the procfiles, what they required, the files
	// of classes that they hand over, loaded or not, and files of environment variables, there or not.
	Files []string
	// Output is what the procfile printed, bounded.
	Output string
	// Problems are what a strict evaluation refused; nil otherwise.
	Problems []procfile.Problem
}

// evaluation is one call of Evaluate.
type evaluation struct {
	Options
	// given are the options before anything was filled in.
	given Options
	// real is Dir without links: what process.cwd() says.
	real string
	// env is the environment of the procfile.
	env map[string]string
	// argument is the JSON that js/shared/structure.js takes.
	argument json.RawMessage
	warnings []string
	// deadline is when the evaluation is to be over.
	deadline time.Time
	// fallback is why Node was asked and not Goja.
	fallback *Error
	// warm is the Evaluator that evaluates; nil for a single evaluation.
	warm *Evaluator
	// processFile is the process file of PM2 that is evaluated in place of procfiles; "" for none.
	processFile string
}

// answer is what an engine found out.
type answer struct {
	value  json.RawMessage
	loaded []string
	output string
}

// Evaluate evaluates the procfiles of a folder. A folder without a procfile is an application without processes, not an
// error. What is wrong with a procfile is an *Error; a folder that is missing or is none is an ordinary error.
func Evaluate(ctx context.Context, o Options) (*Result, error) {
	e, err := prepare(o)
	if err != nil {
		return nil, err
	}
	return e.evaluate(ctx)
}

// evaluate asks the engines.
func (e *evaluation) evaluate(ctx context.Context) (*Result, error) {
	e.begin()
	if e.Generated == nil {
		if err := e.reachable(); err != nil {
			return nil, err
		}
	}
	engine, found, err := e.ask(ctx)
	if err != nil {
		return nil, err
	}
	result, err := e.result(engine, found)
	if err != nil {
		return nil, err
	}
	return e.settled(ctx, result)
}

// begin sets the deadline.
func (e *evaluation) begin() { e.deadline = time.Now().Add(e.Timeout) }

// ask asks the engines, and says whose answer it is.
func (e *evaluation) ask(ctx context.Context) (engine string, found answer, err error) {
	engine = EngineGoja
	switch e.Engine {
	case EngineGoja:
		found, err = e.goja(ctx)
	case EngineNode:
		engine = EngineNode
		found, err = e.node(ctx)
	default:
		found, err = e.goja(ctx)
		if first, ok := errors.AsType[*Error](err); ok {
			engine = EngineNode
			found, err = e.judge(ctx, first)
		}
	}
	return engine, found, err
}

// judge asks Node after Goja's failure.
func (e *evaluation) judge(ctx context.Context, first *Error) (answer, error) {
	found, err := e.node(ctx)
	if err == nil {
		e.fallback = first
		e.warnings = append(e.warnings, fmt.Sprintf("the procfile was evaluated by node, because goja cannot: %s", first.short()))
		return found, nil
	}
	second, ok := errors.AsType[*Error](err)
	switch {
	case !ok && ctx.Err() != nil:
		return answer{}, err
	case !ok:
		first.Hint = fmt.Sprintf("Node might evaluate it differently, but could not be asked: %v", err)
		return answer{}, first
	}
	return answer{}, e.verdict(first, second)
}

// verdict is what is said of a procfile that has failed in Goja and then in Node: mostly what Node says, at the place that
// Goja knows.
func (e *evaluation) verdict(first, second *Error) *Error {
	switch {
	case second.Kind == KindNoNode && (first.Kind == KindUnsupported || first.Kind == KindSyntax):
		second.Message += fmt.Sprintf(", and the procfile needs Node, because goja cannot evaluate it (%s)", first.short())
		second.Excerpt = first.Excerpt
		return second
	case second.Kind == KindNoNode:
		first.Hint = fmt.Sprintf("Node might evaluate it differently, but %s: %s", second.Message, second.Hint)
		return first
	case second.Kind == KindTimeout && first.Kind == KindTimeout && first.Path != "":
		_, why, _ := strings.Cut(first.Message, "; ")
		first.Message = fmt.Sprintf("still running after %s (%s in goja, the rest in node); %s", e.Timeout, e.share(), why)
		return first
	case second.Kind == KindMemory && second.Line == 0 && first.Kind == KindTimeout && first.Line > 0:
		// Goja's share of the time was over before the memory was; it knows where.
		second.placeAs(first)
	case (second.Kind == KindTimeout || second.Kind == KindMemory) && first.Line > 0 && second.Line == 0:
		return first
	case second.Path == "" && first.Line > 0 && first.Message == second.Message:
		// A thrown value that is no Error carries no place in Node.
		return first
	case second.Path == "" && second.Kind == KindExit && second.Code == "" && (first.Kind == KindUnsupported || first.Kind == KindThrow):
		// What ended Node is what Goja refused or does not have, such as process.kill() and process.abort().
		second.placeAs(first)
	case second.Path == "" && strings.HasPrefix(second.Message, "RangeError"):
		// A file that is nested too deep; where, no engine says.
		second.Path = first.Path
	case first.Code == "ERR_REQUIRE_ASYNC_MODULE" && second.Code == first.Code && first.Line > 0:
		// Node speaks of options of its own and names no line.
		return first
	case second.Path == "" && first.Line > 0 && first.Kind == KindSyntax && second.Kind == KindSyntax:
		// Node does not say where an ES module does not parse.
		second.placeAs(first)
	}
	return second
}

// prepare checks the options and fills in what they leave open.
func prepare(o Options) (*evaluation, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("evaluate application %q: %w", o.AppName, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("evaluate application %q: look into its folder %q: %w", o.AppName, dir, fserr.Bare(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("evaluate application %q: %s is not a folder", o.AppName, dir)
	}
	if !slices.Contains([]string{"", EngineAuto, EngineGoja, EngineNode}, o.Engine) {
		return nil, fmt.Errorf("evaluate application %q: unknown engine %q, expected auto, goja or node", o.AppName, o.Engine)
	}
	e := &evaluation{Options: o, given: o, env: map[string]string{}}
	e.Dir = dir
	if e.real, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("evaluate application %q: follow its folder %q: %w", o.AppName, dir, fserr.Bare(err))
	}
	if e.Timeout <= 0 {
		e.Timeout = DefaultTimeout
	}
	if e.MemoryLimit <= 0 {
		e.MemoryLimit = DefaultMemoryLimit
	}
	if err := e.environment(); err != nil {
		return nil, err
	}
	if e.WorkerCount <= 0 {
		e.WorkerCount = e.defaultWorkerCount()
	}
	argument := map[string]any{
		"appName": e.AppName, "appDir": e.Dir, "dev": e.Dev, "workerCount": e.WorkerCount,
		"globalEnv": e.GlobalEnv, "globalEnvFiles": e.EnvFiles, "globalArgs": e.GlobalArgs, "globalExecArgv": e.GlobalExecArgv, "strict": e.Strict,
	}
	if e.Generated != nil {
		argument["generated"] = e.Generated.Text
		e.warnings = append(e.warnings, e.Generated.Warnings...)
	}
	e.argument, err = json.Marshal(argument)
	if err != nil {
		return nil, fmt.Errorf("evaluate application %q: %w", o.AppName, err)
	}
	return e, nil
}

// environment fills env from Env and from files. Variables with which a Node parent addresses this very process are left
// out: they mean descriptors that the procfile's process does not have.
func (e *evaluation) environment() error {
	for _, variable := range e.Env {
		if name, value, ok := strings.Cut(variable, "="); ok && name != "" {
			e.env[name] = value
		}
	}
	for _, name := range []string{"NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID"} {
		delete(e.env, name)
	}
	if err := e.layer(); err != nil {
		return err
	}
	if e.Dev {
		e.env["PANDORA_DEV"] = "true"
		if e.env["NODE_ENV"] == "" {
			e.env["NODE_ENV"] = "local"
		}
	}
	return nil
}

// result makes the graph of what js/shared/structure.js returned.
func (e *evaluation) result(engine string, found answer) (*Result, error) {
	var record map[string]any
	decoder := json.NewDecoder(bytes.NewReader(found.value))
	decoder.UseNumber()
	if err := decoder.Decode(&record); err != nil || record == nil {
		return nil, fmt.Errorf("evaluate application %q: %s returned no record: %w", e.AppName, engine, err)
	}
	files := found.loaded
	named, _ := record["files"].([]any)
	delete(record, "files")
	for _, file := range named {
		if name, ok := file.(string); ok {
			files = append(files, e.realpath(name))
		}
	}
	problems, err := problems(record["problems"])
	if err != nil {
		return nil, fmt.Errorf("evaluate application %q: %s returned no problems: %w", e.AppName, engine, err)
	}
	delete(record, "problems")
	record["evaluation"] = e.describe(record["binding"])
	delete(record, "binding")
	warnings, _ := record["warnings"].([]any)
	for _, warning := range e.warnings {
		warnings = append(warnings, warning)
	}
	record["engine"], record["warnings"] = engine, warnings
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("evaluate application %q: %w", e.AppName, err)
	}
	app, err := procfile.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("evaluate application %q with %s: %w", e.AppName, engine, err)
	}
	if e.fallback != nil {
		for _, u := range Unscripted(app, e.fallback) {
			app.Warnings = append(app.Warnings, fmt.Sprintf("%s (%s); %s", u.Message, u.At, u.Hint))
		}
	}
	if e.Generated != nil {
		files = append(files, e.Generated.Files...)
	}
	for _, file := range app.EnvFiles {
		files = append(files, e.realpath(file.Path))
	}
	for i := range app.Processes {
		for _, file := range app.Processes[i].EnvFiles {
			files = append(files, e.realpath(file.Path))
		}
		for _, secret := range app.Processes[i].Secrets {
			if secret.File != "" {
				files = append(files, e.realpath(secret.File))
			}
		}
	}
	slices.Sort(files)
	return &Result{App: app, Files: slices.Compact(files), Output: found.output, Problems: problems, Fallback: e.fallback}, nil
}

// realpath resolves links; a path that cannot be resolved stays.
func (e *evaluation) realpath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}
