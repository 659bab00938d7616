package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pandora-go/pandora/engine"
	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/js"
)

const (
	// maxOutput bounds what is kept of the procfile's output.
	maxOutput = 64 << 10
	// maxAnswer bounds the JSON of a graph.
	maxAnswer = 64 << 20
	// nodeHeadroom is what Node needs beside its JavaScript heap: code, stacks of its threads, buffers.
	nodeHeadroom = 1 << 30
)

// probeAnswer is what js/node/probe.js sends.
type probeAnswer struct {
	Value  json.RawMessage `json:"value"`
	Loaded []string        `json:"loaded"`
	Error  *struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Stack   string `json:"stack"`
		Code    string `json:"code"`
	} `json:"error"`
}

// node evaluates in Node, in a process group of its own. A failure of the procfile is an *Error, and so is a missing
// Node.
func (e *evaluation) node(ctx context.Context) (answer, error) {
	node, err := e.findNode()
	if err != nil {
		return answer{}, &Error{
			Procfile: e.procfile(), Engine: EngineNode, Kind: KindNoNode, Message: err.Error(),
			Hint: fmt.Sprintf("install Node %d or newer, or put the folder of its `node` program into PATH", oldestNode),
		}
	}
	if version := e.version(ctx, node); tooOld(version) {
		return answer{}, &Error{
			Procfile: e.procfile(), Engine: EngineNode, Kind: KindNoNode,
			Message: fmt.Sprintf("the Node program %s has the version %s", node, version),
			Hint:    fmt.Sprintf("install Node %d or newer", oldestNode),
		}
	}
	dir := e.JSDir
	if dir == "" {
		root, err := os.MkdirTemp("", "pandora-js-")
		if err != nil {
			return answer{}, fmt.Errorf("evaluate application %q: make a folder for what Node runs in %s, which TMPDIR says: %w", e.AppName, os.TempDir(), fserr.Bare(err))
		}
		defer os.RemoveAll(root)
		if dir, err = js.Install(root); err != nil {
			return answer{}, fmt.Errorf("evaluate application %q: %w", e.AppName, err)
		}
	}
	return e.probe(ctx, node, e.realpath(dir))
}

