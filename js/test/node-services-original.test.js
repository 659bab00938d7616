'use strict';

// The same procfiles under pandora@1.11.0 and here: what services do, and are told, in which order. What the original said
// is recorded in node-services-original.json; where it is installed (`make .cache/peers/.installed`) it is asked again.
// RECORD=1 writes what it says.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { order } = require('../node/service/order');
const { folder, launch, stop, until, Guarded } = require('./node-helper');

const RECORDED = path.join(__dirname, 'node-services-original.json');
const ORIGINAL = path.resolve(__dirname, '../../.cache/peers/node_modules/pandora/dist/application/ProcessBootstrap.js');

/** In front of each procfile: say() prints a line that is compared, loud() makes a class that tells what is done with it. */
const HEAD = `
  const say = (...all) => console.log('>', ...all);
  const loud = (name, dependencies) => {
    class Loud {
      constructor(context) { say('new', name, Object.keys(context.dependencies || {}).join()); this.context = context; }
      async start() { say('starting', name); await null; say('started', name); }
      async stop() { say('stopping', name); await null; say('stopped', name); }
    }
    if (dependencies) Loud.dependencies = dependencies;
    return Loud;
  };`;

/** @type {Record<string, {procfile: string, files?: Record<string, string>, process?: string}>} */
const CASES = {
  'by weight, cluster() last': { procfile: `
    pandora.cluster('./app.js');
    pandora.service('c', loud('c'));
    pandora.service('b', loud('b')).dependency('a');
    pandora.service('a', loud('a'));
    pandora.service('z', loud('z', ['a'])).dependency(['b', 'logger', 'a']);` },
  'two that wait for all others': { procfile: `
    pandora.cluster('./app.js');
    pandora.service('first', loud('first', ['all']));
    pandora.service('late', loud('late')).dependency('all').dependency('plain');
    pandora.service('plain', loud('plain'));
    pandora.cluster('./app.js');` },
  'a chain, backwards': { procfile: `
    for (let n = 5; n >= 0; n--) {
      const service = pandora.service('s' + n, loud('s' + n));
      if (n > 0) service.dependency('s' + (n - 1));
    }` },
  'dependencies by a getter, in a file, by inheritance': {
    procfile: `
      pandora.service('file', './file');
      pandora.service('child', class extends loud('child', ['base']) {});
      pandora.service('base', loud('base'));`,
    files: { 'file.js': `
      exports.default = class {
        static get dependencies() { return ['base', 'child']; }
        constructor(context) { console.log('> file', Object.keys(context.dependencies).join(), context.serviceName); }
      };` },
  },
  'config functions': { procfile: `
    const config = (name) => (context, literal) => {
      say('config', name, JSON.stringify(literal), ['appName', 'processName', 'env'].map((key) => context[key]).join(),
        ['appDir', 'environment', 'getService', 'getServiceClass', 'getHub', 'getProxy', 'publishObject'].map((key) => typeof context[key]).join(),
        context.config, context.getServiceClass('a') === A, context.getServiceClass('nope'));
      try { context.getService('a'); } catch (error) { say(error.message); }
      return { from: name };
    };
    class Show {
      constructor(context) { say('new', context.serviceName, JSON.stringify(context.config), JSON.stringify(context.representation.config)); }
    }
    class A extends Show {}
    pandora.service('b', Show).dependency('a').config({ port: 1 }).config(config('b'));
    pandora.service('a', A).config(config('a'));
    pandora.service('none', Show).config(() => undefined);
    pandora.service('zero', Show).config(() => 0);
    pandora.service('literal', Show).config({ x: [1] });
    pandora.service('bare', Show);` },
  'the context': { procfile: `
    class A {
      constructor(context) {
        say(Object.keys(context).join(' '));
        say(context.appName, context.processName, context.serviceName, context.env, context.hub, context.environment.match('development'));
        say(context.representation.serviceName, context.representation.category, context.representation.dependencies.join());
        say(context.getDependency('b') === context.dependencies.b, context.getDependency('nope'), context.getService('b').constructor === B);
        say(context.getServiceClass('b') === B, context.getServiceClass('all'), context.serviceCore.getService());
        for (const name of ['a', 'nope', 'later']) {
          try { context.getService(name); } catch (error) { say(error.message); }
        }
        this.context = context;
      }
      start() { say(this.context.getService('a') === this, this.context.serviceCore.getService() === this, typeof this.context.getService('logger').createLogger); }
      stop() { say(this.context.getService('b') instanceof B); }
    }
    class B {}
    pandora.service('a', A).dependency(['b', 'logger']);
    pandora.service('b', B);
    pandora.service('later', B).dependency('a');` },
  'sync, async and absent methods': { procfile: `
    pandora.service('absent', class {});
    pandora.service('sync', class { start() { say('start sync'); } stop() { say('stop sync'); } });
    pandora.service('thenable', class { start() { return { then(done) { setTimeout(() => { say('thenable'); done(); }, 20); } }; } });
    pandora.service('after', class { start() { say('start after'); } });` },
  'those of this process, of all, and those that ride along': {
    process: 'background',
    procfile: `
      pandora.service('w', loud('w'));
      pandora.service('bg', loud('bg')).process('background');
      pandora.service('everywhere', loud('everywhere')).process('all');
      pandora.service('along', loud('along')).process('weak-all').dependency('bg');
      pandora.service('bg2', loud('first')).process('background').name('twice');
      pandora.service('bg3', loud('second')).process('background').name('twice');` },
  'the entry after its services': {
    procfile: `pandora.fork('one', './entry.js'); pandora.service('a', loud('a')).process('one');`,
    process: 'one',
    files: { 'entry.js': "console.log('> entry');" },
  },
  cycle: { procfile: `
    pandora.service('a', loud('a')).dependency('b');
    pandora.service('b', loud('b')).dependency('c');
    pandora.service('c', loud('c')).dependency('a');` },
  'a cycle of one, found after a missing one': { procfile: `
    pandora.service('ok', loud('ok'));
    pandora.service('a', loud('a')).dependency(['ok', 'nope', 'a']);` },
  'a dependency on itself': { procfile: "pandora.service('a', loud('a')).dependency('a');" },
  'in another process': { procfile: `
    pandora.service('a', loud('a')).dependency('b');
    pandora.service('b', loud('b')).process('background');` },
  'all within a chain': { procfile: `
    pandora.service('a', loud('a')).dependency('all');
    pandora.service('b', loud('b')).dependency('a');` },
  'all within a longer chain, after others': { procfile: `
    pandora.service('c', loud('c')).dependency('b');
    pandora.service('b', loud('b')).dependency(['d', 'a']);
    pandora.service('a', loud('a')).dependency(['d', 'all']);
    pandora.service('d', loud('d'));` },
  'a start that fails': { procfile: `
    pandora.service('a', loud('a'));
    pandora.service('b', class { async start() { await null; throw new RangeError('no luck'); } }).dependency('a');
    pandora.service('c', loud('c')).dependency('b');` },
  'a config function that fails': { procfile: `
    pandora.service('a', loud('a'));
    pandora.service('b', loud('b')).config(() => { throw new Error('no config'); }).dependency('a');` },
  'a constructor that fails': { procfile: `
    pandora.service('a', loud('a'));
    pandora.service('b', class { constructor() { throw new Error('no room'); } });` },
};

