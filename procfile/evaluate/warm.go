package evaluate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/pandora-go/pandora/engine"
)

// Evaluator evaluates again and again, with the results and errors of Evaluate, in a few milliseconds: it keeps its Goja
// child, with what that has compiled of installed packages, and the version of Node. The child is replaced when it was
// stopped or has grown. Node, where Goja fails, is started anew each time.
//
// Its methods may be called concurrently; evaluations wait for each other. Options.Executable is that of NewEvaluator.
type Evaluator struct {
	executable string
	child      *engine.Child
	nodes      nodes
}

// NewEvaluator makes an Evaluator and starts nothing yet. executable is a program that runs engine.ChildMain for the
// verb engine.ChildVerb; "" is the current one. Close ends what it starts.
func NewEvaluator(executable string) (*Evaluator, error) {
	if executable == "" {
		var err error
		if executable, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("prepare the evaluation of procfiles: %w", err)
		}
	}
	return &Evaluator{executable: executable, child: engine.NewChild(executable)}, nil
}

// Evaluate is like the function of this name.
func (v *Evaluator) Evaluate(ctx context.Context, o Options) (*Result, error) {
	o.Executable = v.executable
	e, err := prepare(o)
	if err != nil {
		return nil, err
	}
	e.warm = v
	return e.evaluate(ctx)
}

// Close ends the child.
func (v *Evaluator) Close() { v.child.Close() }

// child is the child to evaluate in, and what to call when it is no longer needed.
func (e *evaluation) child(executable string) (child *engine.Child, done func()) {
	if e.warm != nil {
		return e.warm.child, func() {}
	}
	child = engine.NewChild(executable)
	return child, child.Close
}

// version is the version of a Node program, "" when it does not say.
func (e *evaluation) version(ctx context.Context, node string) string {
	if e.warm != nil {
		return e.warm.nodes.version(ctx, node)
	}
	return nodeVersion(ctx, node)
}

// nodes remembers the version of the Node program that was asked last. The zero value knows none.
type nodes struct {
	mu      sync.Mutex
	program os.FileInfo
	known   string
}

// version asks a program for its version, unless it was asked before and is Node itself: what version managers put in
// its place answers by the folder and its files.
func (n *nodes) version(ctx context.Context, node string) string {
	info, isNode := nodeItself(node)
	if !isNode {
		return nodeVersion(ctx, node)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.program; old == nil || !os.SameFile(old, info) || old.Size() != info.Size() || !old.ModTime().Equal(info.ModTime()) {
		version := nodeVersion(ctx, node)
		if version == "" {
			return ""
		}
		n.program, n.known = info, version
	}
	return n.known
}

// nodeItself reports whether a program is a binary called node, whatever links lead to it, and describes the file.
func nodeItself(program string) (os.FileInfo, bool) {
	path, err := filepath.EvalSymlinks(program)
	if err != nil || filepath.Base(path) != "node" {
		return nil, false
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	var start [4]byte
	if _, err := io.ReadFull(f, start[:]); err != nil {
		return nil, false
	}
	// ELF, and Mach-O for 64 bits.
	if !bytes.Equal(start[:], []byte("\x7fELF")) && !bytes.Equal(start[:], []byte("\xcf\xfa\xed\xfe")) {
		return nil, false
	}
	info, err := f.Stat()
	return info, err == nil
}
