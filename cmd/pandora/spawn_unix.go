//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// readyFD is the descriptor on which a daemon or guard tells that it is ready.
const readyFD = 3

// maxReadiness bounds that message.
const maxReadiness = 64 << 10

// readiness is what a daemon or guard tells once: that it is ready, or why it will not be.
type readiness struct {
	PID int `json:"pid"`
	// Error is set when it ends instead.
	Error string `json:"error,omitempty"`
	// Problems are sentences for the user.
	Problems []string `json:"problems,omitempty"`
}

// spawnSpec describes a process of this program that lives on its own.
type spawnSpec struct {
	executable string
	verb       string
	flags      []string
	args       []string
	env        []string
	dir        string
	output     *os.File
	// started is called once the process runs; nil does nothing. When it waits for the process, another one tells that it
	// is ready.
	started func(*os.Process)
}

// spawned is such a process.
type spawned struct {
	process *os.Process
	// ready has no PID when the process ended without a word.
	ready readiness
}

// spawnReady starts a process in a session of its own and waits until it tells that it is ready, ends, or ctx does; then
// it is killed.
func spawnReady(ctx context.Context, spec spawnSpec) (*spawned, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	args := slices.Concat([]string{spec.verb, fmt.Sprintf("--ready-fd=%d", readyFD)}, spec.flags, []string{"--"}, spec.args)
	cmd := exec.Command(spec.executable, args...)
	cmd.Env, cmd.Dir = spec.env, spec.dir
	cmd.Stdout, cmd.Stderr = spec.output, spec.output
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	if spec.started != nil {
		spec.started(cmd.Process)
	}
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	child := &spawned{process: cmd.Process}
	line, err := bufio.NewReader(io.LimitReader(r, maxReadiness)).ReadBytes('\n')
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		return nil, fmt.Errorf("process %d did not become ready: %w", cmd.Process.Pid, context.Cause(ctx))
	}
	if err == nil {
		err = json.Unmarshal(line, &child.ready)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		return nil, fmt.Errorf("read what process %d says: %w", cmd.Process.Pid, err)
	}
	return child, nil
}

// detach starts this program's daemon in a session of its own, hands it the descriptor to tell its readiness on, and leaves
// it to process 1.
func detach(fd int, environ []string) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the path of this program: %w", err)
	}
	args := []string{"daemon", "--revival"}
	var ready *os.File
	if fd != 0 {
		args = append(args, fmt.Sprintf("--ready-fd=%d", readyFD))
		ready = os.NewFile(uintptr(fd), "ready")
		defer ready.Close()
	}
	cmd := exec.Command(executable, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, os.Stdout, os.Stderr
	if ready != nil {
		cmd.ExtraFiles = []*os.File{ready}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// death waits for a process that ended without being ready, and tells how it did in the words of 1.x.
func (s *spawned) death() string {
	state, err := s.process.Wait()
	if err != nil {
		return fmt.Sprintf("Daemon [ pid = %d ] Died unexpectedly: %v", s.process.Pid, err)
	}
	code, signal := fmt.Sprint(state.ExitCode()), "null"
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code, signal = "null", status.Signal().String()
	}
	return fmt.Sprintf("Daemon [ pid = %d ] Died unexpectedly with exit code %s , signal %s", s.process.Pid, code, signal)
}

// tellReady writes to the starter, if there is one: fd is 0 when the process was started by hand.
func tellReady(fd int, r readiness) {
	if fd == 0 {
		return
	}
	file := os.NewFile(uintptr(fd), "ready")
	defer file.Close()
	data, err := json.Marshal(r)
	if err == nil {
		_, _ = file.Write(append(data, '\n')) // the starter may be gone
	}
}
