package engine

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// probe is put before every main.js: it turns failures into values that both engines can be compared by.
const probe = `'use strict';
const path = require('path');
const attempt = (f) => { try { return f(); } catch (e) { return { code: e.code, name: e.name, stack: e.requireStack && e.requireStack.map((f) => path.basename(f)) }; } };
const rel = (f) => path.isAbsolute(f) ? path.relative(__dirname, f) : f;
`

// sameAsNode runs dir/main.js in both engines and compares what it exports.
func sameAsNode(t *testing.T, files map[string]string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not in PATH")
		}
		t.Skip("node is not in PATH")
	}
	files["main.js"] = probe + files["main.js"]
	dir := folder(t, files)
	cmd := exec.Command(node, "-e", "process.stdout.write(JSON.stringify(require('module')._load(process.argv[1])))", filepath.Join(dir, "main.js"))
	cmd.Dir = dir
	cmd.Env = []string{"HOME=/home/x", "PATH=/bin", "A=1"}
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("node: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatalf("node printed %q", out)
	}
	for _, traced := range []bool{false, true} {
		rt := newRuntime(t, dir, map[string]string{"HOME": "/home/x", "PATH": "/bin", "A": "1"})
		if traced {
			// Marking statements must not change what code does.
			if err := rt.traceInto(make([]byte, tracePage)); err != nil {
				t.Fatal(err)
			}
		}
		got := run(t, rt, dir)
		if !reflect.DeepEqual(got, want) {
			gotText, _ := json.MarshalIndent(got, "", " ")
			wantText, _ := json.MarshalIndent(want, "", " ")
			t.Errorf("goja (traced %v):\n%s\nnode:\n%s", traced, gotText, wantText)
		}
	}
}