/** @param {string} name */
function application(name) {
  const { procfile, files } = CASES[name];
  return folder({
    'procfile.js': `${HEAD}\nmodule.exports = (pandora) => {${procfile}\n};`, 'app.js': "console.log('> app');", ...files,
  });
}

/** @typedef {{lines: string[], error?: string}} Log */

/** @param {string} name @returns {Promise<Log>} */
async function here(name) {
  const worker = launch(application(name), { name: CASES[name].process, entryFile: CASES[name].process === 'one' ? './entry.js' : undefined });
  const message = await until(() => worker.messages.find(({ act }) => ['ready', 'error'].includes(act)), `end of the start (${worker.output})`);
  if (message.act === 'ready') {
    await stop(worker);
    return { lines: worker.lines() };
  }
  await worker.end();
  return { lines: worker.lines(), error: message.error.message };
}

/** Plays the original's daemon. @param {string} name @returns {Promise<Log>} */
async function original(name) {
  const dir = application(name);
  const home = folder();
  const processName = CASES[name].process ?? 'worker';
  const entry = processName === 'one' ? { entryFile: './entry.js', entryFileBaseDir: dir } : { entryFileBaseDir: null };
  const representation = { appName: 'demo', appDir: dir, processName, scale: 1, env: {}, args: [], execArgv: [], ...entry };
  const child = spawn(process.execPath, ['--no-deprecation', ORIGINAL, '--params', JSON.stringify(representation)], {
    cwd: dir,
    env: { PATH: process.env.PATH, HOME: home, PANDORA_TMP_DIR: home, SKIP_IPC_HUB: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const guarded = new Guarded(child);
  const failed = await new Promise((resolve, reject) => {
    child.on('message', (/** @type {any} */ { action }) => {
      if (action === 'process_ready') child.send({ action: 'shutdown' });
      if (action === 'finish_shutdown') resolve(false);
      if (action === 'process_error') resolve(true);
    });
    child.once('exit', () => reject(new Error(`the original ended by itself: ${guarded.output}`)));
  });
  child.kill('SIGTERM');
  await guarded.exited;
  if (!failed) return { lines: guarded.lines() };
  const [, error] = /** @type {RegExpExecArray} */ (/ ERROR \d+ nodejs\.\w+: (.*)/.exec(guarded.output));
  return { lines: guarded.lines(), error };
}

test('services are started, told and stopped as by the original', async (t) => {
  if (process.env.RECORD) {
    const recorded = {};
    for (const name of Object.keys(CASES)) recorded[name] = await original(name);
    fs.writeFileSync(RECORDED, `${JSON.stringify(recorded, null, 1)}\n`);
  }
  const recorded = JSON.parse(fs.readFileSync(RECORDED, 'utf8'));
  assert.deepStrictEqual(Object.keys(recorded), Object.keys(CASES));
  for (const name of Object.keys(CASES)) {
    await t.test(name, async () => assert.deepStrictEqual(await here(name), recorded[name]));
  }
});

/** @returns {string | false} why the original cannot be asked */
function unable() {
  if (!fs.existsSync(ORIGINAL)) return 'pandora@1.11.0 is not installed: make .cache/peers/.installed';
  try {
    /** @type {any} */ (process).binding('async_wrap');
    return false;
  } catch {
    return `pandora@1.11.0 does not run on Node ${process.version}`;
  }
}

const skip = unable();
test('the original still says what is recorded', { skip }, async (t) => {
  const recorded = JSON.parse(fs.readFileSync(RECORDED, 'utf8'));
  for (const name of Object.keys(CASES)) {
    await t.test(name, async () => assert.deepStrictEqual(await original(name), recorded[name]));
  }
});

test('any graph of services has the order, or the error, that it has in the original', { skip }, () => {
  process.env.HOME = folder(); // nothing of the original is written to a real one
  const { ServiceReconciler } = require(path.resolve(path.dirname(ORIGINAL), '../service/ServiceReconciler.js'));
  let seed = Date.now() % 2 ** 31;
  const first = seed;
  const random = (below) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  const outcome = (run) => { try { return run(); } catch (error) { return error.message; } };
  const seen = { orders: 0, errors: 0 };
  for (let round = 0; round < 3000; round += 1) {
    const size = 1 + random(8);
    const names = Array.from({ length: size }, (_, at) => `s${at}`);
    const nodes = names.map((name, at) => {
      // Mostly on those before it, in a shuffled list; now and then on anything at all.
      const dependencies = names.filter((_, other) => (other < at ? random(3) === 0 : random(40) === 0));
      if (random(8) === 0) dependencies.push('all');
      if (random(60) === 0) dependencies.push('nowhere');
      return { name, dependencies: dependencies.sort(() => random(3) - 1) };
    }).sort(() => random(3) - 1);
    const theirs = outcome(() => {
      const r = new ServiceReconciler({}, {});
      for (const { name, dependencies } of nodes) r.receiveServiceRepresentation({ serviceName: name, dependencies });
      const list = (how) => r.getOrderedServiceIdSet(how).map(({ id }) => id).join();
      return `${list('asc')} ${list('desc')}`;
    });
    const ours = outcome(() => {
      const { start, stop: end } = order(nodes);
      const list = (all) => all.map(({ name }) => name).join();
      return `${list(start)} ${list(end)}`;
    });
    assert.strictEqual(ours, theirs, `seed ${first}: ${JSON.stringify(nodes)}`);
    if (/^[s\d, ]+$/.test(theirs)) seen.orders += 1;
    else seen.errors += 1;
  }
  assert.ok(seen.orders > 500 && seen.errors > 500, JSON.stringify(seen));
});
