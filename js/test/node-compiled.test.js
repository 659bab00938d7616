'use strict';

// What V8 compiled of the bundle is kept by one worker and used by the next, unless anything about it is not as it was.

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { makeRoom, write } = require('../node/code');

const NODE = path.resolve(__dirname, '../node');
const BUNDLE = `(function (exports, require, module, __filename, __dirname) {
  const { compiled } = module;
  console.log(JSON.stringify({ used: compiled === undefined, main: require.main === module, __filename }));
  if (compiled && process.argv[2] === 'keep') {
    const alive = setInterval(() => {}, 60000);
    require(${JSON.stringify(path.join(NODE, 'code.js'))}).keepLater(compiled, 0).then(() => clearInterval(alive));
  }
})`;

/** @returns {{run: (args?: string[], env?: any) => any, dir: string, code: () => string}} */
function installation(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pandora-compiled-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  fs.copyFileSync(path.join(NODE, 'compiled.js'), path.join(dir, 'bootstrap.js'));
  fs.writeFileSync(path.join(dir, 'bundle.js'), BUNDLE);
  return {
    dir,
    run: (args = [], env = {}) => {
      const out = execFileSync(process.execPath, [path.join(dir, 'bootstrap.js'), ...args], { env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '', ...env }, encoding: 'utf8' });
      return JSON.parse(out.split('\n')[0]);
    },
    code: () => {
      const names = fs.readdirSync(dir).filter((name) => !name.endsWith('.js'));
      assert.strictEqual(names.length, 1, `there are ${names}`);
      return path.join(dir, names[0]);
    },
  };
}

test('a worker keeps what was compiled, and the next one uses it', (t) => {
  const { dir, run, code } = installation(t);
  const first = run(['keep']);
  assert.deepStrictEqual(first, { used: false, main: true, __filename: path.join(dir, 'bootstrap.js') });
  const data = fs.readFileSync(code());
  assert.ok(data.length > 200 && data.length % 2 === 0);
  assert.strictEqual(data.compare(data, 0, data.length / 2, data.length / 2), 0);
  assert.strictEqual(fs.statSync(code()).mode & 0o777, 0o600);
  assert.deepStrictEqual(run(), { ...first, used: true });
});

test('what was compiled under other options is another file, and NODE_DISABLE_COMPILE_CACHE is against any', (t) => {
  const { dir, run } = installation(t);
  run(['keep']);
  assert.strictEqual(run([], { NODE_DISABLE_COMPILE_CACHE: '1' }).used, true, 'nothing is to be kept');
  assert.strictEqual(run(['keep'], { NODE_OPTIONS: '--no-warnings' }).used, false);
  assert.strictEqual(fs.readdirSync(dir).filter((name) => name.endsWith('.code')).length, 2);
  assert.strictEqual(run([], { NODE_OPTIONS: '--no-warnings' }).used, true);
});

for (const [what, damage] of /** @type {[string, (data: Buffer) => Buffer][]} */ ([
  ['a bit of the first copy', (data) => { data[data.length >> 2] ^= 4; return data; }],
  ['a bit of the second copy', (data) => { data[data.length - 7] ^= 1; return data; }],
  ['the end', (data) => data.subarray(0, data.length - 2)],
  ['one byte', (data) => data.subarray(0, data.length - 1)],
  ['everything', () => Buffer.alloc(0)],
  ['what it was made of', (data) => Buffer.alloc(data.length)],
])) {
  test(`compiled code that lacks ${what} is not used, and replaced`, (t) => {
    const { run, code } = installation(t);
    run(['keep']);
    const whole = fs.readFileSync(code());
    const past = new Date(Date.now() - 60_000);
    fs.writeFileSync(code(), damage(Buffer.from(whole)));
    fs.utimesSync(code(), past, past);
    assert.strictEqual(run().used, false);
    assert.strictEqual(run(['keep']).used, false);
    assert.strictEqual(run().used, true);
  });
}

test('compiled code that others may write is not used', { skip: process.platform === 'win32' }, (t) => {
  const { run, code } = installation(t);
  run(['keep']);
  assert.strictEqual(run().used, true);
  fs.chmodSync(code(), 0o620);
  assert.strictEqual(run().used, false);
});

test('a damaged file is replaced', async (t) => {
  const { dir } = installation(t);
  const file = path.join(dir, 'x.code');
  fs.writeFileSync(file, 'damaged');
  await write(file, Buffer.from('data'));
  assert.strictEqual(fs.readFileSync(file, 'utf8'), 'datadata');
  await write(path.join(dir, 'none', 'x.code'), Buffer.from('data')); // no folder, no file, no error
});

test('the oldest make room', async (t) => {
  const { dir } = installation(t);
  for (let i = 0; i < 20; i += 1) {
    fs.writeFileSync(path.join(dir, `${i}.code`), '');
    fs.utimesSync(path.join(dir, `${i}.code`), 1000 + i, 1000 + i);
  }
  await makeRoom(dir);
  const left = fs.readdirSync(dir).filter((name) => name.endsWith('.code')).map((name) => parseInt(name, 10)).sort((a, b) => a - b);
  assert.deepStrictEqual(left, [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  assert.ok(fs.existsSync(path.join(dir, 'bundle.js')));
});