func TestModulesLikeNode(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
	}{
		{"files and folders", map[string]string{
			"main.js":      "module.exports = [require('./a'), require('./a.js'), require('./dir'), require('./dir/'), require('./data'), require('./data.json').n, require('./dir/..').self, require('.').self];",
			"a.js":         "module.exports = 'a';",
			"dir.js":       "module.exports = 'dir.js';",
			"dir/x.js":     "module.exports = 'x';",
			"dir/index.js": "module.exports = 'index';",
			"data.json":    "\ufeff{\"n\": 1}",
			"index.js":     "module.exports = { self: true };",
		}},
		{"main of a package", map[string]string{
			"main.js":                            "module.exports = ['m', 'noext', 'folder', 'fallback', '@s/p', 'm/sub', '@s/p/sub.js'].map((n) => require(n));",
			"node_modules/m/package.json":        `{"main": "./lib/x.js"}`,
			"node_modules/m/lib/x.js":            "module.exports = 'm';",
			"node_modules/m/sub.js":              "module.exports = 'm/sub';",
			"node_modules/noext/package.json":    `{"main": "lib/x"}`,
			"node_modules/noext/lib/x.js":        "module.exports = 'noext';",
			"node_modules/folder/package.json":   `{"main": "lib"}`,
			"node_modules/folder/lib/index.js":   "module.exports = 'folder';",
			"node_modules/fallback/package.json": `{"main": "gone.js"}`,
			"node_modules/fallback/index.js":     "module.exports = 'fallback';",
			"node_modules/@s/p/package.json":     `{}`,
			"node_modules/@s/p/index.js":         "module.exports = '@s/p';",
			"node_modules/@s/p/sub.js":           "module.exports = '@s/p/sub';",
		}},
		{"exports", map[string]string{
			"main.js": `const names = ['str', 'cond', 'cond/deep', 'cond/features/x.js', 'cond/features/private/x.js', 'cond/null', 'cond/package.json', 'list', 'sugar', 'nested', 'hidden/lib/x.js', 'order', 'bad', 'esc'];
module.exports = names.map((n) => attempt(() => require(n)));`,
			"node_modules/str/package.json":      `{"exports": "./x.js", "main": "./wrong.js"}`,
			"node_modules/str/x.js":              "module.exports = 'str';",
			"node_modules/cond/package.json":     `{"exports": {".": {"import": "./i.mjs", "require": "./r.js"}, "./deep": {"browser": "./b.js", "default": "./d.js"}, "./features/*.js": "./src/*.js", "./features/private/*": null, "./null": null}}`,
			"node_modules/cond/r.js":             "module.exports = 'require';",
			"node_modules/cond/d.js":             "module.exports = 'deep';",
			"node_modules/cond/src/x.js":         "module.exports = 'feature';",
			"node_modules/cond/src/private/x.js": "module.exports = 'private';",
			"node_modules/list/package.json":     `{"exports": ["bad", {"import": "./no.js"}, "./yes.js"]}`,
			"node_modules/list/yes.js":           "module.exports = 'list';",
			"node_modules/sugar/package.json":    `{"exports": {"node": {"import": "./no.js", "default": "./yes.js"}}}`,
			"node_modules/sugar/yes.js":          "module.exports = 'sugar';",
			"node_modules/nested/package.json":   `{"exports": {".": {"node": {"import": "./no.js"}, "default": "./yes.js"}}}`,
			"node_modules/nested/yes.js":         "module.exports = 'nested';",
			"node_modules/hidden/package.json":   `{"exports": {".": "./x.js"}}`,
			"node_modules/hidden/lib/x.js":       "module.exports = 'hidden';",
			"node_modules/order/package.json":    `{"exports": {"default": "./first.js", "require": "./second.js"}}`,
			"node_modules/order/first.js":        "module.exports = 'first';",
			"node_modules/order/second.js":       "module.exports = 'second';",
			"node_modules/bad/package.json":      `{"exports": "./gone.js"}`,
			"node_modules/esc/package.json":      `{"exports": "./../esc2/x.js"}`,
			"node_modules/esc2/x.js":             "module.exports = 'escaped';",
		}},
		{"imports and self reference", map[string]string{
			"main.js":                   "module.exports = ['#a', '#dep', '#int/x.js', '#gone', 'me', 'me/sub', 'me/no'].map((n) => attempt(() => require(n)));",
			"package.json":              `{"name": "me", "exports": {".": "./a.js", "./sub": "./int/x.js"}, "imports": {"#a": {"node": "./a.js"}, "#dep": "dep", "#int/*": "./int/*"}}`,
			"a.js":                      "module.exports = 'a';",
			"int/x.js":                  "module.exports = 'x';",
			"node_modules/dep/index.js": "module.exports = 'dep';",
		}},
		{"missing", map[string]string{
			"main.js":  "module.exports = [attempt(() => require('./no')), attempt(() => require('no')), attempt(() => require('./a')), attempt(() => require('')), attempt(() => require(1)), attempt(() => require('node:no')), attempt(() => require('./bad.json')), attempt(() => require.resolve('no'))];",
			"a.js":     "require('./b');",
			"b.js":     "require('gone');",
			"bad.json": "{",
		}},
		{"resolve", map[string]string{
			"main.js": `module.exports = [require.resolve('./a'), require.resolve('dep'), require.resolve('x', { paths: [__dirname + '/other'] }), require.resolve('./c', { paths: [__dirname + '/other'] })].map(rel)
  .concat(require.resolve('fs'), require.resolve('node:fs'), require.resolve.paths('dep').slice(0, 2).map(rel), require.resolve.paths('./a').map(rel), [require.resolve.paths('fs')]);`,
			"a.js": "throw new Error('must not run');", "node_modules/dep/index.js": "throw new Error('must not run');",
			"other/node_modules/x/index.js": "", "other/c.js": "",
		}},
		{"symbolic links", map[string]string{
			"main.js":                         "module.exports = [require('./link'), require('linked'), require('./folder-link/f')].map((m) => m.map(rel));",
			"link.js":                         "-> real/a.js",
			"real/a.js":                       "module.exports = [__filename, module.id, require('./b')];",
			"real/b.js":                       "module.exports = 'b';",
			"folder-link":                     "-> store",
			"store/f.js":                      "module.exports = [__filename, __dirname, require('dep')];",
			"store/node_modules/dep/index.js": "module.exports = 'store dep';",
			"node_modules/linked":             "-> ../store/linked",
			"store/linked/index.js":           "module.exports = [__filename, require('dep')];",
		}},
		{"cycles and the cache", map[string]string{
			"main.js": `const a = require('./a'); const before = require.cache[require.resolve('./n')];
const n = require('./n'); const again = require('./n'); delete require.cache[require.resolve('./n')]; const fresh = require('./n');
module.exports = [a, before === undefined, n === again, n === fresh, Object.keys(require.cache).map(rel)];`,
			"a.js": "exports.early = true; const b = require('./b'); exports.b = b.seen; exports.loaded = module.loaded;",
			"b.js": "const a = require('./a'); exports.seen = { ...a };",
			"n.js": "module.exports = {};",
		}},
		{"a failed module is loaded again", map[string]string{
			"main.js": "globalThis.n = 0; module.exports = [attempt(() => require('./f')), attempt(() => require('./f')), globalThis.n];",
			"f.js":    "globalThis.n += 1; if (globalThis.n === 1) throw new TypeError('once'); module.exports = 'second';",
		}},
		{"the module object", map[string]string{
			"main.js": "module.exports = [require('./m'), module.children.map((c) => rel(c.id)), typeof require('module').createRequire, require('module').createRequire(__filename)('./m').id === rel(require.resolve('./m'))];",
			"m.js":    "const p = require('path'); const r = (f) => p.relative(__dirname, f);\nmodule.exports = { id: r(module.id), filename: r(module.filename), loaded: module.loaded, parent: r(module.parent.filename), paths: module.paths.slice(0, 1).map(r), path: r(module.path), self: this === exports, args: arguments.length, main: require.main === module, req: typeof module.require };",
		}},
		{"text that needs care", map[string]string{
			"main.js": "module.exports = [require('./bang'), require('./bom'), require('./c.cjs'), require('./noext'), require('./ret'), attempt(() => require('./syntax'))];",
			"bang.js": "#!/usr/bin/env node\nmodule.exports = 'bang';", "bom.js": "\ufeffmodule.exports = 'bom';",
			"c.cjs": "module.exports = 'cjs';", "noext": "module.exports = 'noext';", "ret.js": "module.exports = 1; return; module.exports = 2;", "syntax.js": "let = = 1;",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { sameAsNode(t, tt.files) })
	}
}

