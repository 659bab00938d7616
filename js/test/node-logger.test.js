'use strict';

// Loggers: what they write beside those of the original, that no line is lost, and the service that makes them.

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { folder, launch, stop } = require('./node-helper');

const OURS = path.resolve(__dirname, '../node/logger/index.js');
const NPM = path.resolve(__dirname, '../../.cache/clients/node_modules/pandora-service-logger');

/** Runs code with DefaultLoggerManager of a module, and returns how it ended and what it wrote. */
function run(module, code, env = {}) {
  const dir = folder();
  const { FORCE_COLOR, COLORTERM, EGG_LOG, PANDORA_TMP_DIR, ...inherited } = process.env;
  const result = spawnSync(process.execPath, ['--no-deprecation', '-e', `
    const { DefaultLoggerManager, LoggerService, LoggerManager } = require(process.argv[1]);
    const dir = process.argv[2];
    ${code}`, module, dir], {
    encoding: 'utf8',
    env: { ...inherited, NODE_ENV: 'test', DO_NOT_CONNECT_MONITOR: '1', NODE_TEST_CONTEXT: '', TERM: 'dumb', ...env },
  });
  /** @type {Record<string, string>} */
  const files = {};
  for (const name of fs.readdirSync(dir)) files[name] = fs.readFileSync(path.join(dir, name), 'utf8');
  return { ...result, dir, files };
}

/** Replaces what differs between two runs. */
function normal(result) {
  const text = (value) => value
    .replaceAll(result.dir, '<dir>').replaceAll(String(result.pid), '<pid>')
    .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} /mg, '<time> ');
  return {
    status: result.status, signal: result.signal, stdout: text(result.stdout), stderr: text(result.stderr),
    files: Object.fromEntries(Object.entries(result.files).map(([name, value]) => [name, text(value)])),
  };
}

const INPUTS = `
  const coded = Object.assign(new Error('coded'), { code: 'E_CODE' });
  const named = Object.assign(new TypeError('typed'), { code: 'E_CODE', nested: { deep: { deeper: { deepest: 1 } }, list: [1, 2, 3] }, text: 'a\\nb' });
  const own = Object.assign(new Error('own name'), { name: 'OwnError', code: 7 });
  const missing = (() => { try { require('fs').readFileSync('/missing/file'); } catch (error) { return error; } })();
  const lines = new Error('first\\nsecond\\nthird');
  const bare = new Error('no stack');
  bare.stack = '';
  const inputs = [
    ['text'], ['%s and %d, %j', 'one', 2, { three: 3 }, 'more'], [{ an: 'object', list: [1, [2, [3, [4]]]] }], [null], [undefined], [0], [''], [],
    ['100%'], ['two\\nlines'], ['späße 漢字'], [Symbol('s')], [12n], [() => 1],
    [new Error('plain')], [new Error('with more'), 'left', 'out'], ['%s', new Error('inside').message],
    [coded], [named], [own], [missing], [lines], [bare], [new (class Special extends Error {})('subclass')],
  ];`;

