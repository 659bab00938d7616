'use strict';

// The hook for errors: what is told and reported, and that nothing else changes.

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { Daemon } = require('./node-daemon');
const { folder, launch, stop, until } = require('./node-helper');

const HOOK = path.resolve(__dirname, '../node/errors.js');

/** Runs code in a process with the hook; `reports` collects what it reports and is printed at the end. */
function run(code, { env = {}, hook = undefined, execArgv = [] } = {}) {
  const result = spawnSync(process.execPath, [...execArgv, '-e', `
    const reports = [];
    require(process.argv[1]).installErrors({ report: (payload) => reports.push(payload), hook: ${JSON.stringify(hook)} });
    process.on('exit', () => process.stdout.write('\\n' + JSON.stringify(reports)));
    ${code}`, HOOK], { encoding: 'utf8', env: { ...process.env, NODE_TEST_CONTEXT: '', ...env } });
  const at = result.stdout.lastIndexOf('\n');
  return { ...result, stdout: result.stdout.slice(0, at), reports: JSON.parse(result.stdout.slice(at + 1)) };
}

test('console.error is reported with the fields of the original, and prints as ever', () => {
  const { reports, stderr, stdout } = run(`
    console.error('text %s', 1, { a: 1 });
    console.error(Object.assign(new TypeError('typed'), { code: 'C' }));
    console.error();
    console.error('Unhandled promise rejection, they say');
    console.warn('a warning');
    const { error } = console;
    error.call(undefined, 'without this');
    console.log(console.error.name, console.error.length, Object.keys(console).includes('error'));`);
  assert.deepStrictEqual(reports.map(({ timestamp, stack, ...rest }) => rest), [
    { method: 'error', errType: 'Error', message: 'text 1 { a: 1 }', traceId: '', path: 'console' },
    { method: 'error', errType: 'TypeError', message: 'typed', traceId: '', path: 'console' },
    { method: 'error', errType: 'Error', message: '', traceId: '', path: 'console' },
    { method: 'error', errType: 'Error', message: 'Unhandled promise rejection, they say', traceId: '', path: 'console' },
    { method: 'error', errType: 'Error', message: 'without this', traceId: '', path: 'console' },
  ]);
  for (const { timestamp, stack } of reports) {
    assert.ok(Math.abs(Date.now() - timestamp) < 60000);
    assert.match(stack, /^(Type)?Error.*\n {4}at \[eval\]/);
  }
  assert.match(stderr, /^text 1 \{ a: 1 \}\nTypeError: typed\n( {4}at .*\n)* {4}at .* \{\n {2}code: 'C'\n\}\n\nUnhandled promise rejection, they say\na warning\nwithout this\n$/);
  assert.strictEqual(stdout, 'error 0 true\n');
});

test('what nobody caught is reported once, and ends the process as without the hook', async (t) => {
  const cases = [
    ["throw new RangeError('thrown');", 'uncaughtException', 'RangeError', 'thrown'],
    ["Promise.reject(new TypeError('rejected'));", 'unhandledRejection', 'TypeError', 'rejected'],
    ["throw 'a text';", 'uncaughtException', 'Error', 'a text'],
    ['throw null;', 'uncaughtException', 'Error', 'null'],
    ["Promise.reject('a text');", 'unhandledRejection', 'UnhandledPromiseRejection', /reason "a text"/],
  ];
  await Promise.all(cases.map(([code, method, errType, message]) => t.test(code, () => {
    const { status, reports, stderr } = run(code);
    const bare = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
    assert.strictEqual(status, bare.status);
    const shown = (text) => text.split('\n').map((line) => line.trim()).filter((line) => !/^at |^\[eval\]/.test(line));
    assert.deepStrictEqual(shown(stderr), shown(bare.stderr));
    assert.strictEqual(reports.length, 1);
    assert.strictEqual(reports[0].method, method);
    assert.strictEqual(reports[0].path, method);
    assert.strictEqual(reports[0].errType, errType);
    assert.match(reports[0].message, message instanceof RegExp ? message : new RegExp(`^${message}$`));
  })));
  const handled = run(`
    process.on('uncaughtException', (error) => console.error(error));
    process.on('unhandledRejection', (error) => console.error(error));
    Promise.reject(new Error('handled rejection'));
    setTimeout(() => { throw new Error('handled exception'); }, 1);`);
  assert.strictEqual(handled.status, 0);
  assert.deepStrictEqual(handled.reports.map(({ method, message }) => `${method} ${message}`),
    ['error handled rejection', 'uncaughtException handled exception']);
});

test('others listen, and tell errors of their own; warnings are for them alone', () => {
  const { reports, stdout, stderr } = run(`
    process.on('PANDORA_PROCESS_MESSAGE_LOGGER', ({ method, message }) => {
      console.log(method, message);
      console.error('a listener that logs');
      if (message === 'bad') throw new Error('a bad listener');
    });
    console.warn('careful');
    console.error('wrong');
    console.error('bad');
    console.error({ get a() { throw new Error('hostile'); }, [require('util').inspect.custom]() { return 'hostile'; } });
    process.emit('PANDORA_PROCESS_MESSAGE_LOGGER', { method: 'error', message: 'told', path: 'elsewhere' });
    process.emit('PANDORA_PROCESS_MESSAGE_LOGGER', { method: 'info', message: 'not reported' });`);
  assert.deepStrictEqual(reports.map(({ message, path: where }) => `${message} ${where}`),
    ['wrong console', 'bad console', 'hostile console', 'told elsewhere', 'a listener that logs console', 'a listener that logs console']);
  assert.match(stdout, /^warn careful\nerror wrong\nerror bad\nerror hostile\nerror told\n/);
  assert.match(stderr, /^a listener that logs\ncareful\na listener that logs\nwrong\n/);
});

