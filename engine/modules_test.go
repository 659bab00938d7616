package engine

import "testing"

// TestModulesTamperedWithLikeNode holds what packages do that put themselves in the loader's way.
func TestModulesTamperedWithLikeNode(t *testing.T) {
	tests := []struct {
		name, main string
		files      map[string]string
	}{
		{"cache entries of the user's own", `const file = require.resolve('./a'); require.cache[file] = { id: file, filename: file, loaded: true, exports: 'mine' };
const first = require('./a'); require.cache.fs = { exports: 'mine too' }; const second = [require('fs'), require('node:fs') === 'mine too']; delete require.cache.fs;
require.cache[require.resolve('./b')] = new (require('module'))(require.resolve('./b'), module); const third = Object.keys(require('./b'));
delete require.cache[file]; module.exports = [first, second, third, require('./a'), typeof require('fs').readFileSync, require.cache === require('module')._cache];`,
			map[string]string{"a.js": "module.exports = 'real';", "b.js": "module.exports = { real: true };"}},
		{"parents, children and paths", `require('./a'); require('./b'); const b = require.cache[require.resolve('./b')]; const c = require.cache[require.resolve('./c')];
module.exports = [module.children.map((m) => here(m.id)), b.children.map((m) => here(m.id)), here(b.parent.id), here(c.parent.id), c.loaded, c.paths.slice(0, 2).map(here), require('./a').parents, require.main === module, c instanceof require('module'), c.constructor.name, module.constructor === require('module').Module, Object.keys(c), here(c.path), here(c.exports.dir), c.require('./a') === require('./a')];`,
			map[string]string{"a.js": "require('./c'); exports.parents = [module.parent.id, module.parent.parent && 1].map((s) => typeof s);", "b.js": "require('./c'); require('./a');", "c.js": "exports.dir = __dirname;"}},
		{"cycles", `module.exports = [require('./a'), require('./f')];`, map[string]string{
			"a.js": "exports.one = 1; const b = require('./b'); exports.two = 2; exports.b = b;", "b.js": "const a = require('./a'); exports.saw = Object.keys(a); exports.missing = a.two === undefined; exports.loaded = require.cache[require.resolve('./a')].loaded;",
			"f.js": "const g = require('./g'); module.exports = function f() {}; module.exports.g = g.saw; module.exports = { g };", "g.js": "exports.saw = typeof require('./f'); exports.keys = Object.keys(require('./f'));",
		}},
		{"extensions of the user's own", `require.extensions['.txt'] = (m, f) => { m.exports = require('fs').readFileSync(f, 'utf8').trim(); };
require.extensions['.tpl.js'] = (m, f) => { m.exports = 'template'; };
require.extensions['.up'] = (m, f) => { m._compile(require('fs').readFileSync(f, 'utf8').toLowerCase(), f); };
const old = require.extensions['.js']; const seen = [];
require.extensions['.js'] = (m, f) => { seen.push(here(f)); const c = m._compile; m._compile = function (code, file) { m._compile = c; return m._compile(code.replace('ONE', '1'), file); }; old(m, f); };
module.exports = [require('./a.txt'), require('./a'), require('./b.tpl.js'), require('./c'), require('./d'), seen, tried(() => require('./dir')), tried(() => require.resolve('pkg')), Object.keys(require.extensions)];`,
			map[string]string{"a.txt": "text\n", "b.tpl.js": "throw 1", "c.up": "MODULE.EXPORTS = __FILENAME.SPLIT('/').POP();", "d.js": "module.exports = ONE;", "dir/index.txt": "indexed", "node_modules/pkg/package.json": `{"main": "m"}`, "node_modules/pkg/m.txt": ""}},
		{"aliases", `const M = require('module'); const old = M._resolveFilename; const asked = [];
M._resolveFilename = function (request, parent, isMain, options) { asked.push(request); return old.call(this, request.replace(/^@root/, __dirname), parent, isMain, options); };
const oldPaths = M._nodeModulePaths; M._nodeModulePaths = function (from) { return oldPaths.call(this, from).concat(__dirname + '/extra'); };
const a = require('@root/lib/a'); M._resolveFilename = old; module.exports = [a, here(require.resolve('./lib/a')), asked, tried(() => require('@root/lib/a')), tried(() => require('./lib/b'))];`,
			map[string]string{"lib/a.js": "module.exports = [require('@root/lib/c'), require('inextra'), module.paths[module.paths.length - 1].split('/').pop()];", "lib/c.js": "module.exports = 'c';", "extra/inextra/index.js": "module.exports = 'extra';", "lib/b.js": "module.exports = require('inextra');"}},
		{"stubs", `const M = require('module'); const old = M._load;
M._load = function (request, parent, isMain) { if (request === './dep') return { stub: here(parent.id) }; if (request === 'fs') return 'no fs'; return old.apply(this, arguments); };
const a = require('./a'); M._load = old; delete require.cache[require.resolve('./a')]; module.exports = [a, require('./a'), (() => { const r = M.prototype.require; M.prototype.require = function (id) { return id === 'x' ? 'x!' : r.call(this, id); }; const got = require('x'); M.prototype.require = r; return got; })()];`,
			map[string]string{"a.js": "module.exports = [require('./dep'), typeof require('fs')];", "dep.js": "module.exports = 'real';"}},
		{"folders that are added", `module.paths.push(__dirname + '/more'); const a = require('in-more'); process.env.NODE_PATH = __dirname + '/late'; const before = tried(() => require('in-late')); require('module').Module._initPaths(); module.exports = [a, before.code, require('in-late'), require('./sub/x'), require('module').globalPaths.map(here)[0]];`,
			map[string]string{"more/in-more.js": "module.exports = 'more';", "late/in-late.js": "module.exports = 'late';", "sub/x.js": "try { require('in-more'); module.exports = 'found'; } catch (e) { module.exports = e.code; }"}},
		{"createRequire", `const { createRequire } = require('module'); const url = require('url').pathToFileURL(__filename);
module.exports = [createRequire(__filename)('./a'), createRequire(url)('./a'), createRequire(url.href)('./a'), createRequire(__dirname + '/sub/')('./b'), createRequire(__dirname + '/sub/none.js').resolve('./b').endsWith('sub/b.js'), tried(() => createRequire('./a')), tried(() => createRequire(__filename)('./none')), createRequire(__filename).cache === require.cache];`,
			map[string]string{"a.js": "module.exports = typeof module.parent;", "sub/b.js": "module.exports = 'b';"}},
		{"modules made by hand", `const M = require('module'); const m = new M('/x/y.js', module); m.filename = '/x/y.js'; m.paths = M._nodeModulePaths('/x'); m._compile('exports.f = __filename; exports.d = __dirname; exports.p = module.parent === require.main; exports.r = typeof require.resolve;', '/x/y.js');
module.exports = [{ ...m.exports, p: 0 }, m.paths, M._nodeModulePaths('/a/node_modules/b'), M.wrap('x'), M.isBuiltin('fs'), M.isBuiltin('node:fs'), M.isBuiltin('node:test'), M.isBuiltin('test'), M.isBuiltin('x'), M.builtinModules.includes('fs/promises'), here(M._findPath('./a', [__dirname])), M._findPath('./none', [__dirname]), here(M._findPath(__dirname + '/a')), M._resolveLookupPaths('./a', module).map(here), M._resolveLookupPaths('fs', module), [M._extensions, M._cache, M._pathCache].map((o) => typeof o)];`,
			map[string]string{"a.js": ""}},
		{"what cannot be asked for", `module.exports = [undefined, null, 5, {}, '', Symbol.iterator, () => {}, []].map((s) => [tried(() => require(s)), tried(() => require.resolve(s)), tried(() => String(require.resolve.paths(s)).slice(0, 20))]);`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, reportedFiles(tt.main, tt.files))
			likeNode(t, dir, map[string]string{"HOME": dir})
		})
	}
}