// probe runs js/node/probe.js of the folder dir.
func (e *evaluation) probe(ctx context.Context, node, dir string) (answer, error) {
	left := e.left()
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	answers, answerer, err := os.Pipe()
	if err != nil {
		return answer{}, fmt.Errorf("evaluate application %q: %w", e.AppName, err)
	}
	defer answers.Close()
	program, err := e.program()
	if err != nil {
		return answer{}, err
	}
	cmd := exec.CommandContext(limited, program, engine.Become(node, fmt.Sprintf("--max-old-space-size=%d", max(e.MemoryLimit>>20, 16)),
		filepath.Join(dir, "node", "probe.js"))...)
	cmd.Dir = e.Dir
	for _, name := range sortedNames(e.env) {
		cmd.Env = append(cmd.Env, name+"="+e.env[name])
	}
	cmd.Stdin = bytes.NewReader(e.probeArgument(dir))
	stdout, stderr := &bounded{limit: maxOutput}, &bounded{limit: maxOutput}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.ExtraFiles = []*os.File{answerer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	kill := func() error {
		engine.EndTree(cmd.Process.Pid)
		return nil
	}
	cmd.Cancel = kill
	// Something that left the group may still hold the pipes.
	cmd.WaitDelay = 200 * time.Millisecond
	err = cmd.Start()
	answerer.Close()
	if err != nil {
		return answer{}, e.cannotRun(node, err.Error())
	}
	limit(cmd.Process.Pid, e.MemoryLimit+nodeHeadroom, left)
	_ = answers.SetReadDeadline(time.Now().Add(left + time.Second))
	data, readErr := io.ReadAll(io.LimitReader(answers, maxAnswer+1))
	var got probeAnswer
	complete := readErr == nil && len(data) <= maxAnswer && json.Unmarshal(data, &got) == nil && (got.Error != nil || got.Value != nil)
	// It has answered or ended; whatever it left running is not wanted. Before Wait the group's number is still its own.
	_ = kill()
	waitErr := cmd.Wait()
	if err := ctx.Err(); err != nil {
		return answer{}, fmt.Errorf("evaluate application %q: %w", e.AppName, err)
	}
	output := stdout.String() + stderr.String()
	switch {
	case complete && got.Error == nil:
		return answer{value: got.Value, loaded: slices.Clone(got.Loaded), output: output}, nil
	case complete:
		return answer{}, e.nodeFailure(dir, &got)
	}
	if reason, ok := strings.CutPrefix(stderr.String(), engine.CannotBecome+node+": "); ok {
		return answer{}, e.cannotRun(node, strings.TrimSpace(reason))
	}
	return answer{}, e.noAnswer(dir, limited.Err() != nil, len(data) > maxAnswer, waitErr, stderr.String())
}

// cannotRun describes a Node program that does not start.
func (e *evaluation) cannotRun(node, reason string) *Error {
	if _, err := os.Stat(e.Dir); err != nil {
		return &Error{Procfile: e.Dir, Engine: EngineNode, Kind: KindLoad, Message: "the application's folder is gone", Hint: "bring it back, or name another one"}
	}
	return &Error{
		Procfile: e.procfile(), Engine: EngineNode, Kind: KindNoNode, Message: fmt.Sprintf("cannot run Node: %s: %s", node, reason),
		Hint: "check that " + node + " is a Node program for this machine",
	}
}

// nodeFailure describes what the procfile threw.
func (e *evaluation) nodeFailure(dir string, got *probeAnswer) *Error {
	failed := &Error{Procfile: e.procfile(), Engine: EngineNode, Kind: KindThrow, Code: got.Error.Code, Message: withoutRequireStack(got.Error.Message)}
	if got.Error.Name != "" {
		failed.Message = got.Error.Name + ": " + failed.Message
	}
	switch {
	case got.Error.Code == "PANDORA_EXIT":
		failed.Kind, failed.Message = KindExit, got.Error.Message
	case got.Error.Code == "MODULE_NOT_FOUND" || got.Error.Code == "ERR_MODULE_NOT_FOUND":
		failed.Kind = KindLoad
	case got.Error.Name == "SyntaxError":
		failed.Kind = KindSyntax
	}
	failed.locate(got.Error.Stack, dir)
	failed.advise()
	return failed
}

// noAnswer describes a Node that ended without an answer.
func (e *evaluation) noAnswer(dir string, late, large bool, waitErr error, stderr string) *Error {
	failed := &Error{Procfile: e.procfile(), Engine: EngineNode}
	exit, _ := errors.AsType[*exec.ExitError](waitErr)
	switch {
	case late:
		failed.Kind, failed.Message = KindTimeout, fmt.Sprintf("the evaluation takes longer than %s", e.Timeout)
	case large:
		failed.Kind, failed.Message = KindMemory, fmt.Sprintf("the application's graph is larger than %d MiB", maxAnswer>>20)
	case strings.Contains(stderr, "heap out of memory") || strings.Contains(stderr, "Array buffer allocation failed"):
		failed.Kind, failed.Message = KindMemory, fmt.Sprintf("uses more than %d MiB of memory", e.MemoryLimit>>20)
	default:
		failed.Kind, failed.Message = KindExit, "Node ended before the procfile returned"
		if exit != nil {
			failed.Message += fmt.Sprintf(" (%s)", exit)
		}
		failed.Hint = "a procfile must return: leave process.abort(), process.kill() and native add-ons to the application itself"
		// Of a crash Node shows its own stack.
		if text, _, crash := strings.Cut(stderr, "----- Native stack trace -----"); crash {
			stderr = text
		}
		if last := lastLines(stderr, 5); last != "" {
			failed.Message += ": " + last
		}
		failed.locate(stderr, dir)
	}
	failed.advise()
	return failed
}

// lastLines returns the last n lines that are not empty.
func lastLines(text string, n int) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// findNode returns the Node program.
func (e *evaluation) findNode() (string, error) {
	if strings.ContainsRune(e.Node, filepath.Separator) {
		if !executable(e.Node) {
			return "", fmt.Errorf("there is no Node program at %s", e.Node)
		}
		return e.Node, nil
	}
	name := e.Node
	if name == "" {
		name = "node"
	}
	for _, dir := range filepath.SplitList(e.env["PATH"]) {
		if path := filepath.Join(dir, name); filepath.IsAbs(path) && executable(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("the program %q is not in PATH", name)
}

// executable reports whether path is a file that may be run.
func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// oldestNode is the first major version of Node that our JavaScript runs on.
const oldestNode = 18

// tooOld reports whether a version such as "v16.20.0" is known and older than oldestNode.
func tooOld(version string) bool {
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	number, err := strconv.Atoi(major)
	return err == nil && number < oldestNode
}

// nodeVersion asks Node for its version, such as "v20.20.2"; "" when it does not say.
func nodeVersion(ctx context.Context, node string) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--version")
	cmd.Env = []string{}
	out, err := cmd.Output()
	version := strings.TrimSpace(string(out))
	if err != nil || len(version) > 40 || !strings.HasPrefix(version, "v") {
		return ""
	}
	return version
}

// bounded keeps the first limit bytes written to it.
type bounded struct {
	kept  []byte
	limit int
	cut   bool
}

func (b *bounded) Write(data []byte) (int, error) {
	b.cut = b.cut || len(data) > b.limit-len(b.kept)
	b.kept = append(b.kept, data[:min(len(data), b.limit-len(b.kept))]...)
	return len(data), nil
}

// String returns what was kept, and says so when something was not.
func (b *bounded) String() string {
	if b.cut {
		return string(b.kept) + "\n… (output cut)\n"
	}
	return string(b.kept)
}
