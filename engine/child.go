package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ChildVerb is the first argument with which Isolate starts an executable; it must then call ChildMain.
const ChildVerb = "engine-child"

const (
	// exitDelay is how long after Options.Timeout a child that does not end by itself is killed.
	exitDelay = 500 * time.Millisecond
	// startAllowance covers the start of the child, which does not count against Options.Timeout.
	startAllowance = 5 * time.Second
	// headroom is what a child may allocate beyond MemoryLimit: the Go runtime, garbage, the parser.
	headroom = 256 << 20
	// maxResponse bounds what is read from a child.
	maxResponse = 64 << 20
	// maxCrash bounds what is kept of a crashed child's stderr.
	maxCrash = 64 << 10
)

// Request is one evaluation for a child process; see Runtime.Invoke.
type Request struct {
	Options  Options         `json:"options"`
	Module   string          `json:"module"`
	Function string          `json:"function"`
	Arg      json.RawMessage `json:"arg,omitempty"`
}

// Result is what an evaluation in a child process gave. Loaded and Output are also set when it failed.
type Result struct {
	Value  json.RawMessage `json:"value,omitempty"`
	Loaded []string        `json:"loaded,omitempty"`
	Output string          `json:"output,omitempty"`
}

// response is what a child writes: first, before user code runs, one line that says it is ready, later the outcome.
type response struct {
	// Ready is the first line; File a module that starts to load; the last line has neither.
	Ready bool   `json:"ready,omitempty"`
	File  string `json:"file,omitempty"`
	Done  bool   `json:"done,omitempty"`
	Result
	Error *Error `json:"error,omitempty"`
}

// childRequest is what Isolate writes to a child. Traced says that descriptor 3 is a page to mark statements in.
type childRequest struct {
	Request
	Traced bool `json:"traced"`
}

// ChildMain serves one Request read from in and writes the outcome to out, one JSON value a line. It limits the memory
// of the whole process, so the process must end afterwards, with the exit code that is returned.
func ChildMain(in io.Reader, out io.Writer) int {
	enc := json.NewEncoder(out)
	var req childRequest
	if err := json.NewDecoder(in).Decode(&req); err != nil {
		_ = enc.Encode(response{Done: true, Error: &Error{Kind: KindUnsupported, Message: "read request: " + err.Error()}})
		return 1
	}
	rt, err := New(req.Options)
	if err != nil {
		_ = enc.Encode(response{Done: true, Error: &Error{Kind: KindUnsupported, Message: err.Error()}})
		return 1
	}
	if err := limitMemory(rt.options.MemoryLimit + headroom); err != nil {
		_ = enc.Encode(response{Done: true, Error: &Error{Kind: KindUnsupported, Message: err.Error()}})
		return 1
	}
	if req.Traced {
		if err := rt.traceInto(os.NewFile(3, "trace")); err != nil {
			_ = enc.Encode(response{Done: true, Error: &Error{Kind: KindUnsupported, Message: "share a page with the parent: " + err.Error()}})
			return 1
		}
	}
	// The parent may have to kill this process, and then knows at least the file.
	rt.onLoad = func(path string) { _ = enc.Encode(response{File: path}) }
	_ = enc.Encode(response{Ready: true})
	value, err := rt.Invoke(context.Background(), req.Module, req.Function, req.Arg)
	r := response{Done: true, Result: Result{Value: value, Loaded: rt.Loaded(), Output: rt.Output()}}
	if err != nil {
		r.Error = rt.failure(err)
	}
	if err := enc.Encode(r); err != nil {
		return 1
	}
	return 0
}

// Isolate evaluates req in a child process: executable, called with ChildVerb, its memory limited by the kernel, killed
// with its process group a moment after Options.Timeout or when ctx ends. Failures of the evaluation are of type
// *Error; when the child was killed, the position is that of the last statement it began in a file of the project.
func Isolate(ctx context.Context, executable string, req Request) (Result, error) {
	if err := req.Options.fill(); err != nil {
		return Result{}, err
	}
	// Without a page (no space for temporary files), a child that is killed tells less.
	trace, traceErr := openTrace()
	input, err := json.Marshal(childRequest{Request: req, Traced: traceErr == nil})
	if err != nil {
		return Result{}, fmt.Errorf("start JavaScript engine: %w", err)
	}
	cmd := exec.Command(executable, ChildVerb)
	cmd.Dir = req.Options.Dir
	cmd.Stdin = bytes.NewReader(input)
	// A child without environment: what the code sees is in the request.
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if traceErr == nil {
		defer trace.Close()
		cmd.ExtraFiles = []*os.File{trace}
	}
	crash := &headBuffer{limit: maxCrash}
	cmd.Stderr = crash
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Result{}, fmt.Errorf("start JavaScript engine: %w", err)
	}
	if err := cmd.Start(); err != nil {
		if _, statErr := os.Stat(req.Options.Dir); statErr != nil {
			return Result{}, fmt.Errorf("start JavaScript engine in %s: %w", req.Options.Dir, statErr)
		}
		return Result{}, fmt.Errorf("start JavaScript engine: %w", err)
	}
	c := &child{cmd: cmd, limit: req.Options.Timeout}
	stop := c.guard(ctx)
	last, state := c.read(out)
	// Only the answer is waited for: whatever the child still does is of no interest.
	c.kill()
	waitErr := cmd.Wait()
	stop()
	switch {
	case last.Done && last.Error != nil:
		return last.Result, last.Error
	case last.Done:
		return last.Result, nil
	case ctx.Err() != nil:
		return Result{}, ctx.Err()
	}
	err = c.autopsy(state, crash.String(), waitErr, req.Options)
	var failure *Error
	if errors.As(err, &failure) && traceErr == nil {
		failure.locate(trace, state.files)
	}
	return Result{Loaded: state.files}, err
}

