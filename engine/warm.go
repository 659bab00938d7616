package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Child is a child process that evaluates one request after another, as Isolate does, each in a fresh Runtime. What it
// has compiled of this package's files and of installed packages stays ready. It is replaced after an evaluation that
// it did not survive, that was stopped, that ran commands, or that left it large.
//
// Its methods may be called concurrently; evaluations wait for each other.
type Child struct {
	executable string
	mu         sync.Mutex
	// running is nil while there is no process.
	running *child
}

// NewChild starts nothing yet. executable must call ChildMain when its first argument is ChildVerb.
func NewChild(executable string) *Child { return &Child{executable: executable} }

// Start starts the process in a folder ahead of its first request, if there is none. An error comes back from Evaluate.
func (c *Child) Start(dir string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running, _ = startChild(c.executable, dir)
	}
}

// Evaluate is Isolate in this child.
func (c *Child) Evaluate(ctx context.Context, req Request) (Result, error) {
	if err := req.Options.fill(); err != nil {
		return Result{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		used := c.running != nil
		if !used {
			var err error
			if c.running, err = startChild(c.executable, req.Options.Dir); err != nil {
				return Result{}, err
			}
		}
		result, reached, err := c.once(ctx, req)
		if used && !reached && ctx.Err() == nil {
			continue // the process had ended while nothing was asked of it
		}
		return result, err
	}
}

// once asks the running process. reached says whether it came to the evaluation.
func (c *Child) once(ctx context.Context, req Request) (result Result, reached bool, err error) {
	p := c.running
	last, state := p.evaluate(ctx, req)
	if !last.Done || last.Spent {
		c.running = nil
		defer p.close()
	}
	switch {
	case last.Done && last.Error != nil:
		return last.Result, true, last.Error
	case last.Done:
		return last.Result, true, nil
	}
	// What is left of it tells why there is no answer.
	waitErr := p.end()
	if ctx.Err() != nil {
		return Result{}, state.ready, ctx.Err()
	}
	err = p.autopsy(state, p.crash.String(), waitErr, req.Options)
	var failure *Error
	if errors.As(err, &failure) && p.trace != nil {
		failure.locate(p.trace, state.files)
	}
	return Result{Loaded: state.files}, state.ready, err
}

// Close ends the process. The Child can be used again.
func (c *Child) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil {
		c.running.close()
		c.running = nil
	}
}

// child is a process that evaluates.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	// answers reads what the process writes; room bounds it, anew for each request.
	answers *json.Decoder
	room    *io.LimitedReader
	crash   *headBuffer
	// trace is the page in which statements are marked; nil where none could be made (no space for temporary files):
	// then a child that is killed tells less.
	trace *os.File
	ended bool

	// Of the request at hand: its limit; ready is closed when the process has begun to evaluate.
	limit   time.Duration
	ready   chan struct{}
	expired atomic.Bool
}

// startChild starts a process in a folder.
func startChild(executable, dir string) (*child, error) {
	cmd := exec.Command(executable, ChildVerb)
	cmd.Dir = dir
	// A child without environment: what the code sees is in the request.
	cmd.Env = []string{"GOTRACEBACK=none"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c := &child{cmd: cmd, crash: &headBuffer{limit: maxCrash}}
	cmd.Stderr = c.crash
	if trace, err := openTrace(); err == nil {
		c.trace = trace
		cmd.ExtraFiles = []*os.File{trace}
	}
	var out io.Reader
	var err error
	if c.stdin, err = cmd.StdinPipe(); err == nil {
		out, err = cmd.StdoutPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		if c.trace != nil {
			c.trace.Close()
		}
		if _, statErr := os.Stat(dir); statErr != nil {
			return nil, fmt.Errorf("start JavaScript engine in %s: %w", dir, statErr)
		}
		return nil, fmt.Errorf("start JavaScript engine: %w", err)
	}
	c.room = &io.LimitedReader{R: out}
	c.answers = json.NewDecoder(c.room)
	return c, nil
}

// evaluate hands the process a request and takes its answer. Without one the process has been killed, or ends.
func (c *child) evaluate(ctx context.Context, req Request) (response, progress) {
	if c.trace != nil {
		clearTrace(c.trace)
	}
	input, err := json.Marshal(childRequest{Request: req, Traced: c.trace != nil})
	if err != nil {
		e := &Error{Kind: KindUnsupported, Message: "write request: " + err.Error()}
		return response{Done: true, Error: e}, progress{}
	}
	c.limit, c.room.N = req.Options.Timeout, maxResponse
	c.expired.Store(false)
	stop := c.guard(ctx)
	defer stop()
	_, _ = c.stdin.Write(input) // a process that has ended gives no answer either
	return c.read()
}

// end kills the process with its group, also what its code left running, and waits for it.
func (c *child) end() error {
	if c.ended {
		return nil
	}
	c.ended = true
	c.kill()
	return c.cmd.Wait()
}

// close ends the process and forgets the page.
func (c *child) close() {
	_ = c.end() // killed or not is all the same now
	if c.trace != nil {
		c.trace.Close()
	}
}

// kill ends the process with its group and all that its code has started. It is called only before Wait returns, so the
// id is still its own.
func (c *child) kill() { EndTree(c.cmd.Process.Pid) }

// guard kills the process when its time is over or ctx ends, until the function it returns is called.
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
				timer.Reset(c.limit + min(exitDelay, c.limit/4))
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