func TestCoreLikeNode(t *testing.T) {
	tests := []struct {
		name, main string
	}{
		{"path", `const list = ['', '/', '//', 'a', '/a/b', 'a/b/', '../a', './a/../../b', '/a/./b//c/..', '.x', 'a.b.c', '..', 'a/.', 'x.js/'];
module.exports = list.map((p) => [path.normalize(p), path.dirname(p), path.basename(p), path.extname(p), path.isAbsolute(p), path.parse(p), path.format(path.parse(p)), path.join(p, '..', 'z'), path.resolve('/r', p), path.relative('/r/q', path.resolve('/r', p))])
  .concat(path.basename('a.js', '.js'), path.basename('.js', '.js'), path.basename('a/.js', '.js'), path.join(), path.sep, path.delimiter, path.posix === path, attempt(() => path.join(1)), path.format({ dir: '/a', name: 'b', ext: 'c' }));`},
		{"process", `process.env.N = 1; process.env.U = undefined; delete process.env.A; process.env.B = true;
module.exports = [process.cwd() === __dirname, Object.keys(process.env).filter((k) => 'NUAB'.includes(k)).sort(), process.env.N === '1', process.env.U, 'A' in process.env, process.env.missing === undefined, { ...process.env }.B, process.platform, process.arch, typeof process.pid, typeof process.hrtime()[0], typeof process.hrtime.bigint(), process.on('x', () => {}) === process, typeof process.version, String(process), process.env.hasOwnProperty('HOME'), typeof process.env.toString]; `},
		{"os", `const os = require('os'); module.exports = [os.EOL, os.platform(), os.arch(), os.type(), os.release(), os.hostname(), os.homedir(), os.tmpdir(), os.cpus().length, os.availableParallelism(), os.totalmem(), os.endianness(), os.cpus()[0].model, os.userInfo().uid, os.constants.signals.SIGTERM, os.loadavg().length];`},
		{"fs", `const fs = require('fs');
fs.constants.R_OK; const file = path.join(__dirname, 'main.js'); const st = fs.statSync(file);
module.exports = [fs.existsSync(file), fs.existsSync('no'), st.isFile(), st.isDirectory(), st.size, st.mode, st.mtime instanceof Date, Math.round(st.mtimeMs / 10), fs.statSync('no', { throwIfNoEntry: false }) === undefined,
  fs.readFileSync('main.js', 'utf8').length, fs.readFileSync('main.js').length, Buffer.isBuffer(fs.readFileSync('main.js')), fs.readFileSync('main.js', { encoding: 'hex' }).slice(0, 8), fs.readdirSync('.'), fs.readdirSync('.', { withFileTypes: true }).map((d) => [d.name, d.isFile()]),
  fs.realpathSync('./main.js') === file, fs.accessSync(file) === undefined, typeof fs.promises.readFile, typeof fs.writeFileSync,
  ...[() => fs.readFileSync('no'), () => fs.statSync('no'), () => fs.readdirSync('no'), () => fs.readFileSync('.'), () => fs.accessSync('no'), () => fs.readdirSync('main.js'), () => fs.realpathSync('no'), () => fs.readlinkSync('main.js')].map((f) => { try { return f(); } catch (e) { return [e.code, e.errno, e.syscall, e.path, e.message.replace(/\/.*\//, '')]; } })];`},
		{"util", `const util = require('util');
const line = 'x'.repeat(70);
class Foo { constructor() { this.a = 1; } } class Bar extends Foo {} const circular = { x: 1 }; circular.self = circular;
module.exports = [1, -0, 'it\'s', 'a\nb', null, undefined, true, 10n, Symbol('s'), [], {}, [1, [2, [3, [4]]]], { a: { b: { c: { d: 1 } } } }, { 'a-b': 1, [Symbol('k')]: 2 }, new Foo(), new Bar(), Foo, Bar, function named() {}, () => {}, async () => {}, new Map([['a', { b: 1 }]]), new Set([1, 'x']), /x/g, new Date(0), [undefined, null], [1, , 3], Object.create(null), { get x() { return 1; }, set y(v) {} }, ['aaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 'ccccccccccccccccccccccccc'], { f() {}, g: class {} }].map((v) => util.inspect(v))
  .concat(util.format('%s %d %i %f %j %o %O %% %x', 'a', '4', 4.7, '1.5', { a: 1 }, 1, { b: 2 }, 'extra'), util.format('a', 'b', { c: 1 }), util.format(1, 2), util.format('%s', null, undefined), util.format('%s', { a: 1 }), util.inspect(new Proxy({ a: 1 }, {})), util.inspect({ line, other: [line, { line }] }), util.inspect(Array.from({ length: 4 }, (_, i) => i)), util.inspect('a'.repeat(10)), util.inspect(Object.assign(() => {}, { p: 1 })), util.inspect(new (class extends Array {})(3)), util.inspect({ [util.inspect.custom]: () => 'custom' }), util.format('%s', class Q {}), util.format('%s', () => 1), util.inspect({ date: new Date(0), re: /x/, n: null, neg: [-0] }), util.isDeepStrictEqual({ a: [1] }, { a: [1] }), util.types.isPromise(Promise.resolve()), util.inspect({ a: { b: { c: {} } } }, { depth: 0 }));`},
		{"url and querystring", `const url = require('url'); const qs = require('querystring');
const u = new URL('http://user:pw@host:81/p/a?x=1&y=2#h');
module.exports = [u.href, u.searchParams.get('y'), ['../d', 'd', './d/.', '/d?x', '?x', '#y', '//o/p', 'https://z'].map((r) => new URL(r, 'http://u@x:1/a/b/c?q').href), URL.canParse('x'), attempt(() => new URL('x')).code, u instanceof URL, ['http://x', 'http://x/', 'http://x/a/', 'http://X//b', 'HTTP://x:80/%7ea b?c d#e f', 'http:x', 'http:\\\\x\\y', 'file:///a/../b', 'mailto:a@b', 'foo://h/p/../q', 'foo:/x', 'redis://:pw@h:6379/0', 'http://[::1]:3000/', 'http://\u00fc.de/', 'postgres://u:p%40@h/db?x=1', 'http://a b/', 'http://x:99999/', '//x', 'data:text/plain,hi there', 'https://u:p@h:443/a?b=%20#%20'].map((s) => attempt(() => { const v = new URL(s); return [v.href, v.origin, v.protocol, v.username, v.password, v.host, v.hostname, v.port, v.pathname, v.search, v.hash, String(v), v.toJSON()]; })), (() => { const v = new URL('http://h/a?x=1'); v.searchParams.set('x', '2 3'); v.searchParams.append('y', 'z'); v.pathname = '/b c'; v.hash = 'k'; v.port = '8080'; v.host = 'o:81'; v.protocol = 'https'; v.hostname = 'a b'; return [v.href, [...v.searchParams], String(new URLSearchParams({ a: "x y~*'", b: 1 })), new URLSearchParams('?a=1&a=2&b').getAll('a'), new URLSearchParams([['z', 1], ['a', 2]]).has('z'), require('util').inspect(new URLSearchParams('a=1')), require('util').inspect(v).split('\n').slice(0, 3)]; })(), ['http://a.b:8/c/d?e=f&g=h#i', '/x/y?z', 'mailto:a@b', '//host/x', 'http://[::1]:80/', 'a?b'].map((s) => ({ ...url.parse(s) })), url.parse('http://a/?x=1&x=2', true).query.x, url.format({ protocol: 'http', host: 'a.b', pathname: '/c', query: { d: 1 } }), url.resolve('/a/b/c', '../d'), url.resolve('http://h/a/b', '/z'), url.fileURLToPath('file:///a%20b'), url.pathToFileURL('/a b#c').href, qs.parse('a=1&b=2&a=3&c=%20x+y'), qs.stringify({ a: [1, 2], b: 'x y', c: true, d: null })];`},
		{"buffer", `const { Buffer } = require('buffer'); module.exports = [Buffer.from('h\u00e9').toString('hex'), Buffer.from('aGk=', 'base64').toString(), Buffer.concat([Buffer.from('a'), Buffer.from('b')]).toString(), Buffer.byteLength('h\u00e9'), Buffer.alloc(3, 1).length, Buffer.isBuffer(Buffer.alloc(1)), Buffer.from('h\u00e9', 'latin1').toString('hex'), Buffer.from('68e9', 'hex').toString('latin1'), Buffer.from('a\u20ac', 'utf16le').toString('ucs2'), attempt(() => Buffer.from('a', 'nope')), Buffer.from('abcabc').indexOf('ca'), Buffer.from('abcdef').subarray(1, 3).toString(), Buffer.from('abc').slice(-1).toString(), Buffer.compare(Buffer.from('a'), Buffer.from('b')), JSON.stringify(Buffer.from('a')), require('util').inspect(Buffer.from('ab')), atob(btoa('x')), Buffer.from([1, 2]).equals(Buffer.from([1, 2])), typeof atob];`},
		{"events", `const EventEmitter = require('events'); const log = [];
class E extends EventEmitter {} const e = new E(); const f = (...a) => log.push(['f', ...a]); e.on('x', f); e.once('x', (a) => log.push(['once', a])); e.prependListener('x', () => log.push('first'));
function Old() { EventEmitter.call(this); } require('util').inherits(Old, EventEmitter); const old = new Old(); old.on('y', () => log.push('old'));
module.exports = [e.emit('x', 1, 2), e.emit('x', 3), e.emit('none'), e.listenerCount('x'), e.off('x', f) === e, e.listenerCount('x'), e.eventNames(), old.emit('y'), attempt(() => e.emit('error', new RangeError('r'))), attempt(() => e.on('x')), EventEmitter.EventEmitter === EventEmitter, EventEmitter.defaultMaxListeners, log];`},
		{"assert", `const assert = require('assert');
module.exports = [() => assert(0), () => assert(1), () => assert.equal(1, '1'), () => assert.strictEqual(1, '1'), () => assert.deepEqual({ a: 1 }, { a: '1' }), () => assert.deepStrictEqual({ a: 1 }, { a: '1' }), () => assert.throws(() => { throw new TypeError('x'); }, TypeError), () => assert.throws(() => {}), () => assert.throws(() => { throw new Error('abc'); }, /b/), () => assert.fail('m'), () => assert.strict.equal(1, '1'), () => assert.ifError(null), () => assert.match('a', /b/), () => assert.deepEqual(new Set([1]), new Set([2]))].map((f) => { try { f(); return 'ok'; } catch (e) { return [e.name, e.code]; } });`},
		{"globals", `module.exports = [typeof setTimeout(() => {}, 1).unref, typeof queueMicrotask, structuredClone({ a: [new Date(0)] }), new TextDecoder().decode(new TextEncoder().encode('h\u00e9')), typeof AbortController, global === globalThis, typeof performance.now(), typeof Error.captureStackTrace, typeof Symbol.asyncIterator, typeof require('stream').Readable, require('cluster').isMaster, require('cluster').isWorker, require('module').builtinModules.includes('fs'), require('worker_threads').isMainThread]; clearTimeout(1);`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { sameAsNode(t, map[string]string{"main.js": tt.main}) })
	}
}

