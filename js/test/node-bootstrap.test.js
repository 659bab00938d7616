'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { test } = require('node:test');
const { BOOTSTRAP, folder, environment, launch, failure, stop } = require('./node-helper');

const NO_SERVICES = 'module.exports = () => {};';

test('the entry sees itself as the main script of an ordinary process', async () => {
  const dir = folder({
    'procfile.js': NO_SERVICES,
    'app.js': `
      console.log('> argv ' + process.argv.slice(1).join(' '));
      console.log('> origin ' + process.__pandoraOriginArgv[1]);
      console.log('> main ' + (require.main === module) + ' ' + require.main.filename);
      console.log('> parent ' + require('path').dirname(module.parent.filename));
      console.log('> hidden ' + process.env.PANDORA_WORKER + ' ' + process.env.NODE_CHANNEL_FD);
      console.log('> process ' + JSON.parse(process.env.PANDORA_PROCESS_REPRESENTATION).processName);
      console.log('> cluster ' + require('cluster').isPrimary);
      process.on('message', (message) => process.send({ echo: message }));`,
  });
  const worker = launch(dir, { name: 'web', entryFile: './app.js', args: ['--port', '1'] });
  assert.deepStrictEqual((await worker.next('ready')).services, 0);
  assert.deepStrictEqual(worker.lines(), [
    'argv ./app.js --port 1', `origin ${BOOTSTRAP}`, `main false ${BOOTSTRAP}`, `parent ${dir}`,
    'hidden undefined undefined', 'process web', 'cluster true',
  ]);
  const echo = new Promise((resolve) => worker.child.once('message', resolve));
  worker.send('ping', { id: 7 });
  worker.child.send('hello');
  assert.deepStrictEqual(await echo, { echo: 'hello' }, 'our messages are not the application\'s');
  assert.strictEqual((await worker.next('pong')).id, 7);
  await stop(worker);
});

test('entries: directory, package, ES modules', async (t) => {
  const dir = folder({
    'procfile.js': NO_SERVICES,
    'index.js': "console.log('> directory');",
    'node_modules/framework/package.json': '{"name":"framework","exports":{"./server":"./lib/server.js"}}',
    'node_modules/framework/lib/server.js': "console.log('> package');",
    'plain.mjs': "import fs from 'node:fs'; await null; console.log('> mjs ' + typeof fs.readFileSync);",
    'untyped.cjs': "console.log('> cjs');",
    'esm/package.json': '{"type":"module"}',
    'esm/app.js': "await null; console.log('> type module ' + import.meta.url.startsWith('file:'));",
  });
  const cases = {
    './': 'directory', 'framework/server': 'package', './plain.mjs': 'mjs function',
    './untyped.cjs': 'cjs', './esm/app.js': 'type module true', [path.join(dir, 'index.js')]: 'directory',
  };
  await Promise.all(Object.entries(cases).map(([entryFile, line]) => t.test(entryFile, async () => {
    const worker = launch(dir, { entryFile });
    await worker.next('ready');
    assert.deepStrictEqual(worker.lines(), [line]);
    await stop(worker);
  })));
});

test('ES modules as service and as cluster entry', async () => {
  const dir = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.service('a', './a.mjs'); pandora.cluster('./app.mjs'); };",
    'a.mjs': "export default class { start() { console.log('> a'); } static dependencies = ['b']; }",
    'app.mjs': "await null; console.log('> app');",
  });
  assert.strictEqual((await failure(dir)).message, 'Could not found service id: b', 'static dependencies count');
  const without = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.service('a', './a.mjs'); pandora.cluster('./app.mjs'); };",
    'a.mjs': "export default class { start() { console.log('> a'); } }",
    'app.mjs': "await null; console.log('> app');",
  });
  const worker = launch(without);
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['a', 'app']);
  await stop(worker);
});

