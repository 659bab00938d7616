package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ChildVerb is the first argument with which Isolate and Child start an executable; it must then call ChildMain.
const ChildVerb = "engine-child"

const (
	// exitDelay is how long after Options.Timeout a child that does not end by itself is killed; where the time is short,
	// a quarter of it.
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

// response is what a child writes for a request: first, before user code runs, one line that says it is ready, later
// the outcome.
type response struct {
	// Ready is the first line; File a module that starts to load; the last line has neither.
	Ready bool   `json:"ready,omitempty"`
	File  string `json:"file,omitempty"`
	Done  bool   `json:"done,omitempty"`
	// Spent says with Done that the child is not fit for another request.
	Spent bool `json:"spent,omitempty"`
	Result
	Error *Error `json:"error,omitempty"`
}

// childRequest is what is written to a child. Traced says that descriptor 3 is a page to mark statements in.
type childRequest struct {
	Request
	Traced bool `json:"traced"`
}

// Isolate evaluates req in a child process: executable, called with ChildVerb, its memory limited by the kernel, killed
// with its process group a moment after Options.Timeout or when ctx ends. Failures of the evaluation are of type
// *Error; when the child was killed, the position is that of the last statement it began in a file of the project.
func Isolate(ctx context.Context, executable string, req Request) (Result, error) {
	c := NewChild(executable)
	defer c.Close()
	return c.Evaluate(ctx, req)
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

// read takes the process's lines until the last one of a request or the end.
func (c *child) read() (last response, state progress) {
	for {
		var r response
		if err := c.answers.Decode(&r); err != nil {
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
	// The collector of Go 1.26 does not check whether it got the memory for its queues. It faults outside any goroutine,
	// which nothing else does.
	if strings.HasPrefix(crash, "SIGSEGV: segmentation violation\nPC=") {
		return true
	}
	return strings.Contains(crash, "out of memory") || strings.Contains(crash, "cannot allocate memory") ||
		strings.Contains(crash, "failed to allocate") ||
		// Where C code is linked in, it is the one that does not get the memory.
		strings.Contains(crash, "pthread_create failed: Resource") || strings.HasPrefix(crash, "SIGSEGV")
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