func TestLanguageLikeNode(t *testing.T) {
	sameAsNode(t, map[string]string{"main.js": `
class A { static #n = 1; #p = 2; static s = () => A.#n; get p() { return this.#p; } static { A.block = 'b'; } constructor(x) { this.x = x; } }
class B extends A { constructor() { const f = () => 3; super(f()); } toString() { return super.toString() + 'B'; } }
function* g(n) { for (let i = 0; i < n; i++) yield i; yield* [7, 8]; }
const label = () => { outer: for (let i = 0; ; i++) { for (;;) { if (i > 3) break outer; continue outer; } } return 'out'; };
const sw = (x) => { switch (x) { case 1: case 2: return 'low'; default: { let y = x; return y; } } };
const fin = () => { try { throw new Error('e'); } catch ({ message }) { return message; } finally { sw(1); } };
var hoisted = typeof later; function later() { 'use strict'; return this === undefined; }
const { q = 5, ...others } = { r: 1, s: 2 }; let n = 0; do n += 1; while (n < 3); if (n) n = 9; else n = 8;
for (const k of [1, 2]) n += k; for (const k in { z: 1 }) n += k;
const named = () => class {}; const obj = { m() { return 1; }, async am() {}, ['c' + 1]: () => ({ a: 1 }) };
module.exports = [A.s(), new A(1).p, A.block, new B().x, String(new B()), [...g(2)], label(), sw(2), sw(5), fin(), hoisted, later(), q, others, n, named().name, obj.m(), obj.c1(), (() => { 'use strict'; return this === module.exports; })(), (function () { return arguments.length; })(1, 2), typeof undefinedName, [1, 2, 3].at(-1), 2 ** 3, null ?? 4, obj?.x?.y, ` + "`t${n}`" + `];
`})
}

func TestPositionInsideDependencies(t *testing.T) {
	dir := folder(t, map[string]string{
		"main.js":     "exports.x = 1;\nrequire('./lib/deep');\n",
		"lib/deep.js": "function inner() {\n  null.x;\n}\ninner();\n",
	})
	rt := newRuntime(t, dir, nil)
	arg, _ := json.Marshal(filepath.Join(dir, "main.js"))
	_, err := rt.Invoke(t.Context(), "shared/x.js", "run", arg)
	failure, ok := err.(*Error)
	if !ok {
		t.Fatalf("error is %v", err)
	}
	if failure.File != filepath.Join(dir, "lib/deep.js") || failure.Line != 2 || !strings.Contains(failure.Stack, "main.js:2:") || strings.Contains(failure.Stack, "pandora:") {
		t.Errorf("%v\n%s", failure, failure.Stack)
	}
	if want := []string{filepath.Join(dir, "main.js"), filepath.Join(dir, "lib/deep.js")}; !reflect.DeepEqual(rt.Loaded(), want) {
		t.Errorf("loaded %q", rt.Loaded())
	}
}