test('lines, levels and events are the original\'s', async (t) => {
  const code = `${INPUTS}
    const manager = DefaultLoggerManager.getInstance();
    const events = [];
    // An empty message is an empty Buffer in the original.
    manager.on('log', ({ args, formattedMessage, ...event }) => events.push({ ...event, args: args.length, text: String(formattedMessage) }));
    const logger = manager.createLogger('all', { dir, level: 'ALL', stdoutLevel: 'WARN', emitterLevel: 'ERROR' });
    for (const input of inputs) for (const level of ['debug', 'info', 'warn', 'error']) logger[level](...input);
    logger.write('raw');
    logger.write('%s of %d', 'raw', 2);
    for (const level of ['ALL', 'DEBUG', 'info', 'Warn', 'ERROR', 'NONE']) {
      const one = manager.createLogger('level-' + level, { dir, level, stdoutLevel: level, emitterLevel: level, eol: '|\\n', name: level + '.txt' });
      for (const method of ['debug', 'info', 'warn', 'error']) one[method](method, level);
      one.write('raw %s', level);
    }
    logger.redirect('error', manager.createLogger('redirected', { dir, level: 'INFO', stdoutLevel: 'NONE' }));
    logger.error('elsewhere');
    logger.log('WARN', ['by its level']);
    manager.createLogger('empty', { dir });
    const closed = manager.createLogger('deep', { dir: dir + '/not/there', level: 'INFO', stdoutLevel: 'NONE' });
    closed.info('in a new folder');
    closed.reload();
    setTimeout(() => {
      for (const one of manager.loggerMap.values()) one.get('file').flush();
      setTimeout(() => {
        require('fs').writeFileSync(dir + '/events', JSON.stringify(events, null, 1));
        require('fs').renameSync(dir + '/not/there/deep.log', dir + '/deep');
        require('fs').rmdirSync(dir + '/not/there');
        require('fs').rmdirSync(dir + '/not');
        process.exit();
      }, 100);
    }, 100);`;
  const ours = normal(run(OURS, code));
  assert.strictEqual(ours.stderr.includes('Warning'), false, ours.stderr);
  assert.match(ours.files['all.log'], /^<time> DEBUG <pid> text\n<time> INFO <pid> text\n<time> WARN <pid> text\n<time> ERROR <pid> text\n<time> DEBUG <pid> one and 2, {"three":3} more\n/);
  assert.match(ours.files['all.log'], /<time> ERROR <pid> nodejs.E_CODEError: coded\n {4}at .*\n(.*\n)*?code: 'E_CODE'\nname: 'E_CODEError'\npid: <pid>\nhostname: /);
  if (!fs.existsSync(NPM)) {
    assert.notStrictEqual(process.env.CI, 'true', 'run make deps');
    t.diagnostic('not compared with the original: run make deps');
    return;
  }
  const npm = normal(run(NPM, code));
  // Ours makes no file where nothing is ever written.
  assert.strictEqual(npm.files['NONE.txt'], '');
  delete npm.files['NONE.txt'];
  assert.deepStrictEqual(ours, npm);
});

test('an error is not changed by being logged; what cannot be shown harms nobody', () => {
  const { files, stderr } = run(OURS, `
    const logger = DefaultLoggerManager.getInstance().createLogger('a', { dir, stdoutLevel: 'NONE', level: 'loud' });
    const error = Object.assign(new Error('m'), { code: 'C', host: 'h' });
    logger.error(error);
    logger.error(error);
    logger.error(Object.defineProperty(new Error('x'), 'bad', { enumerable: true, get() { throw new Error('no way'); } }));
    logger.info('below the default');
    console.log(error.name, error.message, Object.keys(error).join());`);
  assert.strictEqual(files['a.log'].match(/^.* nodejs\.CError: m \(h\)$/mg)?.length, 2);
  assert.match(files['a.log'], /\[what was logged cannot be shown: no way\]\n$/);
  assert.match(stderr, /expected a level of ALL, DEBUG, INFO, WARN, ERROR, NONE, got 'loud'; WARN is used/);
});

test('no line is lost however the process ends', async (t) => {
  const logger = "const logger = DefaultLoggerManager.getInstance().createLogger('a', { dir, level: 'INFO', stdoutLevel: 'NONE' });";
  const burst = "for (let i = 0; i < 100; i++) logger.info('line ' + i);";
  /** Sends itself the signal as soon as the 100 lines have been handed to the system. */
  const then = (signal) => `
    const fs = require('fs');
    const { appendFileSync } = fs;
    let lines = 0;
    fs.appendFileSync = (file, text, ...rest) => {
      appendFileSync(file, text, ...rest);
      lines += text.split('\\n').length - 1;
      if (lines === 100) process.kill(process.pid, '${signal}');
    };
    setTimeout(() => {}, 60000);`;
  const cases = {
    'process.exit()': [`${logger} ${burst} process.exit(3);`, { status: 3 }],
    'the end': [`${logger} ${burst}`, { status: 0 }],
    'an uncaught exception': [`${logger} ${burst} throw new Error('x');`, { status: 1 }],
    'an unhandled rejection': [`${logger} ${burst} Promise.reject(new Error('x'));`, { status: 1 }],
    'a signal that nobody handles': [`${logger} ${burst} ${then('SIGTERM')}`, { signal: 'SIGTERM' }],
    'SIGKILL a moment after': [`${logger} ${burst} ${then('SIGKILL')}`, { signal: 'SIGKILL' }],
    'a line at exit': [`${logger} process.on('exit', () => { ${burst} }); logger.info('first');`, { status: 0 }, 101],
    'more than is kept in memory': [`${logger} for (let i = 0; i < 100; i++) logger.info('x'.repeat(10000)); process.kill(process.pid, 'SIGKILL');`, { signal: 'SIGKILL' }, 50],
  };
  await Promise.all(Object.entries(cases).map(([name, [code, ended, lines = 100]]) => t.test(name, () => {
    const result = run(OURS, code);
    for (const [key, value] of Object.entries(ended)) assert.strictEqual(result[key], value, result.stderr);
    const written = result.files['a.log'].trimEnd().split('\n').length;
    if (lines === 50) assert.ok(written >= lines, `${written} lines`);
    else assert.strictEqual(written, lines);
  })));
});

