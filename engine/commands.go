package engine

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dop251/goja"
	"golang.org/x/sys/unix"
)

// maxCommandOutput bounds in bytes what is kept of each output of a command, whatever maxBuffer the code gives.
const maxCommandOutput = 64 << 20

// command is one synchronous child process: what child_process.spawnSync was given, checked and completed by the shim.
type command struct {
	file, dir  string
	args, env  []string
	input      []byte
	stdio      [3]string
	timeout    time.Duration
	maxBuffer  int
	killSignal syscall.Signal
}

// commandResult is how a command ended. Code is an errno's name such as ENOENT, "" if it ran to its end; stdout and
// stderr are nil where they were no pipes.
type commandResult struct {
	pid            int
	state          *os.ProcessState
	stdout, stderr []byte
	code           string
	errno          syscall.Errno
	// final says that the time of the evaluation is over.
	final bool
}

// runCommand is the shim's native: ({file, args, dir, env, input, stdio, timeout, maxBuffer, killSignal}) → {pid, status,
// signal, stdout, stderr, code, errno}.
func (r *Runtime) runCommand(call goja.FunctionCall) goja.Value {
	if r.session != nil && !r.session.first {
		panic(r.vm.NewGoError(errors.New("commands do not run while a script host waits for them; use check.exec")))
	}
	given := call.Argument(0).ToObject(r.vm)
	c := command{
		file:       given.Get("file").String(),
		dir:        given.Get("dir").String(),
		timeout:    time.Duration(given.Get("timeout").ToFloat() * float64(time.Millisecond)),
		maxBuffer:  int(min(given.Get("maxBuffer").ToFloat(), maxCommandOutput)),
		killSignal: syscall.Signal(given.Get("killSignal").ToInteger()),
	}
	var stdio []string
	for name, target := range map[string]any{"args": &c.args, "env": &c.env, "stdio": &stdio} {
		if err := r.vm.ExportTo(given.Get(name), target); err != nil {
			panic(r.vm.NewGoError(err))
		}
	}
	copy(c.stdio[:], stdio)
	if input := given.Get("input"); input != nil && !goja.IsUndefined(input) {
		if err := r.vm.ExportTo(input, &c.input); err != nil {
			panic(r.vm.NewGoError(err))
		}
	}
	shown := &headBuffer{limit: r.options.MaxOutput}
	r.commands = true
	result := c.run(r.deadline, r.cancelled, shown)
	if result.final {
		// The command ended because the evaluation has to. The code must not go on with what it gets.
		r.vm.Interrupt(timeoutError(r.options.Timeout))
	}
	if text := shown.String(); text != "" {
		r.print(text)
	}
	return r.commandAnswer(result)
}

func (r *Runtime) commandAnswer(result commandResult) goja.Value {
	answer := r.vm.NewObject()
	set := func(name string, value any) { _ = answer.Set(name, value) }
	set("pid", result.pid)
	set("status", goja.Null())
	set("signal", goja.Null())
	if result.state != nil {
		status, _ := result.state.Sys().(syscall.WaitStatus)
		if status.Signaled() {
			set("signal", unix.SignalName(status.Signal()))
		} else {
			set("status", status.ExitStatus())
		}
	}
	for name, data := range map[string][]byte{"stdout": result.stdout, "stderr": result.stderr} {
		if data == nil {
			set(name, goja.Null())
		} else {
			set(name, r.vm.NewArrayBuffer(data))
		}
	}
	set("code", result.code)
	set("errno", -int(result.errno))
	return answer
}

// lookup finds the program as execvp does in the environment that it is to get.
func (c *command) lookup() (string, error) {
	if strings.Contains(c.file, "/") {
		if filepath.IsAbs(c.file) {
			return c.file, nil
		}
		return filepath.Join(c.dir, c.file), nil
	}
	path := "/bin:/usr/bin"
	for _, variable := range c.env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			path = value
		}
	}
	err := error(syscall.ENOENT)
	for _, folder := range filepath.SplitList(path) {
		candidate := filepath.Join(folder, c.file)
		if !filepath.IsAbs(candidate) {
			candidate = filepath.Join(c.dir, candidate)
		}
		if !isFile(candidate) {
			continue
		}
		if unix.Access(candidate, unix.X_OK) == nil {
			return candidate, nil
		}
		err = syscall.EACCES
	}
	return "", err
}

// keeper reads one output of a command, up to a limit.
type keeper struct {
	from *os.File
	// to is where it goes; data what is kept if to is nil.
	to    io.Writer
	data  bytes.Buffer
	limit int
	// over is called when there is more than limit.
	over func()
}

// drain reads until the end, the limit, or until from is closed.
func (k *keeper) drain() {
	if k.to != nil {
		_, _ = io.Copy(k.to, k.from)
		return
	}
	n, _ := io.Copy(&k.data, io.LimitReader(k.from, int64(k.limit)+1))
	if n > int64(k.limit) {
		k.data.Truncate(k.limit)
		k.over()
	}
}