// child is a running evaluation.
type child struct {
	cmd   *exec.Cmd
	limit time.Duration
	// ready is closed when the child has begun to evaluate.
	ready   chan struct{}
	expired atomic.Bool
}

// kill ends the child with its process group. It is called only before Wait returns, so the id is still its own.
func (c *child) kill() {
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
}

// guard kills the child when its time is over or ctx ends, until the function it returns is called.
func (c *child) guard(ctx context.Context) (stop func()) {
	c.ready = make(chan struct{})
	done, ended := make(chan struct{}), make(chan struct{})
	ready := c.ready
	go func() {
		defer close(ended)
		timer := time.NewTimer(startAllowance)
		defer timer.Stop()
		for {
			select {
			case <-done:
				return
			case <-ready:
				ready = nil
				timer.Reset(c.limit + exitDelay)
				continue
			case <-timer.C:
				c.expired.Store(true)
			case <-ctx.Done():
			}
			c.kill()
			return
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// progress is what is known of a child that ended without an answer.
type progress struct {
	ready bool
	files []string
}

// last is the module that began to load last.
func (p progress) last() string {
	if len(p.files) == 0 {
		return ""
	}
	return p.files[len(p.files)-1]
}

// locate takes the place of the statement that began last.
func (e *Error) locate(trace *os.File, files []string) {
	number, line, column, ok := readTrace(trace)
	if ok && number >= 0 && number < len(files) {
		e.File, e.Line, e.Column = files[number], line, column
		e.quote()
	}
}

// read takes the child's lines until the last one or the end.
func (c *child) read(out io.Reader) (last response, state progress) {
	dec := json.NewDecoder(io.LimitReader(out, maxResponse))
	for {
		var r response
		if err := dec.Decode(&r); err != nil {
			return response{}, state
		}
		switch {
		case r.Done:
			return r, state
		case r.Ready && !state.ready:
			state.ready = true
			close(c.ready)
		case r.File != "":
			state.files = append(state.files, r.File)
		}
	}
}

// autopsy tells why a child ended without an answer.
func (c *child) autopsy(state progress, crash string, waitErr error, o Options) error {
	e := &Error{Kind: KindUnsupported, File: state.last()}
	switch {
	case c.expired.Load() && !state.ready:
		return fmt.Errorf("start JavaScript engine: %s %s was not ready within %v", c.cmd.Path, ChildVerb, startAllowance)
	case c.expired.Load():
		*e = *timeoutError(o.Timeout)
		e.File = state.last()
		e.Message += "; it was stopped inside one long operation (such as a regular expression or a sort)"
	case ranOutOfMemory(crash):
		*e = *memoryError(o.MemoryLimit)
		e.File = state.last()
	case !state.ready:
		return fmt.Errorf("start JavaScript engine: %s %s: %w: %s", c.cmd.Path, ChildVerb, exitOf(waitErr), firstLine(crash))
	default:
		e.Message = fmt.Sprintf("the JavaScript engine ended unexpectedly: %v: %s", exitOf(waitErr), firstLine(crash))
	}
	return e
}

// ranOutOfMemory recognises the last words of the Go runtime, and of its race detector.
func ranOutOfMemory(crash string) bool {
	return strings.Contains(crash, "out of memory") || strings.Contains(crash, "cannot allocate memory") ||
		strings.Contains(crash, "failed to allocate")
}

func exitOf(err error) error {
	if err == nil {
		return errors.New("it ended without an answer")
	}
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// headBuffer keeps the first limit bytes written to it and accepts the rest.
type headBuffer struct {
	limit int
	b     bytes.Buffer
}

// Write never fails.
func (t *headBuffer) Write(p []byte) (int, error) {
	t.b.Write(p[:min(len(p), max(t.limit-t.b.Len(), 0))])
	return len(p), nil
}

// String returns what was kept.
func (t *headBuffer) String() string { return t.b.String() }