test('what fails before ready is reported, and the worker exits 1', async (t) => {
  const dir = folder({
    'procfile.js': NO_SERVICES,
    'missing.js': "require('./gone');",
    'throws.js': "throw Object.assign(new TypeError('bad entry'), { code: 'E_BAD' });",
    'syntax.js': 'const = 1;',
    'string.js': "throw 'just text';",
    'rejects.mjs': "await Promise.reject(new Error('rejected'));",
    'later.js': "process.nextTick(() => { throw new Error('in the next tick'); });",
    'unhandled.js': "Promise.reject(new Error('nobody cares'));",
    'nested.js': "console.log('> once'); require('./nested.mjs');",
    'nested.mjs': 'await null;',
  });
  const cases = {
    './nope.js': { name: 'Error', message: /Cannot find module '.\/nope.js'/, code: 'MODULE_NOT_FOUND' },
    './missing.js': { message: /Cannot find module '.\/gone'/ },
    './throws.js': { name: 'TypeError', message: /bad entry/, code: 'E_BAD' },
    './syntax.js': { name: 'SyntaxError', message: /Unexpected token/ },
    './string.js': { message: /thrown: 'just text'/ },
    './rejects.mjs': { message: /rejected/ },
    './later.js': { message: /in the next tick/ },
    './unhandled.js': { message: /nobody cares/ },
    './nested.js': { message: /require\(\)/, once: true },
  };
  await Promise.all(Object.entries(cases).map(([entryFile, want]) => t.test(entryFile, async () => {
    const error = await failure(dir, { entryFile });
    assert.match(error.message, want.message);
    if (want.name) assert.strictEqual(error.name, want.name);
    if (want.code) assert.strictEqual(error.code, want.code);
    if (want.once) assert.strictEqual(error.output.split('> once').length, 2, 'the entry runs once');
  })));
});

test('procfile problems are reported', async () => {
  const throws = await failure(folder({ 'procfile.js': "module.exports = () => { throw new Error('bad procfile'); };" }));
  assert.strictEqual(throws.message, 'bad procfile');
  const dir = folder({ 'procfile.js': 'module.exports = { a: 1 };' });
  assert.strictEqual((await failure(dir)).message,
    `The procfile should export a function, during loading ${path.join(dir, 'procfile.js')}`);
});

test('an application that handles uncaught exceptions lives on', async () => {
  const dir = folder({
    'procfile.js': NO_SERVICES,
    'app.js': "process.on('uncaughtException', (error) => console.log('> ' + error.message)); process.nextTick(() => { throw new Error('mine'); });",
  });
  const worker = launch(dir, { entryFile: './app.js' });
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['mine']);
  await stop(worker);
});

test('an uncaught exception after ready ends the worker as Node does', async () => {
  const dir = folder({
    'procfile.js': NO_SERVICES,
    'app.js': "process.on('message', () => { throw new Error('later'); });",
  });
  const worker = launch(dir, { entryFile: './app.js' });
  await worker.next('ready');
  worker.child.send('now');
  assert.deepStrictEqual(await worker.end(), { code: 1, signal: null });
  assert.match(worker.output, /Error: later/);
  const told = await worker.next('uncaught');
  assert.deepStrictEqual([told.origin, told.handled, told.error.name, told.error.message], ['uncaughtException', false, 'Error', 'later']);
  assert.match(told.error.stack, /app\.js:1:/);
  assert.deepStrictEqual(worker.messages, []);
});

test('what nobody catches is told, and changes nothing', async (t) => {
  const long = "'x'.repeat(1e6)";
  const cases = {
    "Promise.reject(new TypeError('no'))": { origin: 'unhandledRejection', handled: false, code: 1, message: /^no$/ },
    "Promise.reject('text')": { origin: 'unhandledRejection', handled: false, code: 1, message: /"text"/ },
    [`throw new Error(${long})`]: { origin: 'uncaughtException', handled: false, code: 1, message: /^x{4000}$/ },
    'throw null': { origin: 'uncaughtException', handled: false, code: 1, message: /^thrown: null$/ },
    "process.on('uncaughtException', () => process.exit(3)); throw new Error('mine')":
      { origin: 'uncaughtException', handled: true, code: 3, message: /^mine$/ },
    "process.setUncaughtExceptionCaptureCallback(() => process.exit(4)); throw new Error('captured')":
      { origin: 'uncaughtException', handled: true, code: 4, message: /^captured$/ },
    "throw { get message() { throw new Error('no message'); } }": { code: 1 },
  };
  await Promise.all(Object.entries(cases).map(([source, want]) => t.test(source, async () => {
    const dir = folder({ 'procfile.js': NO_SERVICES, 'app.js': `process.on('message', () => { ${source} });` });
    const worker = launch(dir, { entryFile: './app.js' });
    await worker.next('ready');
    worker.child.send('now');
    assert.deepStrictEqual(await worker.end(), { code: want.code, signal: null });
    if (!want.origin) {
      assert.deepStrictEqual(worker.messages, []);
      return;
    }
    const told = await worker.next('uncaught');
    assert.deepStrictEqual([told.origin, told.handled], [want.origin, want.handled]);
    assert.match(told.error.message, want.message);
  })));
});

