package main

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

func TestPlaceOf(t *testing.T) {
	const own = "/home/u/.pandora/js/1/"
	for name, c := range map[string]struct {
		stack string
		want  place
		ok    bool
	}{
		"nothing":                         {"", place{}, false},
		"no frames":                       {"Error: bad\n  at somewhere", place{}, false},
		"a function":                      {"Error: bad\n    at f (/app/a.js:3:7)\n    at /app/b.js:1:1", place{"/app/a.js", 3, 7}, true},
		"no function":                     {"Error: bad\n    at /app/b.js:1:2\r\n", place{"/app/b.js", 1, 2}, true},
		"async":                           {"    at async file:///app/with%20space.mjs:4:5", place{"/app/with space.mjs", 4, 5}, true},
		"a syntax error":                  {"/app/a.js:2\nfoo(\n    ^\nSyntaxError: missing )", place{"/app/a.js", 2, 0}, true},
		"Node's first":                    {"    at node:internal/fs:1:2\n    at Module._compile (node:internal/modules:3:4)\n    at /app/a.js:5:6", place{"/app/a.js", 5, 6}, true},
		"ours is skipped":                 {"    at f (" + own + "node/bundle.js:1:2)\n    at g (/app/a.js:9:1)", place{"/app/a.js", 9, 1}, true},
		"only ours":                       {"    at f (" + own + "node/bundle.js:1:2)", place{}, false},
		"a package, then the application": {"    at f (/app/node_modules/p/i.js:1:2)\n    at g (/app/a.js:9:1)", place{"/app/a.js", 9, 1}, true},
		"only packages":                   {"    at f (/app/node_modules/p/i.js:1:2)\n    at g (/app/node_modules/q/i.js:3:4)", place{"/app/node_modules/p/i.js", 1, 2}, true},
		"line 0":                          {"    at f (/app/a.js:0:0)", place{}, false},
		"a huge line":                     {"    at f (/app/a.js:99999999999999999999:1)", place{"/app/a.js", int(^uint(0) >> 1), 1}, true},
		"a message that looks like one":   {"see http://example.org/a.js:1:2\n    at f (/app/a.js:3:4)", place{"/app/a.js", 3, 4}, true},
	} {
		if got, ok := placeOf(c.stack, own); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v, want %+v, %v", name, got, ok, c.want, c.ok)
		}
	}
}

func FuzzPlaceOf(f *testing.F) {
	f.Add("Error: bad\n    at f (/app/a.js:3:7)\n", "/own/")
	f.Add("file:///%zz:1:2\n/x:1", "")
	f.Fuzz(func(t *testing.T, stack, own string) {
		p, ok := placeOf(stack, own)
		if ok != (p.file != "") || ok && (p.line < 1 || p.column < 0) {
			t.Fatalf("%q: %+v, %v", stack, p, ok)
		}
	})
}

func TestExcerpt(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{
		"a.js":     "one\ntwo\n\tthree('x');\nfour\nfive\nsix\nseven\n",
		"long.js":  strings.Repeat("é", 300),
		"empty.js": "",
	})
	file := filepath.Join(dir, "a.js")
	for name, c := range map[string]struct {
		at   place
		want string
	}{
		"in the middle": {place{file, 3, 2}, file + ":3:2\n     1 | one\n     2 | two\n>    3 |  three('x');\n       |  ^\n     4 | four\n     5 | five\n     6 | six"},
		"the first":     {place{file, 1, 1}, file + ":1:1\n>    1 | one\n       | ^\n     2 | two\n     3 |  three('x');\n     4 | four"},
		"no column":     {place{file, 7, 0}, file + ":7:1\n     4 | four\n     5 | five\n     6 | six\n>    7 | seven"},
		"past the end":  {place{file, 8, 1}, ""},
		"no file":       {place{filepath.Join(dir, "none.js"), 1, 1}, ""},
		"a folder":      {place{dir, 1, 1}, ""},
		"an empty file": {place{filepath.Join(dir, "empty.js"), 1, 1}, ""},
		"a long line": {place{filepath.Join(dir, "long.js"), 1, 250},
			filepath.Join(dir, "long.js") + ":1:250\n>    1 | " + strings.Repeat("é", maxExcerptWidth)},
	} {
		if got := excerpt(c.at); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// appOf is a graph of plain processes with these names, whose settings are the texts.
func appOf(settings ...string) *procfile.Application {
	app := &procfile.Application{AppName: "app", AppDir: "/app"}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		app.Processes = append(app.Processes, procfile.Process{
			ProcessName: name, Scale: 1, Kind: procfile.KindPlain, Env: map[string]string{"X": value},
		})
	}
	return app
}

