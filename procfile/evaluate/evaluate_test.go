package evaluate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// app makes an application folder with one procfile and returns options for it.
func app(t *testing.T, source string) Options {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "procfile.js"), source)
	return Options{Dir: dir, AppName: "app", WorkerCount: 2, Env: []string{"PATH=" + os.Getenv("PATH")}}
}

func TestExamplesInBothEngines(t *testing.T) {
	needNode(t)
	procfiles, err := filepath.Glob("../../examples/*/procfile.js")
	if err != nil || len(procfiles) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range procfiles {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			o := Options{Dir: filepath.Dir(path), AppName: "example", WorkerCount: 3, Env: []string{"PATH=" + os.Getenv("PATH")}}
			goja, err := evaluate(t, o, EngineGoja)
			if err != nil {
				t.Fatal(err)
			}
			node, err := evaluate(t, o, EngineNode)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := graph(t, goja), graph(t, node); a != b {
				t.Errorf("goja:\n%s\nnode:\n%s", a, b)
			}
			if len(goja.App.Processes) == 0 {
				t.Error("no process")
			}
			if file, _ := filepath.Abs(path); !slices.Contains(goja.Files, file) || !slices.Equal(goja.Files, node.Files) {
				t.Errorf("files %q and %q, want the same, with %s", goja.Files, node.Files, file)
			}
		})
	}
}

func TestHarmfulProcfiles(t *testing.T) {
	needNode(t)
	for _, c := range []struct {
		name, source string
		engines      []string
		kind         Kind
	}{
		{"loop", "module.exports = () => {\n  for (;;) {}\n};", []string{EngineGoja, EngineNode, EngineAuto}, KindTimeout},
		{"memory", "module.exports = () => {\n  const all = [];\n  for (;;) all.push(new Array(100000).fill(all.length));\n};",
			[]string{EngineGoja, EngineNode, EngineAuto}, KindMemory},
		{"exit", "process.exit(0);", []string{EngineGoja, EngineNode, EngineAuto}, KindExit},
		{"abort", "module.exports = () => process.abort();", []string{EngineNode, EngineAuto}, KindExit},
		{"deep", "module.exports = function again() { again(); };", []string{EngineGoja, EngineNode, EngineAuto}, KindThrow},
	} {
		for _, name := range c.engines {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				o := app(t, c.source)
				o.Timeout, o.MemoryLimit = 20*time.Second, 64<<20
				if c.kind == KindTimeout {
					o.Timeout = 500 * time.Millisecond
				}
				start := time.Now()
				_, err := evaluate(t, o, name)
				failed, ok := errors.AsType[*Error](err)
				if !ok || failed.Kind != c.kind {
					t.Fatalf("error %v, want an *Error of the kind %s", err, c.kind)
				}
				if spent := time.Since(start); spent > 3*o.Timeout+2*time.Second {
					t.Errorf("it took %s", spent)
				}
				if c.kind == KindTimeout && name != EngineNode && (failed.Line != 2 || failed.Excerpt == "") {
					t.Errorf("no place: %v", err)
				}
			})
		}
	}
}

func TestBuffersAreBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // see limit_other.go
	}
	needNode(t)
	o := app(t, "module.exports = () => {\n  const all = [];\n  for (;;) all.push(Buffer.alloc(64 << 20, 1));\n};")
	o.Timeout = 20 * time.Second
	if _, err := evaluate(t, o, EngineNode); err == nil {
		t.Fatal("no error")
	} else if failed, ok := errors.AsType[*Error](err); !ok || failed.Kind == KindTimeout {
		t.Fatalf("error %v, want one about memory", err)
	}
}