test('an error that the application handles while it starts is told, and not its end', async () => {
  const dir = folder({
    'procfile.js': NO_SERVICES,
    'app.js': "process.on('uncaughtException', () => {}); setImmediate(() => { throw Object.assign(new Error('bind'), { code: 'EADDRINUSE', syscall: 'listen', address: '::', port: 80 }); });",
  });
  const worker = launch(dir, { entryFile: './app.js' });
  const { error, handled } = await worker.next('uncaught');
  assert.deepStrictEqual([handled, error.code, error.syscall, error.address, error.port], [true, 'EADDRINUSE', 'listen', '::', 80]);
  await worker.next('ready');
  await stop(worker);
});

test('a worker with nothing to do stays, and ends when its guard is gone', async () => {
  const worker = launch(folder({ 'procfile.js': NO_SERVICES }));
  await worker.next('ready');
  for (let id = 0; id < 3; id += 1) {
    worker.send('ping', { id });
    assert.strictEqual((await worker.next('pong')).id, id);
  }
  worker.child.disconnect();
  assert.deepStrictEqual(await worker.end(), { code: 0, signal: null });
});

test('without services a signal is the application\'s own', async () => {
  const app = `
    const http = require('http');
    const server = http.createServer((request, response) => response.end('x'));
    server.listen(0, '127.0.0.1', () => console.log('> up'));`;
  const plain = launch(folder({ 'procfile.js': NO_SERVICES, 'app.js': app }), { entryFile: './app.js' });
  await plain.next('ready');
  plain.child.kill('SIGTERM');
  assert.deepStrictEqual(await plain.end(), { code: null, signal: 'SIGTERM' });

  const graceful = launch(folder({
    'procfile.js': NO_SERVICES,
    'app.js': `${app}
      process.on('SIGTERM', () => server.close((error) => setTimeout(() => console.log('> cleaned up ' + error), 100)));`,
  }), { entryFile: './app.js' });
  await graceful.next('ready');
  await graceful.printed('up');
  graceful.send('drain', { timeoutMs: 5000 });
  await graceful.next('drained');
  graceful.child.kill('SIGTERM');
  assert.deepStrictEqual(await graceful.end(), { code: 0, signal: null }, 'it ends by itself once it has cleaned up');
  assert.deepStrictEqual(graceful.lines(), ['up', 'cleaned up undefined']);
});

test('closing the channel while the application cleans up does not cut it short', async () => {
  const worker = launch(folder({
    'procfile.js': NO_SERVICES,
    'app.js': "process.on('SIGTERM', () => setTimeout(() => console.log('> cleaned up'), 300));",
  }), { entryFile: './app.js' });
  await worker.next('ready');
  worker.send('drain', { timeoutMs: 1000 });
  await worker.next('drained');
  worker.child.kill('SIGTERM');
  worker.child.disconnect();
  assert.deepStrictEqual(await worker.end(), { code: 0, signal: null });
  assert.deepStrictEqual(worker.lines(), ['cleaned up']);
});

test('without a guard the script says what it is', () => {
  const dir = folder();
  const env = environment(dir);
  delete env.PANDORA_WORKER;
  const alone = spawnSync(process.execPath, [BOOTSTRAP], { env, encoding: 'utf8' });
  assert.strictEqual(alone.status, 1);
  assert.match(alone.stderr, /PANDORA_WORKER expects the JSON that a guard sets/);
  env.PANDORA_WORKER = '{"appName":"demo","appDir":"/nowhere"}';
  const half = spawnSync(process.execPath, [BOOTSTRAP], { env, encoding: 'utf8' });
  assert.strictEqual(half.status, 1);
  assert.match(half.stderr, /The field processName required by ProcessBootstrap/);
});