test('a file that was renamed or whose folder was removed is made again; one that cannot be written is told once', () => {
  const { files, stderr } = run(OURS, `
    const fs = require('fs');
    const manager = DefaultLoggerManager.getInstance();
    const logger = manager.createLogger('a', { dir: dir + '/sub', level: 'INFO', stdoutLevel: 'NONE' });
    logger.info('one');
    logger.get('file').flush();
    fs.renameSync(dir + '/sub/a.log', dir + '/old');
    logger.info('two');
    logger.get('file').flush();
    fs.renameSync(dir + '/sub/a.log', dir + '/middle');
    manager.reload();
    fs.renameSync(dir + '/sub/a.log', dir + '/empty');
    fs.rmdirSync(dir + '/sub');
    logger.info('three');
    logger.get('file').flush();
    fs.renameSync(dir + '/sub/a.log', dir + '/new');
    fs.rmdirSync(dir + '/sub');
    fs.writeFileSync(dir + '/sub', '');
    for (let i = 0; i < 3; i++) { logger.info('lost'); logger.get('file').flush(); }
    try { manager.reload('nobody'); } catch (error) { fs.writeFileSync(dir + '/error', error.message); }`);
  assert.match(files.old, /^.* one\n$/);
  assert.match(files.middle, /^.* two\n$/);
  assert.strictEqual(files.empty, '');
  assert.match(files.new, /^.* three\n$/);
  assert.strictEqual(files.error, 'Could not found logger uuid nobody');
  assert.strictEqual(stderr.match(/log file .*sub\/a.log cannot be written, its lines are lost until it can/g)?.length, 1);
});

test('transports can be added, found and switched off', () => {
  const { stdout, files } = run(OURS, `
    const logger = DefaultLoggerManager.getInstance().createLogger('a', { dir, level: 'INFO', stdoutLevel: 'NONE' });
    logger.set('mine', { shouldLog: (level) => level === 'ERROR', log: (level, args) => console.log(level, args[0]), reload() { console.log('reload'); }, close() {} });
    logger.error('both');
    logger.disable('file');
    logger.error('mine alone');
    logger.reload();
    logger.enable('file');
    logger.level = 'DEBUG';
    logger.consoleLevel = 'DEBUG';
    logger.debug('now too');
    logger.log('as information %d', 1);
    logger.unredirect('error');
    logger.close();
    logger.info('closed');`);
  assert.deepStrictEqual(stdout.split('\n').map((line) => line.replace(/^.* (DEBUG|INFO) \d+/, '$1')),
    ['ERROR both', 'ERROR mine alone', 'reload', 'DEBUG now too', 'INFO as information 1', 'INFO closed', '']);
  assert.deepStrictEqual(files['a.log'].split('\n').map((line) => line.replace(/^.* \d+ /, '')), ['both', 'now too', 'as information 1', '']);
});

test('the service logger: loggers of its configuration, created ones, and its errors', async () => {
  const dir = folder({
    'procfile.js': `
      const logs = __dirname + '/own';
      class A {
        constructor(context) { this.context = context; }
        start() {
          const service = this.context.getService('logger');
          service.getLogger('configured').warn('from the configuration');
          service.createLogger('made', { dir: logs, name: 'other.txt', level: 'INFO' }).info('created %d', 1);
          for (const what of ['missing', 'made', 'nowhere']) {
            try { what === 'missing' ? service.getLogger(what) : service.createLogger(what, {}); } catch (error) { console.log('> ' + error.message); }
          }
          console.log('> ' + (service.getLogger('made') === service.loggerMap.get('made')));
        }
      }
      module.exports = (pandora) => {
        pandora.service('logger').config({ loggers: { configured: { dir: logs, stdoutLevel: 'NONE' } } });
        pandora.service('a', A).dependency('logger');
      };`,
  });
  const worker = launch(dir);
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), [
    'Could not found logger named missing',
    'Logger named made already has',
    'logger nowhere: dir expects the folder for its file, got undefined',
    'true',
  ]);
  await stop(worker);
  assert.match(fs.readFileSync(path.join(dir, 'own/configured.log'), 'utf8'), /^\S+ \S+ WARN \d+ from the configuration\n$/);
  assert.match(fs.readFileSync(path.join(dir, 'own/other.txt'), 'utf8'), /^\S+ \S+ INFO \d+ created 1\n$/);
});