func TestOutputDoesNotDisturb(t *testing.T) {
	needNode(t)
	o := app(t, `module.exports = (pandora) => {
		console.log('{"value":{}}');
		console.error('to stderr');
		process.stdout.write('x'.repeat(300000));
		setInterval(() => {}, 1000);
		pandora.fork('web', './web');
	};`)
	for _, name := range []string{EngineGoja, EngineNode} {
		result, err := evaluate(t, o, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.App.Processes) != 1 || result.App.Engine != name {
			t.Errorf("%s: %+v", name, result.App)
		}
		if !strings.HasPrefix(result.Output, `{"value":{}}`) || len(result.Output) > 2*maxOutput {
			t.Errorf("%s: output of %d bytes %.40q", name, len(result.Output), result.Output)
		}
	}
}

func TestNodeMissing(t *testing.T) {
	fine := app(t, "module.exports = (pandora) => pandora.fork('web', './web');")
	fine.Env = []string{"PATH=" + t.TempDir()}
	if result, err := evaluate(t, fine, EngineAuto); err != nil || result.App.Engine != EngineGoja {
		t.Fatalf("Node is not needed, but: %v", err)
	}
	for _, c := range []struct {
		name, source string
		kind         Kind
		message      string
	}{
		{"needed", "/\\p{Emoji}/u.test('x');\nmodule.exports = () => {};", KindNoNode, "needs Node"},
		{"loop", "module.exports = (pandora) => { for (;;) {} };", KindTimeout, "running"},
		{"user error", "module.exports = (pandora) => { throw new Error('mine'); };", KindThrow, "mine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := app(t, c.source)
			o.Env, o.Timeout = fine.Env, 300*time.Millisecond
			_, err := evaluate(t, o, EngineAuto)
			failed, ok := errors.AsType[*Error](err)
			if !ok || failed.Kind != c.kind || !strings.Contains(failed.Message, c.message) || !strings.Contains(failed.Hint, "PATH") {
				t.Fatalf("error %v, want the kind %s, %q and a remedy", err, c.kind, c.message)
			}
		})
	}
	fine.Node = filepath.Join(t.TempDir(), "node")
	if _, err := evaluate(t, fine, EngineNode); err == nil || !strings.Contains(err.Error(), "there is no Node program at") {
		t.Fatalf("error %v", err)
	}
	write(t, fine.Node, "#!/bin/sh\necho v16.20.2\n")
	if err := os.Chmod(fine.Node, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := evaluate(t, fine, EngineNode); err == nil || !strings.Contains(err.Error(), "v16.20.2\ninstall Node 18") {
		t.Fatalf("error %v", err)
	}
	write(t, fine.Node, "not a program")
	if err := os.Chmod(fine.Node, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := evaluate(t, fine, EngineNode); err == nil || !strings.Contains(err.Error(), "cannot run Node") {
		t.Fatalf("error %v", err)
	}
}

func TestFolders(t *testing.T) {
	o := app(t, "module.exports = () => {};")
	file := filepath.Join(o.Dir, "procfile.js")
	for _, c := range []struct{ dir, want string }{
		{filepath.Join(o.Dir, "nope"), "no such file"},
		{file, "is not a folder"},
	} {
		o.Dir = c.dir
		_, err := evaluate(t, o, EngineAuto)
		if _, typed := errors.AsType[*Error](err); err == nil || typed || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.dir, err, c.want)
		}
	}
	o.Engine = "v8"
	o.Dir = filepath.Dir(file)
	if _, err := Evaluate(t.Context(), o); err == nil || !strings.Contains(err.Error(), "expected auto, goja or node") {
		t.Errorf("error %v", err)
	}
}