func TestTransition(t *testing.T) {
	moved := appOf("a=1")
	moved.Engine, moved.Warnings = "node", []string{"late"}
	other := appOf("a=1")
	other.DefaultServiceCategory = "b"
	for name, c := range map[string]struct {
		was, is  *procfile.Application
		kind     supervisor.OpKind
		restarts []string
	}{
		"the same":                      {appOf("a=1"), appOf("a=1"), "", nil},
		"where it is written":           {appOf("a=1"), moved, "", nil},
		"one process":                   {appOf("a=1", "b=1"), appOf("a=1", "b=2"), "", []string{"b"}},
		"both":                          {appOf("a=1", "b=1"), appOf("a=2", "b=2"), "", []string{"a", "b"}},
		"one comes":                     {appOf("a=1"), appOf("a=1", "b=1"), supervisor.OpScale, nil},
		"one goes":                      {appOf("a=1", "b=1"), appOf("a=1"), supervisor.OpScale, nil},
		"one comes and another changes": {appOf("a=1"), appOf("a=2", "b=1"), supervisor.OpScale, nil},
		"one in the place of another":   {appOf("a=1"), appOf("b=1"), supervisor.OpScale, nil},
		"the application":               {appOf("a=1"), other, supervisor.OpRestart, nil},
	} {
		kind, restarts := transition(c.was, c.is)
		if kind != c.kind || !slices.Equal(restarts, c.restarts) {
			t.Errorf("%s: %q %v, want %q %v", name, kind, restarts, c.kind, c.restarts)
		}
		if same := sameApplication(c.was, c.is); same != (c.kind == "" && c.restarts == nil) {
			t.Errorf("%s: the same is %v", name, same)
		}
	}
}

func TestShortPath(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"real/a/b.js": ""})
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "current")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, path, want string }{
		{dir + "/real", dir + "/real/a/b.js", "a/b.js"},
		{dir + "/current", dir + "/real/a/b.js", "a/b.js"}, // files have their real paths
		{dir + "/real/a", dir + "/real/c.js", dir + "/real/c.js"},
		{"/nowhere", "/nowhere/a.js", "a.js"},
	} {
		if got := shortPath(c.dir, c.path); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.path, c.dir, got, c.want)
		}
	}
}

