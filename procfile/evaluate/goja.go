package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pandora-go/pandora/engine"
)

// goja evaluates in Goja, in a child process. A failure of the procfile or of the engine is an *Error.
func (e *evaluation) goja(ctx context.Context) (answer, error) {
	executable := e.Executable
	if executable == "" {
		var err error
		if executable, err = os.Executable(); err != nil {
			return answer{}, fmt.Errorf("evaluate application %q: %w", e.AppName, err)
		}
	}
	child, done := e.child(executable)
	defer done()
	// It gets ready while Node is asked for its version.
	child.Start(e.real)
	options := engine.Options{
		Dir: e.real, Env: e.env, MemoryLimit: e.MemoryLimit, Timeout: e.Timeout, MaxOutput: maxOutput,
	}
	if node, err := e.findNode(); err == nil {
		options.ExecPath = node
		options.NodeVersion = e.version(ctx, node)
	}
	result, err := child.Evaluate(ctx, engine.Request{
		Options: options, Module: "shared/structure.js", Function: "structure", Arg: e.argument,
	})
	if err == nil {
		return answer{value: result.Value, loaded: result.Loaded, output: result.Output}, nil
	}
	if err := ctx.Err(); err != nil {
		return answer{}, fmt.Errorf("evaluate application %q: %w", e.AppName, err)
	}
	failed := &Error{Procfile: e.procfile(), Engine: EngineGoja, Kind: KindUnsupported, Message: err.Error()}
	if typed, ok := errors.AsType[*engine.Error](err); ok {
		failed.Kind, failed.Code, failed.Message, failed.Path = Kind(typed.Kind), typed.Code, withoutRequireStack(typed.Message), typed.File
		failed.Line, failed.Column, failed.Excerpt, failed.Stack = typed.Line, typed.Column, typed.Excerpt, typed.Stack
	}
	failed.advise()
	return answer{}, failed
}