func TestLinksOfTheFolderStay(t *testing.T) {
	needNode(t)
	o := app(t, "module.exports = (pandora) => pandora.fork('web', './web').env({ CWD: process.cwd(), FILE: __filename });")
	real := o.Dir
	o.Dir = filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(real, o.Dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{EngineGoja, EngineNode} {
		result, err := evaluate(t, o, name)
		if err != nil {
			t.Fatal(err)
		}
		web := result.App.Process("web")
		if web.AppDir != o.Dir || *web.EntryFileBaseDir != o.Dir || web.Env["CWD"] != real || web.Env["FILE"] != filepath.Join(real, "procfile.js") {
			t.Errorf("%s: %+v", name, web)
		}
		if !slices.Equal(result.Files, []string{filepath.Join(real, "procfile.js")}) {
			t.Errorf("%s: files %q", name, result.Files)
		}
	}
}

func TestEnvironment(t *testing.T) {
	needNode(t)
	o := app(t, "module.exports = (pandora) => pandora.fork('web', './web').env({ A: process.env.A, FD: process.env.NODE_CHANNEL_FD, V: process.version });")
	o.Env = append(o.Env, "A=b=c", "NODE_CHANNEL_FD=3", "DEFAULT_WORKER_COUNT=many")
	o.WorkerCount = 0
	var versions []string
	for _, name := range []string{EngineGoja, EngineNode} {
		result, err := evaluate(t, o, name)
		if err != nil {
			t.Fatal(err)
		}
		env := result.App.Process("web").Env
		if _, there := env["FD"]; there || env["A"] != "b=c" {
			t.Errorf("%s: %q", name, env)
		}
		if len(result.App.Warnings) != 1 || !strings.Contains(result.App.Warnings[0], "DEFAULT_WORKER_COUNT") {
			t.Errorf("%s: warnings %q", name, result.App.Warnings)
		}
		versions = append(versions, env["V"])
	}
	if versions[0] != versions[1] {
		t.Errorf("process.version is %s in goja and %s in node", versions[0], versions[1])
	}
}

func TestCancelled(t *testing.T) {
	needNode(t)
	o := app(t, "module.exports = () => { for (;;) {} };")
	for _, name := range []string{EngineGoja, EngineNode, EngineAuto} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		o.Engine = name
		start := time.Now()
		_, err := Evaluate(ctx, o)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 3*time.Second {
			t.Errorf("%s: error %v after %s", name, err, time.Since(start))
		}
	}
}

