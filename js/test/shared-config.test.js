'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { load, loadWhole } = require('../shared/config.js');

/** @param {Record<string, string>} files */
function folder(files) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'config-'));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
  return dir;
}

test('modules are merged, arrays by index, functions are dropped', () => {
  const base = folder({
    'a.js': 'module.exports = { list: [1, { x: 1 }, 3], actuator: { http: { port: 1, enabled: true } }, f() {}, C: class {} };',
    'b.js': 'exports.default = { list: [9, { y: 2 }], actuator: { http: { port: 2 } }, when: new Date(0) };',
    'node_modules/conf/index.js': 'const c = { name: "npm" }; c.self = c; module.exports = c;',
  });
  const answer = load({ base, modules: ['./a.js', 'b.js', 'conf'] });
  assert.deepStrictEqual(answer.warnings, []);
  assert.deepStrictEqual(answer.config, {
    list: [9, { x: 1, y: 2 }, 3],
    actuator: { http: { port: 2, enabled: true } },
    when: '1970-01-01T00:00:00.000Z',
    name: 'npm',
  });
  assert.strictEqual(answer.paths.length, 3);
});

test('what cannot be loaded is a warning, and the rest is used', () => {
  const base = folder({ 'bad.js': 'throw new Error("boom\\nmore");', 'text.js': 'module.exports = "x";', 'good.js': 'module.exports = { a: 1 };' });
  const answer = load({ base, modules: ['./none', './bad.js', './text.js', './good.js'] });
  assert.deepStrictEqual(answer.config, { a: 1 });
  assert.strictEqual(answer.warnings.length, 3);
  assert.match(answer.warnings[0], /^Can't find config from \.\/none \(/);
  assert.match(answer.warnings[1], /\/bad\.js:1:\d+: boom\); what it says is left out$/);
  assert.match(answer.warnings[2], /\(it exports no object\)/);
});

test('a key named __proto__ changes nothing', () => {
  const base = folder({ 'p.json': '{"__proto__": {"polluted": true}, "a": {"__proto__": {"polluted": true}}}' });
  const answer = load({ base, modules: ['./p.json'] });
  assert.strictEqual(/** @type {any} */ ({}).polluted, undefined);
  assert.strictEqual(JSON.stringify(answer.config), '{"a":{}}');
});

test('that a reporter is a class is told, and who asks for them gets the classes', () => {
  const base = folder({
    'a.js': 'class Own {} module.exports = { reporter: { own: { enabled: true, target: Own, initConfig: { of: Own, a: 1 } }, file: { enabled: false }, none: null }, reporters: { old: { reporter: class Old {} } } };',
    'b.js': 'module.exports = { reporter: { own: { initConfig: { b: 2 } } } };',
  });
  const request = { base, modules: ['./a.js', './b.js'] };
  assert.deepStrictEqual(load(request).config, {
    reporter: { own: { enabled: true, target: { class: 'Own' }, initConfig: { a: 1, b: 2 } }, file: { enabled: false }, none: null },
    reporters: { old: { reporter: { class: 'Old' } } },
  });
  const { reporter } = /** @type {any} */ (loadWhole(request).config);
  assert.strictEqual(typeof reporter.own.target, 'function');
  assert.deepStrictEqual(reporter.own.initConfig, { of: reporter.own.target, a: 1, b: 2 });
  assert.deepStrictEqual(/** @type {any} */ (loadWhole({ base, modules: ['./b.js'] }).config), { reporter: { own: { initConfig: { b: 2 } } } });
});
