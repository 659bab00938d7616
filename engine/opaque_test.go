package engine

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

// sideEffect is a line that shows in the result whether its file was run.
const sideEffect = "(globalThis.ran = globalThis.ran || []).push('ran');\n"

func TestOpaque(t *testing.T) {
	const plain = "'use strict';\nconst dep = require('nothing-like-it');\nclass A { static dependencies = ['x', 'y']; }\nmodule.exports = A;\n"
	tests := []struct {
		name, procfile string
		files          map[string]string
		want           string
	}{
		{
			name:     "variable",
			procfile: "const A = require('./a');\nmodule.exports = (p) => { p.service(A).category('x'); p.process('w').service('n', A); };",
			files:    map[string]string{"a.js": plain},
			want:     `{"entries":[["*","A",["x","y"]],["*","A",["x","y"]]],"ran":[]}`,
		},
		{
			name:     "inline",
			procfile: "module.exports = function (pandora) { pandora.service(require('./a')); pandora.applet(require('./a').default); };",
			files:    map[string]string{"a.js": "exports.default = class B {};"},
			want:     `{"entries":[["*","B",[]],["default","B",[]]],"ran":[]}`,
		},
		{
			name:     "destructured and renamed",
			procfile: "const { A, B: C } = require('./a');\nmodule.exports = (p) => { p.service(A); p.environment(C); };",
			files:    map[string]string{"a.js": "exports.A = class {};\nexports.B = class Bee {};"},
			want:     `{"entries":[["A","",[]],["B","Bee",[]]],"ran":[]}`,
		},
		{
			name:     "member of a namespace, as compilers write",
			procfile: "const a_1 = require('./a');\nexports.default = (p) => { p.service(a_1.A); p.configurator(a_1.default); }; module.exports = exports.default;",
			files:    map[string]string{"a.js": "\"use strict\";\nObject.defineProperty(exports, '__esModule', { value: true });\nexports.A = void 0;\nconst x_1 = __importDefault(require('x'));\nvar __importDefault = (this && this.__importDefault) || function (m) { return m; };\nclass A {}\nexports.A = A;\nclass D {}\nexports.default = D;"},
			want:     `{"entries":[["A","A",[]],["default","D",[]]],"ran":[]}`,
		},
		{
			name:     "default of a require in a variable",
			procfile: "const A = require('./a').default;\nmodule.exports = (p) => { p.applet(A).name('x'); };",
			files:    map[string]string{"a.js": "class A {}\nA.dependencies = ['one'];\nexports.default = A;"},
			want:     `{"entries":[["default","A",["one"]]],"ran":[]}`,
		},
		{
			name:     "constant made from the parameter",
			procfile: "const A = require('./a');\nmodule.exports = (p) => { const w = p.process('w'); w.service(A); };",
			files:    map[string]string{"a.js": plain},
			want:     `{"entries":[["*","A",["x","y"]]],"ran":[]}`,
		},
		{
			name:     "named function exported below",
			procfile: "const A = require('./a');\nmodule.exports = describe;\nfunction describe(p) { p.service(A); }",
			files:    map[string]string{"a.js": plain},
			want:     `{"entries":[["*","A",["x","y"]]],"ran":[]}`,
		},
		{
			name:     "a file with side effects is run",
			procfile: "const A = require('./a');\nmodule.exports = (p) => { p.service(A); };",
			files:    map[string]string{"a.js": sideEffect + "module.exports = class A {};"},
			want:     `{"entries":["function"],"ran":["ran"]}`,
		},
		{
			name:     "a wrapped class is run",
			procfile: "const A = require('./a');\nmodule.exports = (p) => { p.service(A); };",
			files:    map[string]string{"a.js": "const wrap = (c) => { " + sideEffect + " return c; };\nmodule.exports = wrap(class A {});"},
			want:     `{"entries":["function"],"ran":["ran"]}`,
		},
		{
			name:     "computed dependencies are run",
			procfile: "module.exports = (p) => { p.service(require('./a')); };",
			files:    map[string]string{"a.js": "const list = [];\nmodule.exports = class A { static get dependencies() { return list; } };"},
			want:     `{"entries":["function"],"ran":[]}`,
		},
		{
			name:     "a tested value is loaded",
			procfile: "const ci = require('./a');\nmodule.exports = (p) => { p.service(ci ? 'yes' : 'no'); p.service(typeof require('./b')); if (ci) p.service(ci); };",
			files:    map[string]string{"a.js": "module.exports = false;", "b.js": "module.exports = {};"},
			want:     `{"entries":["string","string"],"ran":[]}`,
		},
		{
			name:     "a value read elsewhere is loaded",
			procfile: "const A = require('./a');\nmodule.exports = (p) => { p.service(A.title, A); };",
			files:    map[string]string{"a.js": "class A {}\nA.title = 'x';\nmodule.exports = A;"},
			want:     `{"entries":["function"],"ran":[]}`,
		},
		{
			name:     "unused is loaded",
			procfile: "const A = require('./a');\nmodule.exports = () => {};",
			files:    map[string]string{"a.js": sideEffect},
			want:     `{"entries":[],"ran":["ran"]}`,
		},
		{
			name:     "decorated is loaded",
			procfile: "const A = require('./a');\nconst wrap = (c) => c;\nmodule.exports = (p) => { p.service(wrap(A)); };",
			files:    map[string]string{"a.js": plain, "node_modules/nothing-like-it/index.js": ""},
			want:     `{"entries":["function"],"ran":[]}`,
		},
		{
			name:     "a shadowed name is loaded",
			procfile: "const A = require('./a');\nmodule.exports = (p) => { [1].map((A) => p.service(A)); p.service(A); };",
			files:    map[string]string{"a.js": "module.exports = class A {};"},
			want:     `{"entries":["number","function"],"ran":[]}`,
		},
		{
			name:     "what a compiler makes of a default import",
			procfile: "var __importDefault = (this && this.__importDefault) || function (mod) { return (mod && mod.__esModule) ? mod : { \"default\": mod }; };\nObject.defineProperty(exports, '__esModule', { value: true });\nconst a_1 = __importDefault(require('./a'));\nconst b_1 = __importDefault(require('./b'));\nmodule.exports = (p) => { p.service(a_1.default); p.service('b', b_1.default); };",
			files:    map[string]string{"a.js": plain, "b.js": "Object.defineProperty(exports, '__esModule', { value: true });\nclass B {}\nexports.default = B;"},
			want:     `{"entries":[["*","A",["x","y"]],["default","B",[]]],"ran":[]}`,
		},
		{
			name:     "a class in TypeScript and one in an ES module",
			procfile: "const { A } = require('./a.ts');\nconst b = require('./b.mjs');\nmodule.exports = (p) => { p.service(A); p.service(b.default); };",
			files: map[string]string{
				"a.ts":  "import { gone } from 'gone';\nexport class A { static dependencies: string[] = ['x']; private n = gone; }",
				"b.mjs": "import gone from 'gone';\nexport default class { static get dependencies() { return ['a']; } }",
			},
			want: `{"entries":[["A","A",["x"]],["default","default",["a"]]],"ran":[]}`,
		},
		{
			name:     "fields as an older target has them",
			procfile: "module.exports = (p) => { p.service(require('./a.ts').A); };",
			files: map[string]string{
				"a.ts":          "export class A { static dependencies = ['x']; static other = 1; n = 2; }",
				"tsconfig.json": `{"compilerOptions": {"target": "es2017"}}`,
			},
			want: `{"entries":[["A","A",["x"]]],"ran":[]}`,
		},
		{
			name:     "a TypeScript class with a decorator is run",
			procfile: "module.exports = (p) => { p.service(require('./a.ts').A); };",
			files: map[string]string{
				"a.ts":          "const d = (c: any) => { ((globalThis as any).ran = []).push('ran' as never); };\n@d export class A {}",
				"tsconfig.json": `{"compilerOptions": {"experimentalDecorators": true}}`,
			},
			want: `{"entries":["function"],"ran":["ran"]}`,
		},
		{
			name:     "another receiver is no description",
			procfile: "const A = require('./a');\nconst other = { service: (x) => new x() };\nmodule.exports = (p) => { other.service(A); };",
			files:    map[string]string{"a.js": "module.exports = class A { constructor() { " + sideEffect + " } };"},
			want:     `{"entries":[],"ran":["ran"]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.files["procfile.js"] = tt.procfile
			dir := folder(t, tt.files)
			rt := newRuntime(t, dir, nil)
			arg, _ := json.Marshal(filepath.Join(dir, "procfile.js"))
			got, err := rt.Invoke(t.Context(), "shared/x.js", "procfile", arg)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestOpaqueOfMissingFile(t *testing.T) {
	dir := folder(t, map[string]string{"procfile.js": "const A = require('./a');\nmodule.exports = (p) => { p.service(A); };"})
	rt := newRuntime(t, dir, nil)
	arg, _ := json.Marshal(filepath.Join(dir, "procfile.js"))
	_, err := rt.Invoke(t.Context(), "shared/x.js", "procfile", arg)
	failure, ok := err.(*Error)
	if !ok || failure.Code != "MODULE_NOT_FOUND" || failure.Line != 1 {
		t.Errorf("error is %v", err)
	}
}

// TestOpaqueImports is about procfiles that are ES modules or TypeScript.
func TestOpaqueImports(t *testing.T) {
	const throws = "throw new Error('this must not run');\nexport const x = 1;"
	tests := []struct {
		name, file, procfile string
		files                map[string]string
		want                 string
	}{
		{
			name: "default, named and namespace imports", file: "procfile.mjs",
			procfile: "import A from './a.mjs';\nimport { B, C as Sea } from './b.mjs';\nimport * as ns from './b.mjs';\nimport D from './d.cjs';\nexport default function (p) { p.service(A); p.service('b', B); p.applet(Sea); p.environment(ns.B); p.configurator(D); }",
			files: map[string]string{
				"a.mjs": "import './throws.mjs';\nexport default class A {}", "b.mjs": "import { x } from './throws.mjs';\nexport class B { x = x; }\nexport const C = class {};",
				"d.cjs": "const t = require('./throws.mjs');\nmodule.exports = class D {};\nmodule.exports.dependencies = ['t'];", "throws.mjs": throws,
			},
			want: `{"entries":[["default","A",[]],["B","B",[]],["C","C",[]],["B","B",[]],["default","D",["t"]]],"ran":[]}`,
		},
		{
			name: "the namespace itself is loaded", file: "procfile.mjs",
			procfile: "import * as ns from './a.mjs';\nexport default (p) => { p.service(ns); };",
			files:    map[string]string{"a.mjs": "globalThis.ran = ['ran'];\nexport default class A {}"},
			want:     `{"entries":["object"],"ran":["ran"]}`,
		},
		{
			name: "what is exported again is loaded", file: "procfile.ts",
			procfile: "import { A } from './a';\nexport { A };\nexport default (p: any) => { p.service(A); };",
			files:    map[string]string{"a.ts": "(globalThis as any).ran = ['ran'];\nexport class A {}"},
			want:     `{"entries":["function"],"ran":["ran"]}`,
		},
		{
			name: "a test is a use", file: "procfile.ts",
			procfile: "import A from './a';\nexport default (p: any) => { if (A) p.service(A); };",
			files:    map[string]string{"a.ts": "(globalThis as any).ran = ['ran'];\nexport default class A {}"},
			want:     `{"entries":["function"],"ran":["ran"]}`,
		},
		{
			name: "TypeScript", file: "procfile.ts",
			procfile: "import A from './a';\nimport Plain from './plain';\nimport E = require('./e');\nexport = (p: any) => { p.service(A); p.service(Plain); p.service(E); p.process('w').service(require('./a').Other); };",
			files: map[string]string{
				"a.ts": "import './throws';\nexport default abstract class A<T> { static dependencies: string[] = ['x']; t?: T; }\nexport class Other {}", "plain.js": "const t = require('./throws');\nmodule.exports = class Plain {};",
				"e.ts": "import x from './throws';\nclass E { x = x; }\nexport = E;", "throws.ts": throws,
			},
			want: `{"entries":[["default","A",["x"]],["*","Plain",[]],["*","E",[]],["Other","Other",[]]],"ran":[]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.files[tt.file] = tt.procfile
			dir := folder(t, tt.files)
			rt := newRuntime(t, dir, nil)
			arg, _ := json.Marshal(filepath.Join(dir, tt.file))
			got, err := rt.Invoke(t.Context(), "shared/x.js", "procfile", arg)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
