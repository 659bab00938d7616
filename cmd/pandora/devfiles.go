package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// maxWatched bounds the files that are watched, and maxHashed the bytes of one that are looked at to tell whether it
	// has changed.
	maxWatched = 20_000
	maxHashed  = 4 << 20
)

// fileChange is a group of files that have changed together.
type fileChange struct {
	// files are those that processes have loaded, sorted; processes are these, sorted.
	files, processes []string
	// others is true when a file beside them has changed, which may be what a process that does not run had missed.
	others bool
}

// fileWatch watches the files that the processes of an application have loaded. loaded and usersOf may be called from any
// goroutine; run is called by one.
type fileWatch struct {
	// own is the folder of our own JavaScript.
	own string
	// elsewhere reports whether somebody else looks after a file.
	elsewhere func(file string) bool
	problem   func(error)
	watcher   *fsnotify.Watcher
	// folders are watched, because editors put a new file in the place of the old one; lost are those of them that were
	// removed, as compilers do before they write anew; sums tell what is in the files. All are run's.
	folders, lost map[string]bool
	sums          map[string][sha256.Size]byte
	ignored       ignoreRules   // run's, too
	wake          chan struct{} // one slot: fresh has something

	mu    sync.Mutex
	users map[string]map[string]bool // file -> names of the processes that have loaded it
	fresh []string                   // files that are not watched yet
}

// newFileWatch makes a watch of no files; run releases it.
func newFileWatch(own string, elsewhere func(string) bool, problem func(error)) (*fileWatch, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch the files of the application: %w", err)
	}
	return &fileWatch{
		own: own + string(filepath.Separator), elsewhere: elsewhere, problem: problem, watcher: watcher,
		folders: map[string]bool{}, lost: map[string]bool{}, sums: map[string][sha256.Size]byte{},
		wake: make(chan struct{}, 1), users: map[string]map[string]bool{},
	}, nil
}

// ours reports whether a file is one that people change while they develop.
func (w *fileWatch) ours(file string) bool {
	return !strings.HasPrefix(file, w.own) && !strings.Contains(file, "/node_modules/")
}

// loaded notes files that a process has loaded.
func (w *fileWatch) loaded(process string, files []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, file := range files {
		file = filepath.Clean(file)
		if !w.ours(file) {
			continue
		}
		if w.users[file] == nil {
			if len(w.users) >= maxWatched {
				return
			}
			w.users[file] = map[string]bool{}
			w.fresh = append(w.fresh, file)
		}
		w.users[file][process] = true
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// usersOf are the processes that have loaded one of the files, sorted.
func (w *fileWatch) usersOf(files []string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := map[string]bool{}
	for _, file := range files {
		maps.Copy(names, w.users[file])
	}
	return slices.Sorted(maps.Keys(names))
}

// all are the files that processes have loaded.
func (w *fileWatch) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.users))
}

// runs reports whether a process has loaded code that is a file or lies in a folder.
func (w *fileWatch) runs(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for file := range w.users {
		if isCode(file) && contains(path, file) {
			return true
		}
	}
	return false
}

// known reports whether a process has loaded a file.
func (w *fileWatch) known(file string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.users[file] != nil
}

// watchFresh begins to watch what was loaded meanwhile.
func (w *fileWatch) watchFresh() {
	w.mu.Lock()
	fresh := w.fresh
	w.fresh = nil
	w.mu.Unlock()
	for _, file := range fresh {
		w.watchFolder(filepath.Dir(file))
		w.sums[file] = sumOf(file)
	}
}

// watchFolder begins to watch a folder, unless it is watched. One that is gone meanwhile is lost.
func (w *fileWatch) watchFolder(folder string) {
	if w.folders[folder] {
		return
	}
	err := w.watcher.Add(folder)
	if errors.Is(err, fs.ErrNotExist) {
		w.lose(folder)
		return
	}
	w.folders[folder] = true
	if err != nil {
		w.problem(fmt.Errorf("changes in %s go unnoticed: %w", folder, err))
	}
}

