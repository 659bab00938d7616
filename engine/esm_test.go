package engine

import "testing"

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
			"main.js":      "module.exports = ['a', 'b', 'c', 'd', 'e', 'f'].map((n) => { try { require('./' + n + '.mjs'); return 'ok'; } catch (e) { return [e.name, e.code, e.message.replaceAll(__dirname, '').split('\\n')[0]]; } });",
			"a.mjs":        "import x from './x';",
			"b.mjs":        "import x from 'nope/sub';",
			"c.mjs":        "import { zzz } from './ok.mjs'; zzz();",
			"d.mjs":        "import x from './d.json';",
			"d.json":       "{}",
			"e.mjs":        "import { zzz } from './x.js'; zzz();",
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
module.exports = [typeof ticks().next, typeof done, require('./sloppy'), typeof later, typeof Symbol.asyncIterator, ticks()[Symbol.asyncIterator]().next !== undefined];`,
			"sloppy.js": "if (true) { function inBlock() { return 'block'; } }\nmodule.exports = [inBlock(), (() => { switch (1) { case 1: function c() { return 'case'; } } return c(); })()];",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { sameAsNode(t, tt.files) })
	}
}
