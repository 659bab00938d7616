package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/pandora-go/pandora/engine"
)

// goja evaluates in Goja, in a child process. A failure of the procfile or of the engine is an *Error.
func (e *evaluation) goja(ctx context.Context) (answer, error) {
	executable, err := e.program()
	if err != nil {
		return answer{}, err
	}
	child, done := e.child(executable)
	defer done()
	// It gets ready while Node is asked for its version.
	child.Start(e.real)
	options := engine.Options{
		Dir: e.real, Env: e.env, MemoryLimit: e.MemoryLimit, Timeout: e.share(), MaxOutput: maxOutput,
	}
	if node, err := e.findNode(); err == nil {
		options.ExecPath = node
		options.NodeVersion = e.version(ctx, node)
	}
	// The engine keeps its time itself; this is for a machine that does not get the child started.
	limited, cancel := context.WithDeadline(ctx, e.deadline.Add(time.Second))
	defer cancel()
	request := engine.Request{Options: options, Module: "shared/structure.js", Function: "structure", Arg: e.argument}
	if e.processFile != "" {
		request.Module, request.Function = "shared/ecosystem.js", "ecosystem"
	}
	result, err := child.Evaluate(limited, request)
	if err == nil {
		return answer{value: result.Value, loaded: result.Loaded, output: result.Output}, nil
	}
	if err := ctx.Err(); err != nil {
		return answer{}, fmt.Errorf("evaluate application %q: %w", e.AppName, err)
	}
	failed := &Error{Procfile: e.procfile(), Engine: EngineGoja, Kind: KindUnsupported, Message: err.Error()}
	if errors.Is(err, context.DeadlineExceeded) {
		failed.Kind, failed.Message = KindTimeout, fmt.Sprintf("the evaluation takes longer than %s", e.Timeout)
	}
	if typed, ok := errors.AsType[*engine.Error](err); ok {
		failed.Kind, failed.Code, failed.Message, failed.Path = Kind(typed.Kind), typed.Code, withoutRequireStack(typed.Message), typed.File
		failed.Line, failed.Column, failed.Excerpt, failed.Stack = typed.Line, typed.Column, typed.Excerpt, typed.Stack
	}
	failed.advise()
	return answer{}, failed
}

// program is the path of a program that runs engine.ChildMain.
func (e *evaluation) program() (string, error) {
	if e.Executable != "" {
		return e.Executable, nil
	}
	executable, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("evaluate application %q: %w", e.AppName, err)
	}
	return executable, nil
}

// share is the part of the time that is Goja's: most procfiles need a thousandth of it, and one that is slow in Goja may
// be fast in Node.
func (e *evaluation) share() time.Duration {
	if e.Engine == EngineGoja {
		return e.Timeout
	}
	if _, err := e.findNode(); err != nil {
		return e.Timeout
	}
	return e.Timeout * 2 / 5
}

// left is what is left of the time for Node. There is always some: a machine too busy to end Goja in time must not make
// Node's answer a matter of chance.
func (e *evaluation) left() time.Duration {
	return max(time.Until(e.deadline), e.Timeout/5)
}