/** The lines of a log without time and pid. */
function logged(file) {
  return fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => line.replace(/^\S+ \S+ (\w+) \d+ /, '$1 '));
}

const CHATTY = `
  class Chatty {
    constructor(context) {
      const { logger } = context;
      logger.debug('d'); logger.info('i %s', 1); logger.log('l'); logger.warn('w'); logger.error('e'); logger.write('raw');
      logger.info({ no: 'prefix' });
    }
  }`;

test('services log to one file, with their names', async () => {
  const dir = folder({
    'procfile.js': `${CHATTY} module.exports = (pandora) => { pandora.service('a', Chatty); pandora.service('b', Chatty); };`,
  });
  const worker = launch(dir);
  await worker.next('ready');
  await stop(worker);
  const of = (name) => ['INFO', 'INFO', 'WARN', 'ERROR'].map((level, i) => `${level} [serviceName: ${name}, processName: worker] ${['i 1', 'l', 'w', 'e'][i]}`);
  assert.deepStrictEqual(logged(path.join(dir, 'logs/demo/service.log')),
    [...of('a'), 'raw', "INFO { no: 'prefix' }", ...of('b'), 'raw', "INFO { no: 'prefix' }"]);
  assert.deepStrictEqual(fs.readdirSync(path.join(dir, 'logs/demo')), ['service.log']);
});

test('the global configuration isolates the logs of services and sets their levels', async () => {
  const dir = folder({
    'procfile.js': `${CHATTY} module.exports = (pandora) => {
      for (const name of ['a', 'x/y', '../z', 'web-0', 'nodejs_stdout']) pandora.service(name, Chatty);
    };`,
  });
  const worker = launch(dir, { config: { logger: { isolatedServiceLogger: true, serviceLogger: { level: 'ERROR', stdoutLevel: 'WARN', eol: '.\n' } } } });
  await worker.next('ready');
  await stop(worker);
  assert.deepStrictEqual(fs.readdirSync(path.join(dir, 'logs/demo')).sort(),
    ['a.log', 'service_.._z.log', 'service_nodejs_stdout.log', 'service_web-0.log', 'x_y.log']);
  assert.deepStrictEqual(logged(path.join(dir, 'logs/demo/a.log')), ['ERROR [serviceName: a, processName: worker] e.', 'raw.']);
  assert.match(worker.output, /WARN \d+ \[serviceName: a, processName: worker\] w\.\n/);
});

test('a service of the first form has a file of its own, and its configurator the loggers', async () => {
  const dir = folder({
    'config/config.default.js': "exports.loggerService = { loggers: { early: { dir: process.cwd(), level: 'INFO' } } };",
    'procfile.js': "module.exports = (pandora) => { pandora.service('./chatty.js').process('worker'); pandora.service('./daemon.js').process('worker'); };",
    'chatty.js': `${CHATTY} module.exports = Chatty;`,
    'daemon.js': `module.exports = class Daemon {
      constructor({ logger }) { logger.info('of no daemon'); }
      start() { this.core.context.getService('logger').getLogger('early').info('there'); }
    };`,
  });
  const worker = launch(dir);
  await worker.next('ready');
  await stop(worker);
  const prefix = '[appName: demo, processName: worker, workMode: worker] ';
  assert.deepStrictEqual(logged(path.join(dir, 'logs/pandorajs/chatty.log')).slice(0, 4),
    [`INFO ${prefix}i 1`, `INFO ${prefix}l`, `WARN ${prefix}w`, `ERROR ${prefix}e`]);
  assert.deepStrictEqual(logged(path.join(dir, 'logs/pandorajs/service_daemon.log')), [`INFO ${prefix}of no daemon`]);
  assert.deepStrictEqual(logged(path.join(dir, 'early.log')), ['INFO there']);
});

test('in dev the logs of services go to the terminal', async () => {
  const dir = folder({ 'procfile.js': `${CHATTY} module.exports = (pandora) => { pandora.service('a', Chatty); };` });
  const worker = launch(dir, { dev: true });
  await worker.next('ready');
  await stop(worker);
  assert.match(worker.output, /DEBUG \d+ \[serviceName: a, processName: worker\] d\n/);
  assert.strictEqual(fs.existsSync(path.join(dir, 'logs/demo/service.log')), false);
});
