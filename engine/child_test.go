package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is the executable that Isolate starts, when called with ChildVerb.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildVerb {
		os.Exit(ChildMain(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// isolate evaluates the procfile of a folder in a real child and returns its typed failure.
func isolate(t *testing.T, source string, limit time.Duration, memory int64) (Result, *Error) {
	t.Helper()
	dir := folder(t, map[string]string{"procfile.js": source})
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	arg, _ := json.Marshal(map[string]any{"appName": "app", "appDir": dir, "workerCount": 2})
	result, err := Isolate(t.Context(), executable, Request{
		Options: Options{Dir: dir, Timeout: limit, MemoryLimit: memory},
		Module:  "shared/structure.js", Function: "structure", Arg: arg,
	})
	var failure *Error
	if err != nil && !errors.As(err, &failure) {
		t.Fatal(err)
	}
	return result, failure
}

func TestIsolate(t *testing.T) {
	const second = time.Second
	tests := []struct {
		name, source string
		timeout      time.Duration
		memory       int64
		kind         string
		message      string
		line, column int
	}{
		{name: "syntax", source: "module.exports = (pandora) => {\n  pandora.fork('a' './a');\n};\n", kind: KindSyntax, message: "SyntaxError: Unexpected string", line: 2, column: 20},
		{name: "syntax on the first line", source: "let x = ;", kind: KindSyntax, message: "SyntaxError: Unexpected token ;", line: 1, column: 9},
		{name: "unexpected end", source: "module.exports = () => {\n", kind: KindSyntax, message: "SyntaxError"},
		{name: "closes the wrapper", source: "}); (function () {", kind: KindSyntax, message: "SyntaxError: Unexpected token '}'"},
		{name: "throw", source: "module.exports = () => {\n\n  throw new TypeError('no luck');\n};", kind: KindThrow, message: "TypeError: no luck", line: 3, column: 9},
		{name: "throw at the top", source: "throw new Error('top');", kind: KindThrow, message: "Error: top", line: 1, column: 7},
		{name: "throw of a string", source: "module.exports = () => {\n  throw 'words';\n};", kind: KindThrow, message: `Uncaught "words"`, line: 2},
		{name: "missing module", source: "\nrequire('./nowhere');", kind: KindLoad, message: "Cannot find module './nowhere'", line: 2},
		{name: "endless at the top", source: "let n = 0;\nfor (;;) n += 1;\n", timeout: second / 4, kind: KindTimeout, message: "still running after 250ms", line: 2},
		{name: "endless in a callback", source: "module.exports = () => {\n  [1].forEach(() => {\n    while (true) {}\n  });\n};", timeout: second / 4, kind: KindTimeout, line: 3},
		{name: "endless behind traps", source: "for (;;) {\n  try {\n    for (;;) {}\n  } catch {\n  } finally {\n    continue;\n  }\n}", timeout: second / 4, kind: KindTimeout, line: 3},
		{name: "endless in a native", source: "/^(?=(a+)+\\1b)x/.test('');\nmodule.exports = () => /^(?=((a+)+)\\2$)/.test('a'.repeat(60) + 'b');", timeout: second / 4, kind: KindTimeout, line: 2, column: 24},
		{name: "hog step by step", source: "const all = [];\nfor (;;) {\n  all.push(new Array(1000).fill(7));\n}", memory: 32 << 20, timeout: 30 * second, kind: KindMemory, message: "uses more than 32 MiB of memory"},
		{name: "hog at once", source: "module.exports = () => { 'xx'.repeat(1 << 29).length; };", memory: 32 << 20, timeout: 30 * second, kind: KindMemory, message: "uses more than 32 MiB of memory", line: 1, column: 26},
		{name: "hog by doubling", source: "'use strict';\nmodule.exports = () => {\n  let s = 'x';\n  for (;;) {\n    s += s;\n  }\n};", memory: 32 << 20, timeout: 30 * second, kind: KindMemory, line: 5},
		{name: "hog in a buffer", source: "switch (1) {\n  case 1:\n    Buffer.alloc(4e9);\n}", memory: 32 << 20, timeout: 30 * second, kind: KindMemory, line: 3},
		{name: "exit", source: "module.exports = () => {\n  try { process.exit(3); } finally { for (;;) {} }\n};", kind: KindExit, message: "process.exit(3) was called", line: 2},
		{name: "recursion", source: "function f() { return f() + 1; }\nmodule.exports = () => f();", kind: KindThrow, message: "RangeError: Maximum call stack size exceeded", line: 1},
		{name: "refused even when caught", source: "module.exports = (p) => {\n  try { require('net').connect(1); } catch {}\n};", kind: KindUnsupported, message: "net.connect is not available", line: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, failure := isolate(t, tt.source, tt.timeout, tt.memory)
			if failure == nil {
				t.Fatal("no error")
			}
			if failure.Kind != tt.kind || !strings.Contains(failure.Message, tt.message) {
				t.Errorf("%s: %q, want %s: %q", failure.Kind, failure.Message, tt.kind, tt.message)
			}
			if filepath.Base(failure.File) != "procfile.js" {
				t.Errorf("file is %q", failure.File)
			}
			if tt.line > 0 {
				if failure.Line != tt.line || tt.column > 0 && failure.Column != tt.column {
					t.Errorf("at %d:%d, want %d:%d", failure.Line, failure.Column, tt.line, tt.column)
				}
				if !strings.Contains(failure.Excerpt, ">") || !strings.Contains(failure.Excerpt, "^") {
					t.Errorf("excerpt:\n%s", failure.Excerpt)
				}
			}
		})
	}
}

func TestIsolateResult(t *testing.T) {
	result, failure := isolate(t, `console.log('hello'); setInterval(() => {}, 1);
module.exports = async (pandora) => {
  pandora.fork('web', './web.js');
  Promise.resolve().then(() => { for (;;) {} });
  await null;
  pandora.fork('late', './late.js');
};`, time.Second, 0)
	if failure != nil {
		t.Fatal(failure)
	}
	if !strings.Contains(string(result.Value), `"web"`) || strings.Contains(string(result.Value), `"late"`) {
		t.Errorf("value %s", result.Value)
	}
	if result.Output != "hello\n" || len(result.Loaded) != 1 {
		t.Errorf("output %q, loaded %q", result.Output, result.Loaded)
	}
}

func TestIsolateOutputIsBounded(t *testing.T) {
	result, failure := isolate(t, `for (let i = 0; i < 1000; i += 1) console.log('line'.repeat(40), i);
module.exports = (p) => { p.fork('a', './a'); };`, 2*time.Minute, 0)
	if failure != nil {
		t.Fatal(failure)
	}
	if n := len(result.Output); n > DefaultMaxOutput+100 || !strings.HasSuffix(result.Output, "(output cut)\n") {
		t.Errorf("%d bytes of output", n)
	}
}

func TestIsolateCancelled(t *testing.T) {
	dir := folder(t, map[string]string{"procfile.js": "for (;;) {}"})
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = Isolate(ctx, executable, Request{Options: Options{Dir: dir}, Module: "shared/structure.js", Function: "structure",
		Arg: json.RawMessage(`{"appName":"a","workerCount":1,"appDir":"` + dir + `"}`)})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}

func TestIsolateWithoutExecutable(t *testing.T) {
	_, err := Isolate(t.Context(), "/nowhere/pandora", Request{Options: Options{Dir: "/"}})
	if err == nil || !strings.HasPrefix(err.Error(), "start JavaScript engine: ") {
		t.Errorf("error is %v", err)
	}
	if _, err := Isolate(t.Context(), "/bin/false", Request{Options: Options{Dir: "/"}}); err == nil {
		t.Error("a child that only ends is taken for an answer")
	}
}
