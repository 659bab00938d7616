package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/pandora-go/pandora/internal/program"
)

const (
	// leaveTime is how long the output of a program is waited for that was ended, or that left children with it.
	leaveTime = time.Second
	// maxSaid bounds what of a program's last words is shown, in characters.
	maxSaid = 200
)

// run runs a program and returns what it prints. The program leads its own process group, which is killed when the time
// is up or ctx ends.
func run(ctx context.Context, s Source, o Options) (string, error) {
	path, err := program.Find(s.Command[0], o.Env, o.Dir)
	switch {
	case err != nil && !strings.ContainsRune(s.Command[0], '/'):
		return "", fmt.Errorf("it cannot be run: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return "", errors.New("it cannot be run: it is no file that may be executed; [ chmod +x ] lets a program be")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return "", fmt.Errorf("it cannot be run: there is no such file, looked for from the folder %s", o.Dir)
	case err != nil:
		return "", fmt.Errorf("it cannot be run: %w", err)
	}
	limit := DefaultTimeout
	if s.TimeoutMs > 0 {
		limit = time.Duration(s.TimeoutMs) * time.Millisecond
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was not done after %v and was killed; a longer time is given with timeoutMs", limit))
	defer cancel()
	out, said := &head{}, &tail{}
	cmd := exec.CommandContext(ctx, path, s.Command[1:]...)
	cmd.Args[0] = s.Command[0]
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = o.Dir, o.Env, out, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = leaveTime
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if cmd.Env == nil {
		cmd.Env = []string{} // none is not ours
	}
	err = cmd.Run()
	switch failed := (*exec.ExitError)(nil); {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return "", unwanted{}
	case err != nil && ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(err, &failed):
		return "", fmt.Errorf("it ended with %s%s", ending(failed), said)
	case errors.Is(err, exec.ErrWaitDelay):
		return "", errors.New("it has ended, but something that it started holds on to its output")
	case err != nil:
		return "", fmt.Errorf("it cannot be run: %w", unrun(err))
	}
	return out.String(), nil
}

// unrun is why a program was not started, without its path.
func unrun(err error) error {
	failed, isPath := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return errors.New("it is no program for this machine; a script begins with a line such as #!/bin/sh")
	case isPath && failed.Op == "chdir":
		return fmt.Errorf("the folder %s: %w", failed.Path, failed.Err)
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("what its first line begins with #! is not there")
	case isPath:
		return failed.Err
	}
	return err
}

// unwanted is the error of a program that was killed because nobody waits for its value any more.
type unwanted struct{}

// Error says so.
func (unwanted) Error() string { return "it was killed, because its value is not wanted any more" }

// Unwrap is what tells it from other errors.
func (unwanted) Unwrap() error { return context.Canceled }

// ending says how a program ended.
func ending(err *exec.ExitError) string {
	if status, ok := err.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprintf("exit code %d", err.ExitCode())
}

// head keeps the first bytes that are written to it, a little more than a value can have.
type head struct{ bytes.Buffer }

// Write never fails: who writes more than is kept is not ended for it.
func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), max(MaxSize+2-h.Len(), 0))])
	return len(p), nil
}

// tail keeps the last bytes that are written to it.
type tail struct{ kept []byte }

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - 4*maxSaid; extra > 0 {
		t.kept = slices.Delete(t.kept, 0, extra)
	}
	return len(p), nil
}

// String is the last line that was written, for an error: ": text", or "" when there is none.
func (t *tail) String() string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "?")), "\n")
	last := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, lines[len(lines)-1])
	if runes := []rune(last); len(runes) > maxSaid {
		last = string(runes[:maxSaid]) + "…"
	}
	if last == "" {
		return ""
	}
	return ": " + last
}