func TestIdle(t *testing.T) {
	worker := func(states ...supervisor.State) (p supervisor.ProcessStatus) {
		for _, s := range states {
			p.Workers = append(p.Workers, supervisor.WorkerStatus{State: s})
		}
		return p
	}
	for name, c := range map[string]struct {
		p    supervisor.ProcessStatus
		want bool
	}{
		"running":    {worker(supervisor.StateRunning), false},
		"starting":   {worker(supervisor.StateStarting), false},
		"given up":   {worker(supervisor.StateFatal), true},
		"one of two": {worker(supervisor.StateRunning, supervisor.StateFatal), true},
		"stopped":    {supervisor.ProcessStatus{Stopped: true}, true},
		"none":       {worker(), false},
	} {
		if got := idle(c.p); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// newTestWatch is a watch of the files that processes have loaded, without a watcher.
func newTestWatch(t *testing.T, users map[string][]string) *fileWatch {
	t.Helper()
	w, err := newFileWatch("/own", func(file string) bool { return filepath.Base(file) == "procfile.js" }, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.watcher.Close() })
	for process, files := range users {
		w.loaded(process, files)
	}
	return w
}

func TestChangeOf(t *testing.T) {
	dir := t.TempDir()
	a, b, other := filepath.Join(dir, "a.js"), filepath.Join(dir, "b.js"), filepath.Join(dir, "other.js")
	writeTree(t, dir, map[string]string{"a.js": "1", "b.js": "1"})
	w := newTestWatch(t, map[string][]string{"web": {a, b, "/app/node_modules/p/i.js", "/own/node/x.js"}, "job": {b}})
	w.watchFresh()
	if got := slices.Sorted(maps.Keys(w.sums)); !slices.Equal(got, []string{a, b}) {
		t.Fatalf("watched are %v", got)
	}
	for i, step := range []struct {
		write map[string]string
		want  fileChange
	}{
		{nil, fileChange{}},
		{map[string]string{"a.js": "1"}, fileChange{}}, // saved as it was
		{map[string]string{"a.js": "2"}, fileChange{files: []string{a}, processes: []string{"web"}}},
		{map[string]string{"b.js": "2"}, fileChange{files: []string{b}, processes: []string{"job", "web"}}},
		{map[string]string{"other.js": "1"}, fileChange{others: true}},
		{map[string]string{"other.js": "1"}, fileChange{}},
		{map[string]string{"a.js": "3", "b.js": "3", "other.js": "2"}, fileChange{files: []string{a, b}, processes: []string{"job", "web"}, others: true}},
	} {
		writeTree(t, dir, step.write)
		pending := map[string]bool{a: true, b: true}
		if _, err := os.Stat(other); err == nil {
			pending[other] = true
		}
		got := w.changeOf(pending)
		if len(got.processes) == 0 {
			got.processes = nil
		}
		if !reflect.DeepEqual(got, step.want) {
			t.Errorf("step %d: %+v, want %+v", i, got, step.want)
		}
	}
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	if got := w.changeOf(map[string]bool{a: true}); !slices.Equal(got.files, []string{a}) {
		t.Errorf("removed: %+v", got)
	}
}

// TestConcerns holds what counts in a repository with a build that is ignored, and with data that is.
func TestConcerns(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{".git/": "", ".gitignore": "dist/\ncoverage/\n*.local.js\n*.db.json\ndata/\n"})
	var files []string
	for _, name := range []string{"src/app.js", "src/view.html", "dist/main.js", "dist/config.json", "mine.local.js", "my.db.json", "data/state.json"} {
		files = append(files, filepath.Join(dir, name))
	}
	w := newTestWatch(t, map[string][]string{"web": files})
	for name, want := range map[string]bool{
		"src/app.js": true, "src/new.ts": true, "src/view.html": true, "src/style.css": false, "src/procfile.js": false,
		"node_modules/p/i.js": false,
		// What is ignored and runs: a build, with all that is in it.
		"dist/main.js": true, "dist/config.json": true, "dist/deep/later.js": true, "dist/main.d.css": false,
		"mine.local.js": true, "other.local.js": false,
		// What is ignored and does not run, loaded as data or not at all.
		"coverage/a.js": false, "my.db.json": false, "data/state.json": false, "data/a.js": false,
	} {
		if got := w.concerns(filepath.Join(dir, name)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if w.concerns("/own/node/a.js") {
		t.Error("our own files concern nobody")
	}
}

func TestToldByOperation(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	for name, c := range map[string]struct {
		op   *supervisor.Operation
		want bool
	}{
		"none":                {nil, false},
		"running":             {&supervisor.Operation{State: supervisor.OpRunning, StartedAt: at(1)}, true},
		"of this process":     {&supervisor.Operation{State: supervisor.OpFailed, Process: "web", StartedAt: at(1), FinishedAt: at(5)}, true},
		"of another process":  {&supervisor.Operation{State: supervisor.OpRunning, Process: "job", StartedAt: at(1)}, false},
		"ended before":        {&supervisor.Operation{State: supervisor.OpFailed, StartedAt: at(1), FinishedAt: at(4)}, false},
		"began after":         {&supervisor.Operation{State: supervisor.OpRunning, StartedAt: at(6)}, false},
		"succeeded meanwhile": {&supervisor.Operation{State: supervisor.OpSucceeded, StartedAt: at(1), FinishedAt: at(6)}, false},
	} {
		if got := toldByOperation(supervisor.Event{Process: "web", Time: at(5)}, c.op); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestProcfileWatchChangedSince(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"a.js": ""})
	w := procfileWatch{files: map[string]bool{filepath.Join(dir, "a.js"): true, filepath.Join(dir, "gone.js"): true}}
	if !w.changedSince(time.Now().Add(-time.Hour)) || w.changedSince(time.Now().Add(time.Hour)) {
		t.Error("a file is new to the past and old to the future")
	}
}

// TestFolderComesBack removes a folder of loaded files and writes it anew, as a compiler does that empties its output.
func TestFolderComesBack(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "dist", "deep", "a.js")
	writeTree(t, dir, map[string]string{"dist/deep/a.js": "0"})
	w := newTestWatch(t, map[string][]string{"web": {file}})
	w.watchFresh()
	changes := make(chan fileChange)
	go w.run(t.Context(), changes)
	next := func(what string) fileChange {
		t.Helper()
		select {
		case c := <-changes:
			return c
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: nothing is told", what)
			return fileChange{}
		}
	}
	for _, text := range []string{"1", "2"} {
		if err := os.RemoveAll(filepath.Join(dir, "dist")); err != nil {
			t.Fatal(err)
		}
		if c := next("removed"); !slices.Equal(c.files, []string{file}) {
			t.Errorf("removed: %+v", c)
		}
		writeTree(t, dir, map[string]string{"dist/deep/a.js": text})
		if c := next("written anew"); !slices.Equal(c.files, []string{file}) || !c.others {
			t.Errorf("written anew: %+v", c)
		}
	}
}