test('a flood is reported in part, with the number of the rest', () => {
  const { reports, stderr } = run(`
    for (let i = 0; i < 5000; i++) console.error('error ' + i);
    const { now } = Date;
    Date.now = () => now() + 200; // by then some more may be reported
    console.error('the last');`);
  assert.strictEqual(stderr.split('\n').length, 5002);
  assert.ok(reports.length > 100 && reports.length < 1000, `${reports.length} reports`);
  assert.strictEqual(reports.length + reports.reduce((sum, { suppressed = 0 }) => sum + suppressed, 0), 5001);
  const [long] = run("console.error('x'.repeat(100000))").reports;
  assert.ok(long.message.length + long.stack.length < 40000);
});

test('it can be switched off', () => {
  for (const options of [{ env: { PANDORA_ERROR_HOOK: 'off' } }, { hook: { global: { enabled: false } } }, { hook: { global: false } }]) {
    const { reports, stderr, status } = run("console.error('printed'); throw new Error('x');", options);
    assert.deepStrictEqual(reports, [], JSON.stringify(options));
    assert.match(stderr, /^printed\n/);
    assert.strictEqual(status, 1);
  }
  assert.strictEqual(run("console.error('x')", { hook: { global: { enabled: true } } }).reports.length, 1);
});

test('a worker reports to the daemon: what it prints, what its loggers write, and its end', async () => {
  const dir = folder({
    'procfile.js': `class A {
      constructor(context) { this.context = context; }
      start() {
        this.context.logger.error(new RangeError('from the logger'));
        this.context.logger.warn('not this');
        const own = this.context.getService('logger').createLogger('own', { dir: __dirname, level: 'NONE', stdoutLevel: 'NONE' });
        own.error('from %s', 'own');
      }
    }
    module.exports = (pandora) => { pandora.service('a', A); };`,
    'app.js': `console.error('from the console');
      process.on('message', () => { throw new SyntaxError('the end'); });`,
  });
  const daemon = new Daemon(dir);
  await daemon.listen();
  const worker = launch(dir, { entryFile: './app.js' });
  await worker.next('ready');
  const reports = () => daemon.packets.filter(({ action }) => action.startsWith('MESSENGER_UPLINK_demo_error_')).map(({ data }) => data);
  await until(() => reports().length === 3, 'reports');
  worker.child.send('end');
  assert.strictEqual((await worker.end()).code, 1);
  await until(() => reports().length === 4, 'the last report');
  for (const { appName, pid, host } of reports()) {
    assert.deepStrictEqual([appName, pid, host], ['demo', worker.child.pid, os.hostname()]);
  }
  assert.deepStrictEqual(reports().map(({ method, errType, message, path: where }) => [method, errType, message, where]), [
    ['error', 'RangeError', 'from the logger', path.join(dir, 'logs/demo/service.log')],
    ['error', 'Error', 'from own', path.join(dir, 'own.log')],
    ['error', 'Error', 'from the console', 'console'],
    ['uncaughtException', 'SyntaxError', 'the end', 'uncaughtException'],
  ]);
  await daemon.close();
  const off = launch(dir, { entryFile: './app.js', config: { hook: { global: { enabled: false } } } });
  await off.next('ready');
  await stop(off);
});

test('errors that an application logs by egg-logger are reported, each once', async (t) => {
  const packages = [
    path.resolve(__dirname, '../../.cache/apps/node_modules'),
    path.resolve(__dirname, '../../.cache/clients/node_modules'),
  ];
  await Promise.all(packages.map((modules) => t.test(path.relative(path.resolve(__dirname, '../..'), modules), async () => {
    if (!fs.existsSync(path.join(modules, 'egg-logger'))) {
      assert.notStrictEqual(process.env.CI, 'true', 'run make deps');
      t.diagnostic('egg-logger is not installed: run make deps');
      return;
    }
    const dir = folder({
      'procfile.js': 'module.exports = () => {};',
      'app.js': `
        const { EggLogger } = require('egg-logger');
        const make = (name) => new EggLogger({ file: __dirname + '/' + name, level: 'INFO' });
        const [logger, other] = [make('a.log'), make('b.log')];
        logger.info('no error');
        logger.error(new TypeError('one'));
        logger.error('number %d', 2);
        logger.redirect('error', other);
        logger.error('three');
        if (other.duplicate) {
          const third = make('c.log');
          third.duplicate('error', other);
          third.error('four');
        } else {
          other.error('four');
        }
        require('egg-logger');`,
    });
    fs.symlinkSync(modules, path.join(dir, 'node_modules'));
    const daemon = new Daemon(dir);
    await daemon.listen();
    const worker = launch(dir, { entryFile: './app.js' });
    await worker.next('ready');
    const reports = () => daemon.packets.filter(({ action }) => action.startsWith('MESSENGER_UPLINK_demo_error_')).map(({ data }) => data);
    await until(() => reports().length === 4, 'reports');
    await stop(worker);
    assert.deepStrictEqual(reports().map(({ method, errType, message, path: where }) => [method, errType, message, path.basename(where)]), [
      ['error', 'TypeError', 'one', 'a.log'], ['error', 'Error', 'number 2', 'a.log'],
      ['error', 'Error', 'three', 'b.log'], ['error', 'Error', 'four', 'b.log'],
    ]);
    await daemon.close();
  })));
});