// lockedWriter lets the outputs of a command share a writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write passes p on.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// run starts the command, waits for its end and for that of its outputs, and kills it at the deadline of the evaluation
// or when that is cancelled. What is not piped but inherited goes to shown.
//
// A command stays in the process group of the engine's child, which is killed as a whole when the evaluation is over.
// Without such a child it gets a group of its own.
func (c *command) run(deadline time.Time, cancelled <-chan struct{}, shown io.Writer) commandResult {
	path, err := c.lookup()
	if err != nil {
		return failedCommand(err)
	}
	cmd := exec.Command(path)
	cmd.Args = c.args
	cmd.Dir = c.dir
	cmd.Env = c.env
	alone := syscall.Getpgrp() != os.Getpid()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: alone}
	p := &pipes{}
	defer p.close()
	outputs, err := p.connect(cmd, c, &lockedWriter{w: shown})
	if err == nil {
		err = withoutMemoryLimit(func() error { return startProgram(cmd) })
	}
	if err != nil {
		return failedCommand(err)
	}
	p.closeChildEnds()

	e := &ending{kill: func(signal syscall.Signal) {
		if alone {
			_ = syscall.Kill(-cmd.Process.Pid, signal)
		}
		_ = cmd.Process.Signal(signal)
		p.close()
	}}
	done := make(chan struct{})
	var watching, reading sync.WaitGroup
	watching.Go(func() { e.watch(c, deadline, cancelled, done) })
	for _, output := range outputs {
		output.over = func() { e.end("ENOBUFS", syscall.ENOBUFS, c.killSignal) }
		reading.Go(output.drain)
	}
	if p.stdin != nil {
		reading.Go(func() {
			_, _ = p.stdin.Write(c.input)
			_ = p.stdin.Close()
		})
	}
	reading.Wait()
	_ = cmd.Wait()
	close(done)
	watching.Wait()

	result := commandResult{pid: cmd.Process.Pid, state: cmd.ProcessState, code: e.code, errno: e.errno, final: e.final}
	if k := p.stdout; k != nil {
		result.stdout = append([]byte{}, k.data.Bytes()...)
	}
	if k := p.stderr; k != nil {
		result.stderr = append([]byte{}, k.data.Bytes()...)
	}
	return result
}

// startProgram starts cmd; a script without #! is run by the shell, as execvp does.
func startProgram(cmd *exec.Cmd) error {
	err := cmd.Start()
	if !errors.Is(err, syscall.ENOEXEC) {
		return err
	}
	script := *cmd
	*cmd = exec.Cmd{
		Path: "/bin/sh", Args: append([]string{"/bin/sh", script.Path}, script.Args[1:]...), Dir: script.Dir, Env: script.Env,
		SysProcAttr: script.SysProcAttr, Stdin: script.Stdin, Stdout: script.Stdout, Stderr: script.Stderr,
	}
	return cmd.Start()
}

func failedCommand(err error) commandResult {
	errno := syscall.EIO
	errors.As(err, &errno)
	if errno == syscall.EISDIR {
		errno = syscall.EACCES // as execve calls it; os/exec looks at the file first
	}
	return commandResult{code: unix.ErrnoName(errno), errno: errno}
}

// ending is the first reason for which a running command is ended.
type ending struct {
	mu    sync.Mutex
	code  string
	errno syscall.Errno
	final bool
	kill  func(syscall.Signal)
}

func (e *ending) end(code string, errno syscall.Errno, signal syscall.Signal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.code == "" {
		e.code, e.errno = code, errno
	}
	e.kill(signal)
}

// watch ends the command at its own timeout, and for good when the time of the evaluation is over.
func (e *ending) watch(c *command, deadline time.Time, cancelled, done <-chan struct{}) {
	final := time.NewTimer(time.Until(deadline))
	defer final.Stop()
	var own <-chan time.Time
	if c.timeout > 0 {
		timer := time.NewTimer(c.timeout)
		defer timer.Stop()
		own = timer.C
	}
	for {
		select {
		case <-done:
			return
		case <-own:
			e.end("ETIMEDOUT", syscall.ETIMEDOUT, c.killSignal)
			own = nil
			continue
		case <-final.C:
		case <-cancelled:
		}
		e.end("ETIMEDOUT", syscall.ETIMEDOUT, syscall.SIGKILL)
		e.final = true
		return
	}
}

// pipes are the ends that the parent and the command have of its standard streams.
type pipes struct {
	mu             sync.Mutex
	stdin          *os.File
	stdout, stderr *keeper
	ours, theirs   []*os.File
}

func (p *pipes) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range append(p.ours, p.theirs...) {
		_ = f.Close()
	}
}

func (p *pipes) closeChildEnds() {
	for _, f := range p.theirs {
		_ = f.Close()
	}
}

// connect gives cmd its standard streams and returns the outputs that are to be read. A stream that is neither a pipe
// nor inherited stays /dev/null, as does an inherited stdin: an evaluation has none.
func (p *pipes) connect(cmd *exec.Cmd, c *command, shown io.Writer) ([]*keeper, error) {
	if c.stdio[0] == "pipe" {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		p.theirs, p.ours = append(p.theirs, read), append(p.ours, write)
		cmd.Stdin, p.stdin = read, write
	}
	var outputs []*keeper
	for i := 1; i < 3; i++ {
		if c.stdio[i] != "pipe" && c.stdio[i] != "inherit" {
			continue
		}
		read, write, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		p.theirs, p.ours = append(p.theirs, write), append(p.ours, read)
		k := &keeper{from: read, limit: c.maxBuffer}
		if c.stdio[i] == "inherit" {
			k.to = shown
		}
		outputs = append(outputs, k)
		switch {
		case i == 1:
			cmd.Stdout = write
		default:
			cmd.Stderr = write
		}
		if k.to == nil && i == 1 {
			p.stdout = k
		} else if k.to == nil {
			p.stderr = k
		}
	}
	return outputs, nil
}
