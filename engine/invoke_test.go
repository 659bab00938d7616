package engine

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestOptionsDirIsAbsolute(t *testing.T) {
	if _, err := New(Options{Dir: "here"}); err == nil || !strings.Contains(err.Error(), `"here"`) {
		t.Errorf("error is %v", err)
	}
}

// invokeText runs a function body in the embedded tree.
func invokeText(t *testing.T, rt *Runtime, body string) (json.RawMessage, error) {
	t.Helper()
	rt.files = overlay{rt.files, "exports.run = (arg) => {" + body + "};"}
	return rt.Invoke(t.Context(), "shared/x.js", "run", json.RawMessage(`{"a":1}`))
}

func TestInvoke(t *testing.T) {
	tests := []struct{ name, body, want, err string }{
		{name: "value", body: "return { got: arg.a };", want: `{"got":1}`},
		{name: "undefined", body: "", want: "null"},
		{name: "cyclic result", body: "const a = {}; a.a = a; return a;", err: "Converting circular structure"},
		{name: "bigint result", body: "return 1n;", err: "TypeError"},
		{name: "no such module", body: "return require('./nope');", err: `no embedded module "shared/nope.js"`},
		{name: "a user's module", body: "return require('lodash');", err: "neither embedded nor part of Node"},
		{name: "thrown getter", body: "throw { get code() { throw new Error('x'); }, toString() { throw 1; } };", err: "cannot be shown"},
		{name: "thrown nothing", body: "throw undefined;", err: "Uncaught undefined"},
		{name: "thrown endless", body: "throw { toString() { for (;;) {} } };", err: "cannot be shown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt, err := New(Options{Dir: "/", Timeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			got, err := invokeText(t, rt, tt.body)
			if tt.err == "" && (err != nil || string(got) != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("got %s, %v; want %s %s", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestNoSuchFunction(t *testing.T) {
	rt, err := New(Options{Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	rt.files = overlay{rt.files, ""}
	if _, err := rt.Invoke(t.Context(), "shared/x.js", "gone", nil); err == nil || !strings.Contains(err.Error(), `no function "gone"`) {
		t.Errorf("error is %v", err)
	}
}

// TestNothingRunsAfterTheResult holds that what a call left behind never runs, also in the next call.
func TestNothingRunsAfterTheResult(t *testing.T) {
	rt, err := New(Options{Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	rt.files = overlay{rt.files, `
let late = 0;
exports.run = () => {
  Promise.resolve().then(() => { late += 1; });
  process.nextTick(() => { late += 1; });
  setTimeout(() => { late += 1; }, 0);
  (async () => { await null; late += 1; })();
  return late;
};`}
	for range 3 {
		got, err := rt.Invoke(t.Context(), "shared/x.js", "run", nil)
		if err != nil || string(got) != "0" {
			t.Fatalf("got %s, %v", got, err)
		}
	}
}

func TestStoppedRuntimeIsDead(t *testing.T) {
	rt, err := New(Options{Dir: "/", Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, first := invokeText(t, rt, "for (;;) {}")
	_, second := rt.Invoke(t.Context(), "shared/x.js", "run", nil)
	var failure *Error
	if !errors.As(first, &failure) || failure.Kind != KindTimeout || !errors.As(second, &failure) || failure.Kind != KindTimeout {
		t.Errorf("first %v, second %v", first, second)
	}
}

func TestInvokeEndsWithContext(t *testing.T) {
	rt, err := New(Options{Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	rt.files = overlay{rt.files, "exports.run = () => { for (;;) {} };"}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := rt.Invoke(ctx, "shared/x.js", "run", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestInvokeLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		rt, err := New(Options{Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := invokeText(t, rt, "return 1;"); err != nil {
			t.Fatal(err)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestProcessIsAsTold(t *testing.T) {
	rt, err := New(Options{Dir: "/", NodeVersion: "v22.1.0", NodeVersions: map[string]string{"v8": "12.4"}, ExecPath: "/opt/node",
		Argv: []string{"/opt/node", "x"}, ExecArgv: []string{"--inspect"}, Env: map[string]string{"K": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := invokeText(t, rt, `const before = { ...process.env }; process.env.K = 5; process.argv.push('y');
return [process.version, process.versions.node, process.versions.v8, process.execPath, process.argv, process.execArgv, before, process.env.K];`)
	want := `["v22.1.0","22.1.0","12.4","/opt/node",["/opt/node","x","y"],["--inspect"],{"K":"v"},"5"]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestCodeOfOtherKinds(t *testing.T) {
	tests := []struct{ name, file, source, extra, kind string }{
		{name: "top-level await", file: "main.mjs", source: "await 1;\nexport default 1;", extra: `{}`, kind: KindUnsupported},
		{name: "module syntax in commonjs", file: "main.js", source: "import x from 'y';", extra: `{"type":"commonjs"}`, kind: KindSyntax},
		{name: "import of a missing package", file: "main.js", source: "import x from 'y';", extra: `{}`, kind: KindLoad},
		{name: "native addon", file: "main.node", source: "ELF", extra: `{}`, kind: KindUnsupported},
		{name: "child process", file: "main.js", source: "require('child_process').exec('true');", extra: `{}`, kind: KindUnsupported},
		{name: "write", file: "main.js", source: "require('fs').writeFileSync('x', '');", extra: `{}`, kind: KindUnsupported},
		{name: "broken json", file: "main.json", source: "{\n  \"a\": ]\n}", extra: `{}`, kind: KindSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, map[string]string{tt.file: tt.source, "package.json": tt.extra})
			rt := newRuntime(t, dir, nil)
			arg, _ := json.Marshal(filepath.Join(dir, tt.file))
			_, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
			var failure *Error
			if !errors.As(err, &failure) || failure.Kind != tt.kind {
				t.Errorf("error is %#v", err)
			}
		})
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 300) + "HERE" + strings.Repeat("y", 300)
	tests := []struct {
		name, source string
		line, column int
		want         string
	}{
		{"middle", "a\nb\nc\nd\ne\nf", 3, 1, "     1 | a\n     2 | b\n>    3 | c\n       | ^\n     4 | d\n     5 | e"},
		{"first", "a\tb", 1, 3, ">    1 | a b\n       |   ^"},
		{"beyond", "a", 4, 1, ""},
		{"carriage returns", "a\r\nb", 2, 1, "     1 | a\n>    2 | b\n       | ^"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Excerpt(tt.source, tt.line, tt.column); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	lines := strings.Split(Excerpt(long, 1, 301), "\n")
	if at := strings.Index(lines[1], "^"); len(lines[0]) > 140 || at < 0 || lines[0][at:at+4] != "HERE" {
		t.Errorf("long line:\n%s\n%s", lines[0], lines[1])
	}
}

// FuzzProcfile holds that no source makes the engine panic or outlive its limits.
func FuzzProcfile(f *testing.F) {
	for _, source := range []string{
		"module.exports = (p) => { p.fork('a', './a'); };", "const { A, ...r } = require('./a'); exports.default = function (p) { p.service(A) }",
		"for (;;) {}", "while (1);", "do ; while (true)", "#!x\n'use strict'", "class A { static #x = 1; static { for (;;); } }", "}); (function () {",
		"require('./procfile')", "eval('1')", "with (module) exports = 1", "module.exports = require", "[...Array(1e9)]", "`${", "const [a = require('./a')] = []",
		"module.exports = async ({ service }) => service(require('./a').b)", "process.exit()", "Object.prototype.x = 1; throw { toString: null }",
		"module.exports = p => { const { A } = require('./a'); p.service(A).entry(require(`./a`)); }", "new Proxy({}, { get() { throw 1 } }).x", "a?.b?.[c]", "x: for (;;) break x",
	} {
		f.Add(source)
	}
	dir := folder(f, map[string]string{"a.js": "exports.A = class A { static dependencies = ['b']; };", "package.json": "{}"})
	path := filepath.Join(dir, "procfile.js")
	f.Fuzz(func(t *testing.T, source string) {
		rt := newRuntime(t, dir, nil)
		rt.options.Timeout = 100 * time.Millisecond
		rt.options.MemoryLimit = 64 << 20
		rt.sources = func(string) (string, error) { return source, nil }
		arg, _ := json.Marshal(path)
		value, err := rt.Invoke(t.Context(), "shared/x.js", "procfile", arg)
		if (value == nil) == (err == nil) {
			t.Errorf("value %s, error %v", value, err)
		}
		_ = rt.Output()
	})
}

// FuzzPackageJSON holds that resolution copes with any package.json.
func FuzzPackageJSON(f *testing.F) {
	f.Add(`{"exports": {".": {"node": ["./a.js"]}, "./*": "./x/*.js"}}`, "p/sub")
	f.Add(`{"name": "p", "imports": {"#a": "./a.js"}, "main": ".."}`, "#a")
	f.Add(`{"exports": {"./a*b*": null, "./": "./"}}`, "p/a")
	f.Add(`[1`, "@s/p")
	f.Fuzz(func(t *testing.T, config, spec string) {
		value, err := decodeOrdered([]byte(config))
		if err != nil {
			return
		}
		r := newResolver("")
		pkg := &packageJSON{path: "/x/package.json", dir: "/x", name: "p", exports: value, imports: value}
		r.packages["/x"] = pkg
		_, _ = r.exported(pkg, spec, "", query{spec: spec, conditions: r.conditions})
		_, _ = r.resolve(query{spec: spec, file: "/x/a.js", paths: nodeModulePaths("/x")})
	})
}