// lose notes that a folder is gone, and watches the one in which it would appear again.
func (w *fileWatch) lose(folder string) {
	delete(w.folders, folder)
	w.lost[folder] = true
	if parent := filepath.Dir(folder); parent != folder {
		w.watchFolder(parent)
	}
}

// regain watches folders again that were lost and are back, and returns what was loaded from them: nobody has told of what
// was written there meanwhile.
func (w *fileWatch) regain() (files []string) {
	for _, folder := range slices.Sorted(maps.Keys(w.lost)) { // a folder comes before those in it
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			continue
		}
		delete(w.lost, folder)
		w.watchFolder(folder)
		for _, file := range w.all() {
			if filepath.Dir(file) == folder {
				files = append(files, file)
			}
		}
	}
	return files
}

// sumOf tells contents apart; zero for a file that cannot be read.
func sumOf(file string) (sum [sha256.Size]byte) {
	f, err := os.Open(file)
	if err != nil {
		return sum
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return sum
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxHashed)); err != nil {
		return sum
	}
	h.Sum(sum[:0])
	return sum
}

// run sends what has changed, once it was left alone for a moment, until ctx ends.
func (w *fileWatch) run(ctx context.Context, changes chan<- fileChange) {
	defer w.watcher.Close()
	settled := time.NewTimer(settleTime)
	defer settled.Stop()
	settled.Stop()
	pending := map[string]bool{}
	back := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
			w.watchFresh()
			continue
		case e := <-w.watcher.Events:
			if w.folders[e.Name] && (e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)) {
				w.lose(e.Name)
			}
			for _, file := range w.regain() { // it may have been there again before it was missed
				if w.concerns(file) {
					pending[file], back = true, true
					settled.Reset(settleTime)
				}
			}
			if e.Op&^fsnotify.Chmod != 0 && w.concerns(e.Name) {
				pending[e.Name] = true
				settled.Reset(settleTime)
			}
			continue
		case <-w.watcher.Errors: // events may have been lost
			for _, file := range w.all() {
				if w.concerns(file) {
					pending[file] = true
				}
			}
			settled.Reset(settleTime)
			continue
		case <-settled.C:
		}
		change := w.changeOf(pending)
		change.others = change.others || back // a process may have failed while the folder was not there
		back = false
		clear(pending)
		if len(change.files) == 0 && !change.others {
			continue
		}
		select {
		case changes <- change:
		case <-ctx.Done():
			return
		}
	}
}

// concerns reports whether a change of a file may matter. What git ignores does not, unless code was loaded from it: then
// it is what runs, as a folder that a compiler writes. So an application may write an ignored file that it reads as data.
func (w *fileWatch) concerns(file string) bool {
	if !w.ours(file) || w.elsewhere(file) {
		return false
	}
	if !isCode(file) && filepath.Ext(file) != ".json" && !w.known(file) {
		return false
	}
	unit := w.ignored.unit(file)
	return unit == "" || w.runs(unit)
}

// isCode reports whether a file holds code by its name, and not data.
func isCode(file string) bool {
	switch filepath.Ext(file) {
	case ".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".jsx", ".tsx", ".node":
		return true
	}
	return false
}

// contains reports whether a path is a file, or lies in a folder.
func contains(path, file string) bool {
	rest, ok := strings.CutPrefix(file, path)
	return ok && (rest == "" || rest[0] == filepath.Separator)
}

// changeOf leaves out what is as it was.
func (w *fileWatch) changeOf(pending map[string]bool) fileChange {
	var c fileChange
	for file := range pending {
		sum := sumOf(file)
		if was, seen := w.sums[file]; seen && was == sum {
			continue
		}
		w.sums[file] = sum
		if w.known(file) {
			c.files = append(c.files, file)
		} else {
			c.others = true
		}
	}
	slices.Sort(c.files)
	c.processes = w.usersOf(c.files)
	return c
}
