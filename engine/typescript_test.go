package engine

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTypeScript loads dir/main.ts.
func TestTypeScript(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"types only", map[string]string{
			"main.ts": "import { Never } from 'not-installed';\nimport type { T } from './gone';\nimport { type U, real } from './a';\ninterface I { x: number }\ntype A<B> = B | null;\ndeclare const q: string;\nabstract class C<X> { constructor(private readonly x: number, public y?: X) {} get(): number { return this.x!; } }\nclass D extends C<I> {}\nconst f = <K,>(k: K): k is K => true;\nexport = [new D(3).get(), f(1), real as unknown as string, (<any>real) satisfies string] as const;",
			"a.ts":    "export type U = 1; export const real = 'real';",
		}, `[3,true,"real","real"]`},
		{"enums and namespaces", map[string]string{
			"main.ts": "enum E { A, B = 4, C, S = 's' }\nconst enum K { X = 1 << 3 }\nnamespace N { export const v = E.C; export namespace M { export const w = 2; } }\nexport default [E.C, E[4], E.S, K.X, N.v, N.M.w];",
		}, `{"default":[5,"B","s",8,5,2]}`},
		{"import = and export =", map[string]string{
			"main.ts": "import a = require('./a');\nimport b = require('./b.js');\nimport Alias = a.inner;\nexport = { a: a.n, b, inner: Alias };",
			"a.js":    "exports.n = 1; exports.inner = 'in';", "b.ts": "export = 'b from ts';",
		}, `{"a":1,"b":"b from ts","inner":"in"}`},
		{"files without extension", map[string]string{
			"main.ts":       "import a from './a'; import d from './dir'; import m from './m.mjs'; import c from './c.cjs'; import * as x from './x'; import json from './data.json';\nexport default [a, d, m, c, x.default, json.n];",
			"a.ts":          "export default 'a';",
			"dir/index.ts":  "export default 'dir';",
			"m.mts":         "export default 'm';",
			"c.cts":         "export default 'c';",
			"x.tsx":         "export default 'x';",
			"data.json":     `{"n": 1}`,
			"tsconfig.json": "{ // a comment\n  \"compilerOptions\": { \"strict\": true, },\n}",
		}, `{"default":["a","dir","m","c","x",1]}`},
		{"default imports of CommonJS", map[string]string{
			"main.ts":  "import plain from './plain'; import marked, { k } from './marked';\nexport default [plain.n, marked, k];",
			"plain.js": "module.exports = { n: 1 };", "marked.js": "exports.__esModule = true; exports.default = 'default'; exports.k = 'k';",
		}, `{"default":[1,"default","k"]}`},
		{"a namespace that is called", map[string]string{
			"main.ts": "import * as make from './make';\nimport * as Class from './class';\nimport { extra } from './make';\nclass Sub extends (Class as any) {}\nexport default [(make as any)(1), make.extra, extra, new (Class as any)(2).n, new (Class as any)(2) instanceof Class, (new Sub(3) as any).n, new Sub(4) instanceof Sub, (Class as any).default.name];",
			"make.js": "module.exports = (n) => n + 1; module.exports.extra = 'extra';", "class.js": "module.exports = class C { constructor(n) { this.n = n; } };",
		}, `{"default":[2,"extra","extra",2,true,3,true,"C"]}`},
		{"an ES module by its package", map[string]string{
			"package.json": `{"type": "module"}`, "main.ts": "import marked from './marked.cjs';\nexport default [marked.default, typeof require, import.meta.filename.endsWith('main.ts')];",
			"marked.cjs": "exports.__esModule = true; exports.default = 'default';",
		}, `{"__esModule":true,"default":["default","undefined",true]}`},
		{"legacy decorators", map[string]string{
			"main.ts":       "const seen: string[] = [];\nconst note = (...args: any[]) => { seen.push(typeof args[0] + ':' + String(args[1]) + ':' + typeof args[2]); };\n@note class A { @note field = 1; @note method(@note p: number) { return p; } }\nexport default [new A().method(2), seen];",
			"tsconfig.json": `{"extends": "./base"}`,
			"base.json":     `{"compilerOptions": {"experimentalDecorators": true, "emitDecoratorMetadata": true}}`,
		}, `{"default":[2,["object:field:undefined","object:method:number","object:method:object","function:undefined:undefined"]]}`},
		{"standard decorators", map[string]string{
			"main.ts": "const seen: string[] = [];\nconst note = (value: unknown, context: any) => { seen.push(typeof value + ':' + context.kind + ':' + String(context.name)); };\n@note class A { @note field = 1; @note method() { return 2; } @note accessor x = 3; }\nexport default [new A().method(), new A().x, seen];",
		}, `{"default":[2,3,["function:method:method","object:accessor:x","undefined:field:field","function:class:A"]]}`},
		{"fields as the target says", map[string]string{
			"main.ts":       "class Base { constructor() { this.set(); } set() {} }\nclass A extends Base { x; set() { this.x = 1; } }\nexport default [new A().x];",
			"tsconfig.json": `{"compilerOptions": {"target": "es2017"}}`,
		}, `{"default":[1]}`},
		{"side effects stay", map[string]string{
			"main.ts":   "import './effect';\nimport { T } from './types';\nexport default (globalThis as any).effects as T;",
			"effect.ts": "(globalThis as any).effects = ['effect'];", "types.ts": "(globalThis as any).effects.push('types'); export type T = string[];",
		}, `{"default":["effect"]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, tt.files)
			rt := newRuntime(t, dir, nil)
			arg, _ := json.Marshal(filepath.Join(dir, "main.ts"))
			got, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
			if err != nil {
				t.Fatalf("%v\n%s", err, err.(*Error).Excerpt)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestPlacesInTransformedFiles holds that errors are in the user's lines and columns.
func TestPlacesInTransformedFiles(t *testing.T) {
	const mark = "/*here*/"
	tests := []struct{ name, file, source, message, stack string }{
		{"throw in TypeScript", "main.ts", "interface A {\n  x: number;\n}\nenum E { X }\nfunction f(a: A): never {\n  throw " + mark + "new Error('boom ' + E.X);\n}\nexport default f({ x: 1 });\n", "Error: boom 0", ":8:16"},
		{"throw in an ES module", "main.mjs", "import fs from 'node:fs';\nexport const a = 1;\n\n  if (fs) throw " + mark + "new TypeError('x');\n", "TypeError: x", ""},
		{"on the first line", "main.mts", "const a: string = 'x'; throw " + mark + "new Error(a);", "Error: x", ""},
		{"beyond ASCII", "main.ts", "const s: string = '\u00fc\u20ac\U0001f600'; throw " + mark + "new Error(s);", "Error: \u00fc\u20ac\U0001f600", ""},
		{"in transformed CommonJS", "main.js", "async function* g() {\n  for await (const x of []) yield x;\n}\n\nthrow " + mark + "new Error('cjs');", "Error: cjs", ""},
		{"syntax in TypeScript", "main.ts", "const a: number = 1;\nlet b: string = " + mark + "= 2;\n", "SyntaxError: Unexpected token '='", ""},
		{"syntax in an ES module", "main.mjs", "export default () => {\n  const x = [1\n" + mark + "};\n", "SyntaxError: Expected \"]\" but found \"}\"", ""},
		{"a name of CommonJS", "main.mjs", "export const a = 1;\n" + mark + "require('x');\n", "ReferenceError: require is not defined in ES module scope, you can use import instead", ""},
		{"an end too early", "main.ts", "class A {\n  x() {\n" + mark, "SyntaxError: Unexpected end of input", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before, _, _ := strings.Cut(tt.source, mark)
			line := strings.Count(before, "\n") + 1
			column := len(utf16(before[strings.LastIndexByte(before, '\n')+1:])) + 1
			dir := folder(t, map[string]string{tt.file: strings.Replace(tt.source, mark, "", 1), "package.json": "{}"})
			rt := newRuntime(t, dir, nil)
			path := filepath.Join(dir, tt.file)
			arg, _ := json.Marshal(path)
			_, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
			var failure *Error
			if !errors.As(err, &failure) {
				t.Fatalf("error is %v", err)
			}
			if failure.File != path || failure.Line != line || failure.Column != column || failure.Message != tt.message {
				t.Errorf("%s:%d:%d: %s, want %d:%d: %s", filepath.Base(failure.File), failure.Line, failure.Column, failure.Message, line, column, tt.message)
			}
			if !strings.Contains(failure.Stack, tt.stack) || failure.Excerpt == "" {
				t.Errorf("stack %q, excerpt %q", failure.Stack, failure.Excerpt)
			}
		})
	}
}

// utf16 gives one letter for each unit of JavaScript's strings.
func utf16(text string) string {
	var b strings.Builder
	for _, c := range text {
		b.WriteByte('x')
		if c > 0xffff {
			b.WriteByte('x')
		}
	}
	return b.String()
}

// TestCallSites holds that what a procfile's libraries see of the stack is the user's text.
func TestCallSites(t *testing.T) {
	dir := folder(t, map[string]string{"main.ts": "type A = 1;\nfunction at(): unknown {\n  const o: any = {};\n  (Error as any).prepareStackTrace = (_: unknown, sites: any[]) => sites.map((s) => [s.getFileName(), s.getLineNumber(), s.getColumnNumber()]);\n  (Error as any).captureStackTrace(o);\n  return o.stack;\n}\nconst x: A = 1;\nexport = at();\n"})
	rt := newRuntime(t, dir, nil)
	arg, _ := json.Marshal(filepath.Join(dir, "main.ts"))
	got, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`["DIR/main.ts",9,10]`, "DIR", dir)
	if !strings.Contains(string(got), want) {
		t.Errorf("got %s, want %s in it", got, want)
	}
}

// TestTransformForNode runs transformed files in Node and looks at its stack trace.
func TestTransformForNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not in PATH")
		}
		t.Skip("node is not in PATH")
	}
	dir := folder(t, map[string]string{
		"main.mts":   "import type { X } from './x';\nimport marked from './marked.cjs';\nimport other, { name } from './other.mjs';\nenum E { A = 3 }\nclass Anonymous {}\nexport default class {}\nconst log: unknown[] = [marked.default, other, name, E.A, Anonymous.name, import.meta.filename === __filename, import.meta.url.startsWith('file:///')];\nconsole.log(JSON.stringify(log));\n\nfunction fail(x: number): never {\n  throw new Error('here');\n}\n  fail(1);\n",
		"marked.cjs": "exports.__esModule = true; exports.default = 'cjs default';",
		"other.mjs":  "export default 'esm default'; export const name = 'name';",
	})
	path := filepath.Join(dir, "main.mts")
	for _, file := range []string{path, filepath.Join(dir, "other.mjs")} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code, _, failed := Transform(file, string(source), TransformOptions{Node: true})
		if failed != nil {
			t.Fatal(failed)
		}
		if err := os.WriteFile(strings.Replace(file, ".m", ".c", 1)+".js", []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	load := `process.setSourceMapsEnabled(true);
const { readFileSync } = require('fs'); const Module = require('module');
for (const ext of ['.mts', '.mjs']) Module._extensions[ext] = (m, file) => m._compile(readFileSync(file.replace('.m', '.c') + '.js', 'utf8'), file);
try { require(process.argv[1]); } catch (e) { console.log(e.stack); }`
	out, err := exec.Command(node, "-e", load, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := string(out)
	for _, want := range []string{`["cjs default","esm default","name",3,"Anonymous",true,true]`, path + ":11:9", path + ":13:3"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// TestKilledInTypeScript holds that a child which had to be killed still tells the user's line.
func TestKilledInTypeScript(t *testing.T) {
	dir := folder(t, map[string]string{"procfile.ts": "interface A {\n  x: number;\n}\nexport default (pandora: any): void => {\n  const a: A = { x: 1 };\n  /^(?=((a+)+)\\2$)/.test('a'.repeat(60) + 'b');\n};\n"})
	_, err := Isolate(t.Context(), os.Args[0], Request{
		Options: Options{Dir: dir, Timeout: 300 * time.Millisecond}, Module: "shared/structure.js", Function: "structure",
		Arg: json.RawMessage(`{"appName":"a","workerCount":1,"appDir":` + quoted(t, dir) + `}`),
	})
	var failure *Error
	if !errors.As(err, &failure) || failure.Kind != KindTimeout || failure.Line != 6 || failure.Column != 3 || failure.File != filepath.Join(dir, "procfile.ts") {
		t.Errorf("error is %#v", err)
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
