'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { plain } = require('../node/monitor/runtime');

test('any configuration becomes something that JSON can hold', () => {
  const cycle = { name: 'x' };
  cycle.self = cycle;
  const odd = {
    cycle,
    big: 10n,
    fn() {},
    sym: Symbol('s'),
    date: new Date(0),
    re: /a/g,
    url: new URL('http://h/p'),
    buffer: Buffer.from('secret'),
    list: [1, undefined, () => {}, [2]],
    nothing: undefined,
    null: null,
    get bad() { throw new Error('no'); },
    ['__proto__']: 1,
    long: 'y'.repeat(100000),
    twice: [cycle, cycle].map(() => ({ a: 1 })),
  };
  const got = JSON.parse(JSON.stringify(plain(odd)));
  assert.deepStrictEqual(got.cycle, { name: 'x', self: '[Circular]' });
  assert.strictEqual(got.big, '10');
  assert.ok(!('fn' in got) && !('sym' in got) && !('nothing' in got));
  assert.match(got.date, /1970/);
  assert.strictEqual(got.re, '/a/g');
  assert.strictEqual(got.url, 'http://h/p');
  assert.strictEqual(got.buffer, '[Buffer of 6 bytes]');
  assert.deepStrictEqual(got.list, [1, null, null, [2]]);
  assert.strictEqual(got.null, null);
  assert.strictEqual(got.bad, '[Error: no]');
  assert.strictEqual(got.long.length, 64 * 1024 + 1);
  assert.deepStrictEqual(got.twice, [{ a: 1 }, { a: 1 }]);
});

test('what is too much is left out', () => {
  let deep = {};
  for (let i = 0; i < 100000; i++) deep = { deep };
  assert.ok(JSON.stringify(plain(deep)).length < 1000);
  const wide = plain(Array.from({ length: 1e6 }, (_, i) => ({ i })));
  assert.ok(JSON.stringify(wide).length < 2e6);
  assert.strictEqual(plain(undefined), undefined);
});
