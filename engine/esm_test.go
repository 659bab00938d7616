package engine

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestModulesOfBothKindsLikeNode compares what ES modules and CommonJS get of one another.
func TestModulesOfBothKindsLikeNode(t *testing.T) {
	const show = `const show = (v) => (typeof v === 'function' ? ['function', v.name] : v !== null && typeof v === 'object' ? Object.fromEntries(Object.keys(v).map((k) => [k, show(v[k])]).concat([['tag', Object.prototype.toString.call(v)], ['proto', Object.getPrototypeOf(v) === null]])) : v);
`
	tests := []struct {
		name  string
		files map[string]string
	}{
		{"require of an ES module", map[string]string{
			"main.js": show + `module.exports = ['a', 'b', 'c', 'd', 'e', 'f'].map((n) => show(require('./' + n + '.mjs'))).concat([require('./a.mjs') === require('./a.mjs')]);`,
			"a.mjs":   "export const b = 1; export default class {} export function a() {}",
			"b.mjs":   "export let x = 1; x = 2;",
			"c.mjs":   `const v = 5; export { v as "module.exports" }; export default 7;`,
			"d.mjs":   "export const __esModule = true; export default 3;",
			"e.mjs":   "export default () => {};",
			"f.mjs":   "import './a.mjs';",
		}},
		{"import of CommonJS", map[string]string{
			"main.js":       show + "module.exports = require('./m.mjs').default(show);",
			"m.mjs":         "import a, { k } from './a.cjs'; import * as ans from './a.cjs'; import b from './b.cjs'; import * as bns from './b.cjs'; import n from './n.cjs'; import { x } from './re.cjs'; import data from './d.json' with { type: 'json' };\nexport default (show) => [a, k, ans, b, bns, n, x, data].map(show);",
			"a.cjs":         "exports.__esModule = true; exports.default = 5; exports.k = 1;",
			"b.cjs":         "module.exports = class K {}; module.exports.s = 1;",
			"n.cjs":         "module.exports = null;",
			"re.cjs":        "module.exports = require('./re2.cjs');",
			"re2.cjs":       "const x = 1;\nmodule.exports = { x, y: 2 };",
			"d.json":        `{"a": [1]}`,
			"package.json":  `{}`,
			"nothing.cjs":   "",
			"unused/x.json": "1",
		}},
		{"core modules", map[string]string{
			"main.js": "module.exports = require('./m.mjs').default;",
			"m.mjs":   "import fs, { readFileSync } from 'node:fs'; import * as path from 'path'; import { createRequire } from 'module';\nconst require = createRequire(import.meta.url);\nexport default [fs.readFileSync === readFileSync, path.join('a', 'b'), path.default.sep, require('./c.cjs')];",
			"c.cjs":   "module.exports = 'c';",
		}},
		{"import.meta", map[string]string{
			"main.js":            "module.exports = require('./a b/m.mjs').default.map((x) => x.replace(__dirname, ''));",
			"a b/m.mjs":          "export default [import.meta.url.slice(0, 7), import.meta.url.split('/').slice(-2).join('/'), import.meta.dirname, import.meta.filename, Object.keys(import.meta).join(), import.meta.resolve('./x%20y.js').split('/').pop(), import.meta.resolve('fs'), import.meta.resolve('p').split('/').pop(), typeof this];",
			"a b/x y.js":         "",
			"node_modules/p/i.m": "", "node_modules/p/i.js": "", "node_modules/p/package.json": `{"exports": {"import": "./i.m", "require": "./i.js"}}`,
		}},
		{"conditions", map[string]string{
			"main.js":                     "module.exports = [require('p'), require('./m.mjs').default];",
			"m.mjs":                       "import p from 'p'; import q from '#q'; export default [p, q];",
			"package.json":                `{"imports": {"#q": {"import": "./q.mjs", "default": "./none.js"}}}`,
			"q.mjs":                       "export default 'q';",
			"node_modules/p/package.json": `{"exports": {"import": "./i.mjs", "require": "./r.js"}}`,
			"node_modules/p/i.mjs":        "export default 'import';",
			"node_modules/p/r.js":         "module.exports = 'require';",
		}},
		{"type module and syntax", map[string]string{
			"main.js":          "module.exports = [require('./t/x').default, require('./s').default, typeof require('./u').w];",
			"t/package.json":   `{"type": "module"}`,
			"t/x.js":           "import { y } from './y.js'; export default y; export * from './y.js';",
			"t/y.js":           "export const y = typeof this;",
			"s.js":             "#!/usr/bin/env node\nimport { y } from './t/y.js';\nexport default y + 's';",
			"u.js":             "'use strict';\n\nexport { w } from './w.mjs';",
			"w.mjs":            "export const w = () => {};",
			"unused.cjs":       "",
			"t/not/index.json": "",
		}},
		{"cycles and live bindings", map[string]string{
			"main.js":   "module.exports = require('./a.mjs').default;",
			"a.mjs":     "import { b, early } from './b.mjs'; import * as ns from './count.mjs'; import { n, up } from './count.mjs';\nexport const name = 'a'; export function hoisted() { return 'hoisted'; }\nconst before = n; up();\nexport default [b(), early, before, n, ns.n, Object.keys(ns)];",
			"b.mjs":     "import { name, hoisted } from './a.mjs'; export const b = () => name; export const early = hoisted();",
			"count.mjs": "export let n = 0; export const up = () => { n += 1; };",
		}},
		{"what import does not find", map[string]string{
			"main.js":      "module.exports = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((n) => { try { require('./' + n + '.mjs'); return 'ok'; } catch (e) { return [e.name, e.code, e.message.replaceAll(__dirname, '').split('\\n')[0]]; } });",
			"a.mjs":        "import x from './x';",
			"b.mjs":        "import x from 'nope/sub';",
			"c.mjs":        "import { zzz } from './ok.mjs'; zzz();",
			"d.mjs":        "import x from './d.json';",
			"d.json":       "{}",
			"e.mjs":        "import { zzz } from './x.js'; zzz();",
			"g.mjs":        "import { zzz } from './g.json' with { type: 'json' }; zzz();",
			"g.json":       `{"zzz": 1}`,
			"f.mjs":        "import x from 'nope';",
			"x.js":         "module.exports = {};",
			"ok.mjs":       "export const z = 1;",
			"package.json": `{}`,
		}},
		{"what goja does not know", map[string]string{
			"main.js": `
async function* ticks() { yield 1; }
const done = async () => { for await (const x of ticks()) done.push(x); };
const later = () => import('./nowhere.mjs');
const AsyncIteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype);
const iterator = Object.create(AsyncIteratorPrototype, { next: { value: () => 1 } });
module.exports = [typeof ticks().next, typeof done, require('./sloppy'), typeof later, typeof Symbol.asyncIterator, ticks()[Symbol.asyncIterator]().next !== undefined,
  Object.getOwnPropertySymbols(AsyncIteratorPrototype).includes(Symbol.asyncIterator), iterator[Symbol.asyncIterator]() === iterator];`,
			"sloppy.js": "if (true) { function inBlock() { return 'block'; } }\nmodule.exports = [inBlock(), (() => { switch (1) { case 1: function c() { return 'case'; } } return c(); })()];",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { sameAsNode(t, tt.files) })
	}
}

// TestRegExpLikeNode compares Unicode properties and flags that goja lacks, character by character.
func TestRegExpLikeNode(t *testing.T) {
	sameAsNode(t, map[string]string{"main.js": `
// Characters that have been in Unicode for long: the engines know different versions of it.
const chars = []; for (const [from, to, step] of [[0, 0x24f, 1], [0x370, 0x3ff, 1], [0x1e00, 0x1fff, 1], [0x3040, 0x30ff, 3], [0x4e00, 0x9fa5, 501], [0xac00, 0xd7a3, 301], [0x10400, 0x1044f, 5], [0x20000, 0x2a6d6, 977]]) for (let c = from; c <= to; c += step) chars.push(c);
const inClass = [/[^\p{L}\p{N}_]/u, /[\p{N}x-z]/u].map((r) => chars.filter((c) => r.test(String.fromCodePoint(c))).length);
const all = [/\p{L}/u, /\p{Lu}/u, /\P{Lu}/u, /\p{Letter}/u, /\p{Uppercase_Letter}/u, /\p{Script=Greek}/u, /\p{sc=Hani}/u, /\p{gc=Nd}/u, /\p{Alphabetic}/u, /\p{Lowercase}/u, /\p{ID_Start}/u, /\p{ID_Continue}/u, /\p{White_Space}/u, /\p{ASCII}/u, /\p{Any}/u, /\p{P}/u, /\p{Sc}/u, new RegExp('^\\p{Ll}$', 'u'), /\p{L}/v];
const re = /(?<first>\p{L}+)-(\d)/dgu;
class Sub extends RegExp {}
const sub = new Sub('\\p{L}', 'u');
module.exports = [all.map((r) => [String(r), r.flags, r.source, chars.filter((c) => r.test(String.fromCodePoint(c))).reduce((sum, c) => (sum * 31 + c) % 1000003, 7)]),
  '\u00e4b-1 c-2'.replace(re, '$2$<first>'), 'a1\u00df2'.split(/\p{L}/u), [...'\u00e4b-1 c-2'.matchAll(re)].map((m) => [m[0], m.index, m.groups.first]), re instanceof RegExp, re.constructor === RegExp, sub instanceof Sub, sub.test('\u00e4'), RegExp(re) === re, new RegExp(re).source === re.source, new RegExp(re, 'u').flags, RegExp.prototype === Object.getPrototypeOf(/x/), /x/.constructor === RegExp, RegExp.name, (() => { try { return new RegExp('(', 'u'); } catch (e) { return e.name; } })(), (() => { try { return new RegExp('x', 'dd'); } catch (e) { return e.name; } })(), new RegExp().source, new RegExp('', 'd').source, RegExp('a').test('a'), inClass, Object.keys(re)];`})
}

func TestUnknownPropertyNeedsNode(t *testing.T) {
	dir := folder(t, map[string]string{"main.js": "const e = /\\p{RGI_Emoji}/v;\nmodule.exports = () => e.test('x');", "use.js": "require('./main')();"})
	rt := newRuntime(t, dir, nil)
	if got := run(t, rt, dir); got != nil {
		t.Errorf("got %v", got)
	}
	arg, _ := json.Marshal(filepath.Join(dir, "use.js"))
	_, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
	var failure *Error
	if !errors.As(err, &failure) || failure.Kind != KindUnsupported || failure.Line != 2 || !strings.Contains(failure.Message, "RGI_Emoji") {
		t.Errorf("error is %v", err)
	}
}
