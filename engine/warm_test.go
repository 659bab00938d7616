package engine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processNames evaluates a folder in a child and returns the names of its processes.
func processNames(t *testing.T, c *Child, dir string, change func(*Options)) ([]string, error) {
	t.Helper()
	arg, _ := json.Marshal(map[string]any{"appName": "app", "appDir": dir, "workerCount": 2})
	o := Options{Dir: dir, Timeout: 20 * time.Second}
	if change != nil {
		change(&o)
	}
	result, err := c.Evaluate(t.Context(), Request{Options: o, Module: "shared/structure.js", Function: "structure", Arg: arg})
	if err != nil {
		return nil, err
	}
	var app struct {
		Process []struct {
			ProcessName string `json:"processName"`
		} `json:"process"`
	}
	if err := json.Unmarshal(result.Value, &app); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range app.Process {
		names = append(names, p.ProcessName)
	}
	return names, nil
}

func newChild(t *testing.T) *Child {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := NewChild(executable)
	t.Cleanup(c.Close)
	return c
}

// pid is the process of a child, 0 if it has none.
func (c *Child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return 0
	}
	return c.running.cmd.Process.Pid
}

// An evaluation finds nothing of the one before, in the same process.
func TestChildKeepsNoState(t *testing.T) {
	c := newChild(t)
	const procfile = `
		const path = require('path');
		const seen = [typeof globalThis.left, process.env.LEFT, Object.keys(require.cache).length, [].left, path.left, require('p').count++];
		globalThis.left = 1; process.env.LEFT = 'x'; Array.prototype.left = 1; path.left = 1;
		module.exports = (pandora) => pandora.fork(seen.map(String).join('-') + '@' + path.basename(process.cwd()), './a.js');`
	files := map[string]string{"procfile.js": procfile, "node_modules/p/index.js": "exports.count = 0;"}
	first, second := folder(t, files), folder(t, files)
	var pid int
	for _, dir := range []string{first, first, second} {
		names, err := processNames(t, c, dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := "undefined-undefined-1-undefined-undefined-0@" + filepath.Base(dir); len(names) != 1 || names[0] != want {
			t.Errorf("got %q, want %q", names, want)
		}
		if pid == 0 {
			pid = c.pid()
		}
		if got := c.pid(); got != pid {
			t.Errorf("the process is %d, want still %d", got, pid)
		}
	}
}

// What was compiled of a package is used for exactly that text.
func TestChildSeesChanges(t *testing.T) {
	c := newChild(t)
	dir := folder(t, map[string]string{
		"procfile.js":             "module.exports = (pandora) => pandora.fork(require('p').name, './a.js');",
		"node_modules/p/index.js": "exports.name = 'one';",
	})
	for _, step := range []struct{ source, want string }{
		{"exports.name = 'one';", "one"}, {"exports.name = 'one';", "one"}, {"exports.name = 'two';", "two"},
		// A class property named by \p needs RegExp to be extended, each time.
		{"exports.name = /^\\p{Lu}$/u.test('É') ? 'upper' : 'lower';", "upper"},
		{"exports.name = /^\\p{Lu}$/u.test('É') ? 'upper' : 'lower';", "upper"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "node_modules/p/index.js"), []byte(step.source), 0o644); err != nil {
			t.Fatal(err)
		}
		names, err := processNames(t, c, dir, nil)
		if err != nil || len(names) != 1 || names[0] != step.want {
			t.Errorf("%s: got %q, %v, want %q", step.source, names, err, step.want)
		}
	}
	bad := "exports.name = 'three';\n\nthrow new Error('no');"
	if err := os.WriteFile(filepath.Join(dir, "node_modules/p/index.js"), []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := processNames(t, c, dir, nil)
		var failure *Error
		if !errors.As(err, &failure) || failure.Line != 3 {
			t.Errorf("got %v, want an error in line 3", err)
		}
	}
}

// A process that cannot go on is replaced.
func TestChildIsReplaced(t *testing.T) {
	good := folder(t, map[string]string{"procfile.js": "module.exports = (pandora) => pandora.fork('web', './a.js');"})
	tests := []struct {
		name, source, kind string
		line               int
	}{
		{name: "endless", source: "for (;;) {}", kind: KindTimeout, line: 1},
		{name: "endless in a native", source: "\n/^(?=((a+)+)\\2$)/.test('a'.repeat(60) + 'b');", kind: KindTimeout, line: 2},
		{name: "out of memory", source: "\n\n'xx'.repeat(1 << 29).length;", kind: KindMemory, line: 3},
		{name: "exit", source: "process.exit(1);", kind: KindExit, line: 1},
		{name: "commands", source: "require('child_process').execSync('sleep 100 >/dev/null 2>&1 &');\nmodule.exports = (pandora) => pandora.fork('web', './a.js');"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newChild(t)
			bad := folder(t, map[string]string{"procfile.js": tt.source})
			if _, err := processNames(t, c, good, nil); err != nil {
				t.Fatal(err)
			}
			old := c.pid()
			_, err := processNames(t, c, bad, func(o *Options) {
				o.MemoryLimit = 32 << 20
				o.Env = map[string]string{"PATH": os.Getenv("PATH")}
				if tt.kind == KindTimeout {
					o.Timeout = time.Second / 4
				}
			})
			var failure *Error
			if errors.As(err, &failure); tt.kind != "" && (failure == nil || failure.Kind != tt.kind || failure.Line != tt.line) || tt.kind == "" && err != nil {
				t.Errorf("got %+v, want %s in line %d", err, tt.kind, tt.line)
			}
			if now := c.pid(); tt.kind != KindExit && now == old {
				t.Errorf("the process %d is kept", now)
			}
			if names, err := processNames(t, c, good, nil); err != nil || strings.Join(names, " ") != "web" {
				t.Errorf("afterwards: %q, %v", names, err)
			}
		})
	}
}

// A process that was killed between two evaluations is not missed.
func TestChildKilledWhileIdle(t *testing.T) {
	c := newChild(t)
	dir := folder(t, map[string]string{"procfile.js": "module.exports = (pandora) => pandora.fork('web', './a.js');"})
	for range 2 {
		if names, err := processNames(t, c, dir, nil); err != nil || strings.Join(names, " ") != "web" {
			t.Fatalf("got %q, %v", names, err)
		}
		if err := syscall.Kill(c.pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

// What a child compiles ahead is what a procfile of one line needs, and all of it: nothing more is parsed.
func TestOnlyWhatIsNeededIsParsed(t *testing.T) {
	dir := folder(t, map[string]string{"procfile.js": "module.exports = (pandora) => { pandora.fork('web', './a.js'); };"})
	known := &programs{}
	rt, err := newWith(Options{Dir: dir}, known)
	if err != nil {
		t.Fatal(err)
	}
	arg, _ := json.Marshal(map[string]any{"appName": "app", "appDir": dir, "workerCount": 2})
	if _, err := rt.Invoke(t.Context(), "shared/structure.js", "structure", arg); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, id := range always() {
		wanted[id] = true
		if known.embedded[id] == nil {
			t.Errorf("%s is compiled ahead and not needed", id)
		}
	}
	for id := range known.embedded {
		if !wanted[id] {
			t.Errorf("%s is parsed for a procfile of one line", id)
		}
	}
}
