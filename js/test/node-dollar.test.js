'use strict';

// The helpers of pandora-dollar; what is expected was seen of pandora-dollar 1.10.2.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const dollar = require('../node/dollar');
const { folder } = require('./node-helper');

test('template', () => {
  const options = { b: 1, c: { d: 'x' }, n: null, list: [1, 2] };
  for (const [text, want] of [
    ['a {{b}} {{ c.d }} {{1 + 1}} {{n}}!', 'a 1 x 2 !'],
    ['{{list}}{{list}}', '1,21,2'],
    ["it's \n {{c.d + '<'}} \\n ${b}", "it's \n x< \\n ${b}"],
    ['nothing', 'nothing'],
  ]) assert.strictEqual(dollar.template(text, options), want);
  assert.throws(() => dollar.template('{{missing}}', {}), ReferenceError);
  assert.throws(() => dollar.template('{{missing}}'), ReferenceError);
  assert.throws(() => dollar.template('{{ }}', {}), SyntaxError);
});

test('getObjectByPath', () => {
  const object = { a: { b: [{ c: 1 }], '': 2, "x'y": 3 }, 'd.e': 4, d: { e: 5 }, n: null, u: undefined };
  for (const [where, want] of /** @type {[any, any][]} */ ([
    ['a.b[0].c', 1], ['a["b"].0.c', 1], [['a', 'b', 0], { c: 1 }], ['a.', 2], ["a['x\\'y']", 3], ['d.e', 4], ['n', null], ['u', 'no'],
    ['a.none.c', 'no'], ['', 'no'], [[], 'no'], ['n.x', 'no'],
  ])) assert.deepStrictEqual(dollar.getObjectByPath(object, where, 'no'), want, String(where));
  assert.strictEqual(dollar.getObjectByPath(null, 'a', 5), 5);
  assert.strictEqual(dollar.getObjectByPath('abc', 'length'), 3);
  assert.strictEqual(dollar.getObjectByPath([7], 0), 7);
});

test('mergeProperties gives what is missing', () => {
  for (const [object, source, want] of /** @type {[any, any, any][]} */ ([
    [{ a: [1] }, { a: [3, 4] }, { a: [1, 4] }],
    [{ a: null, b: undefined, c: { d: 1 } }, { a: { x: 1 }, b: 2, c: { d: 2, e: 3 } }, { a: null, b: 2, c: { d: 1, e: 3 } }],
    [{ a: 1 }, { a: { x: 1 } }, { a: 1 }],
    [{ a: {} }, { a: [1] }, { a: { 0: 1 } }],
    [{}, Object.create({ inherited: 1 }), { inherited: 1 }],
    [{}, null, {}],
    [undefined, { a: 1 }, { a: 1 }],
  ])) assert.deepStrictEqual(dollar.mergeProperties(object, source), want);
  const source = { a: { b: [{ c: 1 }] } };
  const made = dollar.mergeProperties({}, source);
  made.a.b[0].c = 2;
  assert.strictEqual(source.a.b[0].c, 1, 'what is given is copied');
  dollar.mergeProperties({}, JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}},"toString":{"z":1}}'));
  assert.deepStrictEqual([({}).x, ({}).y, Object.prototype.toString.z], [undefined, undefined, undefined]);
});

test('promises and identifiers', async () => {
  assert.strictEqual(await dollar.promise.fromCallback((done) => done(null, 5)), 5);
  await assert.rejects(dollar.promise.fromCallback((done) => done(new Error('no'))), /no/);
  await dollar.promise.delay(0);
  const deferred = dollar.promise.defer();
  deferred.resolve('yes');
  assert.strictEqual(await deferred.promise, 'yes');
  const other = dollar.promise.defer();
  other.reject(new Error('late'));
  await assert.rejects(other.promise, /late/);
  assert.match(dollar.genereateUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notStrictEqual(dollar.genereateUUID(), dollar.genereateUUID());
});

test('makeRequire and resolveSymlink', () => {
  const dir = folder({ 'a/b.js': 'module.exports = 7;' });
  assert.strictEqual(dollar.makeRequire(path.join(dir, 'a'))('./b'), 7);
  fs.symlinkSync(path.join(dir, 'a/b.js'), path.join(dir, 'absolute'));
  fs.symlinkSync('absolute', path.join(dir, 'relative'));
  fs.symlinkSync('circle', path.join(dir, 'circle'));
  assert.strictEqual(dollar.resolveSymlink(path.join(dir, 'relative')), path.join(dir, 'a/b.js'));
  assert.strictEqual(dollar.resolveSymlink(dir), dir);
  assert.throws(() => dollar.resolveSymlink(path.join(dir, 'circle')), { code: 'ELOOP' });
  assert.throws(() => dollar.resolveSymlink(path.join(dir, 'none')), { code: 'ENOENT' });
});
