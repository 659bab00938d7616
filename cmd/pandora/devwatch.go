package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/pandora-go/pandora/procfile/evaluate"
)

// settleTime is how long the files of a procfile have to be left alone before it is evaluated again: editors write in
// several steps.
const settleTime = 100 * time.Millisecond

// reevaluation is the outcome of evaluating a procfile that has changed; required are those of the changed files that are
// not procfiles themselves.
type reevaluation struct {
	result   *evaluate.Result
	err      error
	required []string
}

// procfileWatch evaluates a procfile again whenever a file that it was made of changes. One goroutine runs it.
type procfileWatch struct {
	evaluator *evaluate.Evaluator
	options   evaluate.Options
	watcher   *fsnotify.Watcher
	// home is the real folder of the application: a procfile may appear in it.
	home string
	// files are those that the last good evaluation depended on; folders hold them and are what is watched, because
	// editors put a new file in the place of the old one.
	files, folders map[string]bool
	// failed says that the last evaluation failed: then any file beside those known may be what was missing.
	failed bool
	// problem tells of files that cannot be watched.
	problem func(error)

	mu    sync.Mutex
	owned map[string]bool // a copy of files for others; guarded by mu
}

// owns reports whether the watch evaluates the procfile again when this file changes. It may be called from any goroutine.
func (w *procfileWatch) owns(file string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.owned[file]
}

// newProcfileWatch watches what a first evaluation depended on.
func newProcfileWatch(evaluator *evaluate.Evaluator, o evaluate.Options, files []string, problem func(error)) (*procfileWatch, error) {
	home, err := filepath.EvalSymlinks(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("watch the procfile: %w", err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch the procfile: %w", err)
	}
	w := &procfileWatch{
		evaluator: evaluator, options: o, watcher: watcher, home: home,
		files: map[string]bool{}, folders: map[string]bool{}, problem: problem,
	}
	w.watch(filepath.Join(home, "procfile.js"))
	w.learn(files)
	return w, nil
}

// learn watches the files of a good evaluation, and no longer cares for others.
func (w *procfileWatch) learn(files []string) {
	clear(w.files)
	for _, file := range files {
		w.files[file] = true
		w.watch(file)
	}
	w.mu.Lock()
	w.owned = maps.Clone(w.files)
	w.mu.Unlock()
}

// watch watches the folder of a file.
func (w *procfileWatch) watch(file string) {
	folder := filepath.Dir(file)
	if w.folders[folder] {
		return
	}
	w.folders[folder] = true
	if err := w.watcher.Add(folder); err != nil {
		w.problem(fmt.Errorf("changes in %s go unnoticed: %w", folder, err))
	}
}

// concerns reports whether an event may change what the procfile says.
func (w *procfileWatch) concerns(e fsnotify.Event) bool {
	if !e.Has(fsnotify.Create) && !e.Has(fsnotify.Write) && !e.Has(fsnotify.Remove) && !e.Has(fsnotify.Rename) {
		return false
	}
	if w.files[e.Name] {
		return true
	}
	folder, name := filepath.Split(e.Name)
	if filepath.Clean(folder) == w.home && (strings.HasPrefix(name, "procfile.") || name == "package.json") {
		return true
	}
	switch filepath.Ext(name) {
	case ".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".json":
		return w.failed
	}
	return false
}

// changedSince reports whether a file was written after a moment.
func (w *procfileWatch) changedSince(moment time.Time) bool {
	for file := range w.files {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(moment) {
			return true
		}
	}
	return false
}

// run evaluates after changes and sends what comes out, until ctx ends. since is when the first evaluation began.
func (w *procfileWatch) run(ctx context.Context, since time.Time, outcomes chan<- reevaluation) {
	defer w.watcher.Close()
	settled := time.NewTimer(settleTime)
	defer settled.Stop()
	var required []string
	if !w.changedSince(since) {
		settled.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.watcher.Events:
			if w.concerns(e) {
				if !strings.HasPrefix(filepath.Base(e.Name), "procfile.") && !slices.Contains(required, e.Name) {
					required = append(required, e.Name)
				}
				settled.Reset(settleTime)
			}
			continue
		case <-w.watcher.Errors:
			// Events may have been lost.
			settled.Reset(settleTime)
			continue
		case <-settled.C:
		}
		began := time.Now()
		result, err := w.evaluate(ctx)
		if ctx.Err() != nil {
			return
		}
		w.note(result, err)
		if err == nil && w.changedSince(began) {
			settled.Reset(settleTime)
		}
		select {
		case outcomes <- reevaluation{result: result, err: err, required: required}:
			required = nil
		case <-ctx.Done():
			return
		}
	}
}

// evaluate evaluates anew; what is generated is generated anew.
func (w *procfileWatch) evaluate(ctx context.Context) (*evaluate.Result, error) {
	if err := regenerate(ctx, &w.options); err != nil {
		return nil, err
	}
	return w.evaluator.Evaluate(ctx, w.options)
}

// note remembers what an evaluation depended on.
func (w *procfileWatch) note(result *evaluate.Result, err error) {
	w.failed = err != nil
	if err == nil {
		w.learn(result.Files)
		return
	}
	// The old files count on, and the one that is to blame.
	if failed, ok := errors.AsType[*evaluate.Error](err); ok && filepath.IsAbs(failed.Path) {
		w.files[failed.Path] = true
		w.watch(failed.Path)
	}
}