func TestWorkerCount(t *testing.T) {
	v2 := func(quota string) fstest.MapFS {
		return fstest.MapFS{
			"proc/self/cgroup":           {Data: []byte("0::/app/inner\n")},
			"sys/fs/cgroup/app/cpu.max":  {Data: []byte(quota + "\n")},
			"sys/fs/cgroup/app/inner/x":  {},
			"sys/fs/cgroup/memory.other": {},
		}
	}
	for _, c := range []struct {
		name string
		cpus int
		root fstest.MapFS
		want int
	}{
		{"none", 8, fstest.MapFS{}, 8},
		{"max", 8, v2("max 100000"), 8},
		{"one and a half", 8, v2("150000 100000"), 2},
		{"more than there is", 2, v2("800000 100000"), 2},
		{"tiny", 8, v2("1000 100000"), 1},
		{"nonsense", 8, v2("x"), 8},
		{"negative", 8, v2("-5 100000"), 8},
		{"container root", 8, fstest.MapFS{
			"proc/self/cgroup":      {Data: []byte("0::/../../elsewhere\n")},
			"sys/fs/cgroup/cpu.max": {Data: []byte("300000 100000\n")},
		}, 3},
		{"first version", 8, fstest.MapFS{
			"proc/self/cgroup": {Data: []byte("5:memory:/a\n4:cpu,cpuacct:/docker/a\n0::/\n")},
			"sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us":  {Data: []byte("250000\n")},
			"sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us": {Data: []byte("100000\n")},
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":           {Data: []byte("-1\n")},
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us":          {Data: []byte("100000\n")},
		}, 3},
	} {
		if got := workerCount(c.cpus, c.root); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := WorkerCount(); got < 1 {
		t.Errorf("WorkerCount() = %d", got)
	}
}

func TestLocate(t *testing.T) {
	for _, c := range []struct {
		name, stack  string
		path         string
		line, column int
		frames       int
	}{
		{"thrown", "Error: x\n    at f (/js/shared/check.js:1:2)\n    at Object.scale (/app/a (1).js:3:4)\n    at /app/b.js:5:6\n    at node:internal/main:1:1",
			"/app/a (1).js", 3, 4, 2},
		{"module", "Error: x\n    at file:///app/a.mjs:3:4\n    at ModuleJob.run (node:internal/modules/esm/module_job:1:2)", "/app/a.mjs", 3, 4, 1},
		{"syntax", "/app/a.js:2\nlet b = = 2;\n        ^\n\nSyntaxError: Unexpected token '='\n    at wrapSafe (node:internal/x:1:2)\n    at Object.<anonymous> (/app/b.js:7:8)",
			"/app/a.js", 2, 9, 1},
		{"nothing of the user", "Error: x\n    at f (/js/node/probe.js:1:2)", "", 0, 0, 0},
		{"empty", "", "", 0, 0, 0},
	} {
		var e Error
		e.locate(c.stack, "/js")
		frames := 0
		if e.Stack != "" {
			frames = strings.Count(e.Stack, "\n") + 1
		}
		if e.Path != c.path || e.Line != c.line || e.Column != c.column || frames != c.frames {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func FuzzLocate(f *testing.F) {
	f.Add("/app/a.js:2\nlet b = = 2;\n        ^\n\nSyntaxError: x\n    at f (/app/b.js:7:8)")
	f.Add("Error\n    at file:///a.mjs:99999999999999999999:4")
	f.Fuzz(func(t *testing.T, stack string) {
		e := Error{Message: "m"}
		e.locate(stack, "/js")
		if e.Line < 0 || e.Column < 0 || within(e.Path, "/js") || !strings.Contains(e.Error(), "m") {
			t.Fatalf("%+v", e)
		}
	})
}

// TestVerdict holds which of two errors is shown, and where.
func TestVerdict(t *testing.T) {
	e := &evaluation{Options: Options{Timeout: 2 * time.Second}}
	late := Error{Kind: KindTimeout, Path: "/a/procfile.js", Line: 2, Column: 3, Excerpt: "> 2", Message: "still running after 800ms; a procfile only describes the application and returns"}
	tests := map[string]struct {
		first, second Error
		want          string
	}{
		"both late":                   {late, Error{Kind: KindTimeout, Message: "late"}, "/a/procfile.js:2:3 still running after 2s"},
		"late, then no memory":        {late, Error{Kind: KindMemory, Message: "uses more than 256 MiB of memory"}, "/a/procfile.js:2:3 uses more than 256 MiB of memory"},
		"late, then a place of Node":  {late, Error{Kind: KindThrow, Path: "/a/b.js", Line: 7, Column: 1, Message: "Error: x"}, "/a/b.js:7:1 Error: x"},
		"no memory, then late":        {Error{Kind: KindMemory, Path: "/a/procfile.js", Line: 2, Column: 3, Message: "uses more"}, Error{Kind: KindTimeout, Message: "late"}, "/a/procfile.js:2:3 uses more"},
		"refused, then ended":         {Error{Kind: KindUnsupported, Path: "/a/procfile.js", Line: 4, Column: 5, Message: "process.kill"}, Error{Kind: KindExit, Message: "Node ended"}, "/a/procfile.js:4:5 Node ended"},
		"thrown words have no place":  {Error{Kind: KindThrow, Path: "/a/procfile.js", Line: 4, Column: 5, Message: "words"}, Error{Kind: KindThrow, Message: "words"}, "/a/procfile.js:4:5 words"},
		"unsupported and nobody else": {Error{Kind: KindUnsupported, Message: "x"}, Error{Kind: KindNoNode, Message: "no node"}, ":0:0 no node, and the procfile needs Node"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			got := e.verdict(&c.first, &c.second)
			if text := fmt.Sprintf("%s:%d:%d %s", got.Path, got.Line, got.Column, got.Message); !strings.HasPrefix(text, c.want) {
				t.Errorf("got %q, want %q", text, c.want)
			}
		})
	}
}
