'use strict';

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const util = require('node:util');

const { createHost } = require('../shared/host');
const { createReconciler } = require('../shared/reconciler');
const { sortByOrder } = require('../shared/order');

/** Writes an application folder and applies its procfiles. */
function application(t, files, options = {}) {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'pandora-shared-')));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(typeof files === 'string' ? { 'procfile.js': files } : files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    if (content.startsWith('-> ')) fs.symlinkSync(content.slice(3), path.join(dir, name));
    else fs.writeFileSync(path.join(dir, name), content);
  }
  const reconciler = createReconciler({ appName: 'app', appDir: dir, workerCount: 4, host: createHost(), ...options });
  return { dir, reconciler, discover: () => { reconciler.discover(); return reconciler; } };
}

/** The structure of a procfile's body. */
const structure = (t, body, globals, options) => application(t, `module.exports = (pandora) => {${body}};`, options)
  .discover().structure(globals);

const byName = (structured) => Object.fromEntries(structured.process.map((process) => [process.processName, process]));

test('the seed, inline', (t) => {
  const result = application(t, `
    class A {} class B {} class AppletA {} class AppletB {} class MyConfigurator {}
    module.exports = function (pandora) {
      pandora.configurator(MyConfigurator);
      pandora.service(A).category('background');
      pandora.service(B).category('background');
      pandora.applet(AppletA).name('XXX').category('background');
      pandora.applet(AppletB).config((context) => { return context.config; });
    };`).discover();
  const record = result.structure();
  assert.deepStrictEqual(record.process.map(({ processName, scale, kind, offset }) => [processName, scale, kind, offset]),
    [['worker', 4, 'worker', 0], ['background', 1, 'plain', 5]]);
  assert.deepStrictEqual(record.services.map(({ serviceName, category, entry }) => [serviceName, category, entry.kind]),
    [['a', 'background', 'inline'], ['b', 'background', 'inline']]);
  assert.deepStrictEqual(record.applets.map(({ serviceName, category, hasConfigResolver }) => [serviceName, category,
    hasConfigResolver]), [['XXX', 'background', false], ['appletB', 'worker', true]]);
  assert.deepStrictEqual(result.servicesOf('background').map((service) => service.serviceName), ['logger', 'a', 'b']);
  assert.deepStrictEqual(result.appletsOf('worker').map((applet) => applet.appletName), ['appletB']);
  assert.strictEqual(result.configurator().value.name, 'MyConfigurator');
  assert.strictEqual(result.environment(), null);
});

test('a service alone starts its category in every form', (t) => {
  for (const body of ['pandora.service(class A {}).category("background")', 'pandora.service("./a").process("background")',
    'pandora.service("a", "./a").process("background")']) {
    assert.deepStrictEqual(Object.keys(byName(structure(t, body))), ['background'], body);
  }
});

test('forms of fork, cluster and service', (t) => {
  const result = structure(t, `
    pandora.fork('./b.js', 'reversed');
    pandora.fork('web', './web');
    pandora.fork('scoped', require.resolve('./procfile.js'));
    pandora.cluster('./app.js');
    pandora.cluster('own', './own.js');
    pandora.service('named', './n');
    pandora.service('later');
    pandora.service('./lib/Some.Thing.js');
  `);
  const processes = byName(result);
  assert.deepStrictEqual(Object.keys(processes), ['worker', 'reversed', 'web', 'scoped', 'own']);
  assert.strictEqual(processes.reversed.entryFile, './b.js');
  assert.strictEqual(processes.own.scale, 4);
  assert.strictEqual(processes.own.kind, 'worker');
  assert.deepStrictEqual(result.services.map(({ serviceName, category, entry }) => [serviceName, category, entry.kind]), [
    ['cluster0', 'worker', 'path'], ['named', 'worker', 'path'], ['later', 'worker', 'none'],
    ['some.Thing', 'weak-all', 'path'],
  ]);
  assert.deepStrictEqual(result.services[0].dependencies, ['all']);
});

test('a one-argument service that resolves as a package is a path', (t) => {
  const result = application(t, {
    'node_modules/pkg/index.js': 'module.exports = class {}',
    'procfile.js': 'module.exports = (p) => { p.service("pkg"); p.service("util");'
      + ' p.service("pkg", undefined).name("two"); }',
  }).discover().structure();
  assert.deepStrictEqual(result.services.map(({ serviceName, category, entry }) => [serviceName, category, entry.kind]),
    [['two', 'weak-all', 'path'], ['util', 'worker', 'none']]);
});

test('modifiers set with truthy, read with falsy arguments; what is read is live', (t) => {
  const result = byName(structure(t, `
    const web = pandora.process('web').entry('./web');
    if (web.scale(0) !== 1 || web.order() !== undefined || web.name('') !== 'web' || web.entry() !== './web') throw 1;
    web.scale(2).env({ A: 1, B: true, C: undefined }).args(['--x', 3]).nodeArgs(['--expose-gc']);
    web.env().D = null;
    pandora.process('web').nodeArgs().push('-r', 'x');
    pandora.process('worker').env({ A: 1 }).entry('./w');
    pandora.getProcess('worker').scale = 3;
    pandora.getProcess('worker').argv.push('--inspect');
    if (pandora.getProcess('nope') !== undefined) throw 2;
  `));
  assert.deepStrictEqual(result.web.env, { A: '1', B: 'true', D: 'null' });
  assert.deepStrictEqual([result.web.scale, result.web.kind], [2, 'worker']);
  assert.deepStrictEqual(result.web.args, ['--x', '3']);
  assert.deepStrictEqual(result.web.execArgv, ['--expose-gc', '-r', 'x']);
  assert.deepStrictEqual(result.worker.env, { A: '1' });
  assert.deepStrictEqual([result.worker.scale, result.worker.execArgv], [3, ['--inspect']]);
});

test('chain order is free, category means process, and all means less in the first form', (t) => {
  const result = structure(t, `
    pandora.service('a', './a').config({ x: 1 }).dependency('b').dependency(['c', 'b']).publish().process('agent')
      .config(() => ({}));
    pandora.service('b', './b').category('all').publish(false);
    pandora.cluster('./app').scale(2).env({ A: 1 }).config({ y: 2 }).process('worker');
  `);
  assert.deepStrictEqual(result.services[0], {
    serviceName: 'a', category: 'agent', dependencies: ['b', 'c'], publishToHub: true, config: { x: 1 },
    hasConfigResolver: true, entry: { kind: 'path', path: './a' },
  });
  assert.strictEqual(result.services[1].category, 'weak-all');
  assert.deepStrictEqual([byName(result).worker.scale, byName(result).worker.env], [2, { A: '1' }]);
});

test('all activates every process, weak-all none', (t) => {
  assert.deepStrictEqual(Object.keys(byName(structure(t, 'pandora.service("a", "./a").process("all")'))),
    ['agent', 'worker', 'background']);
  assert.deepStrictEqual(structure(t, 'pandora.service("a", "./a").process("weak-all")').process, []);
  assert.deepStrictEqual(structure(t, 'pandora.applet("./a").category("all")').process, []);
});

test('order, offset and kind', (t) => {
  const offsets = structure(t, `
    pandora.fork('a', './a'); pandora.fork('b', './b'); pandora.fork('c', './c').scale(3); pandora.fork('d', './d');`);
  assert.deepStrictEqual(offsets.process.map(({ offset }) => offset), [0, 1, 2, 6]);
  const ordered = structure(t, `
    pandora.fork('a', './a').order(3); pandora.fork('b', './b').order(1); pandora.fork('c', './c').order(2);`);
  assert.deepStrictEqual(ordered.process.map(({ processName }) => processName), ['b', 'c', 'a']);
  const dev = structure(t, 'pandora.cluster("./a"); pandora.fork("x", "./x"); pandora.process("w").entry("./w").scale(1)'
    + '.kind("worker")', {}, { dev: true });
  assert.deepStrictEqual(dev.process.map(({ scale, kind }) => [scale, kind]), [[1, 'worker'], [1, 'plain'], [1, 'worker']]);
});

test('sortByOrder agrees with the engine\'s own sort for every mix of up to five', () => {
  const choices = [undefined, 1, 2, 3, 4];
  for (let length = 0; length <= 5; length += 1) {
    for (let code = 0; code < choices.length ** length; code += 1) {
      const list = Array.from({ length }, (_, i) => ({ order: choices[Math.floor(code / choices.length ** i) % 5], i }));
      assert.deepStrictEqual(sortByOrder(list), list.slice().sort((a, b) => a.order - b.order));
    }
  }
});

test('globals come after what processes set', (t) => {
  const { web } = byName(structure(t, 'pandora.fork("web", "./w").env({ A: 1, B: 1 }).args(["a"]).nodeArgs(["n"])',
    { globalEnv: { A: '2' }, globalArgs: ['b'], globalExecArgv: ['m'] }));
  assert.deepStrictEqual([web.env, web.args, web.execArgv], [{ A: '2', B: '1' }, ['a', 'b'], ['n', 'm']]);
});

test('base dirs: links are followed, and entry() records its own procfile', (t) => {
  const { dir, discover } = application(t, {
    'node_modules/fw/bin/procfile.js': 'module.exports = (p) => { p.service("a", "./FwSvc"); p.process("web"); }',
    'node_modules/fw/bin/FwSvc.js': 'exports.default = class FwSvc { }',
    'node_modules/.bin/procfile.js': '-> ../fw/bin/procfile.js',
    'procfile.js': 'module.exports.default = (p) => { p.service("a").config({ x: 1 }); p.process("web").entry("./web");'
      + ' p.process("worker").entry("./w") }',
  });
  const reconciler = discover();
  assert.strictEqual(reconciler.resolve(reconciler.servicesOf('worker')[1].entry).name, 'FwSvc');
  const { web, worker } = byName(reconciler.structure());
  assert.strictEqual(web.entryFileBaseDir, dir);
  assert.strictEqual(worker.entryFileBaseDir, dir);
  assert.deepStrictEqual(reconciler.structure().services[0].config, { x: 1 });
});

test('entry kinds', (t) => {
  const result = application(t, {
    'lib/a.js': 'module.exports = class A {}; module.exports.dependencies = ["z"];',
    'lib/old.js': 'exports.Old = function Old() {};',
    'lib/wrap.js': 'module.exports = (Base) => class extends Base {};',
    'procfile.js': `
      const A = require('./lib/a');
      class Inline { static get dependencies() { return ['a', 'x']; } }
      module.exports = (pandora) => {
        pandora.service('a', A);
        pandora.service('inline', Inline).dependency(['y', 'a']);
        pandora.service('old', require('./lib/old').Old);
        pandora.service('wrapped', require('./lib/wrap')(A));
        pandora.service('function', function start() {});
        pandora.service('arrow', () => {});
        pandora.service('esm', { default: A });
      };`,
  }).discover().structure();
  assert.deepStrictEqual(result.services.map(({ entry }) => [entry.kind, entry.name]), [
    ['class', 'A'], ['inline', 'Inline'], ['class', 'Old'], ['class', undefined], ['function', 'start'],
    ['function', undefined], ['class', 'A'],
  ]);
  assert.deepStrictEqual(result.services[0].dependencies, ['z']);
  assert.deepStrictEqual(result.services[1].dependencies, ['a', 'x', 'y']);
});

test('last definition of a name counts', (t) => {
  const { discover } = application(t, `module.exports = (pandora) => {
    pandora.service('a', './first').name('z').process('agent');
    pandora.service('b', './b').process('agent');
    pandora.service('c', './second').name('z').process('agent');
  };`);
  const reconciler = discover();
  assert.deepStrictEqual(reconciler.servicesOf('agent').map(({ entry, serviceName }) => [serviceName, entry.path]),
    [['logger', ''], ['b', './b'], ['z', './second']]);
  assert.match(reconciler.structure().warnings[0], /service "z" is defined more than once/);
});

test('only the synchronous part counts', async (t) => {
  const { reconciler, discover } = application(t, `module.exports = async (pandora) => {
    const web = pandora.process('web').entry('./web');
    const args = web.args();
    await null;
    args.push('late'); web.scale(5); pandora.fork('late', './late'); pandora.service('late', './late');
  };`);
  discover();
  await new Promise(setImmediate);
  const result = reconciler.structure();
  assert.deepStrictEqual(result.process.map(({ processName, args, scale }) => [processName, args, scale]), [['web', [], 1]]);
  assert.deepStrictEqual(result.services, []);
  assert.match(result.warnings[0], /async function/);
});

test('the application folder is needed', () => {
  const reconciler = createReconciler({ appName: 'app', appDir: '', workerCount: 4, host: createHost() });
  assert.throws(() => reconciler.discover(), {
    name: 'AssertionError',
    message: 'Can not get appDir from ProcfileReconciler.appRepresentation, it should passed from time of constructing ProcfileReconciler',
  });
});

test('what is printed of the argument and of what its members return', (t) => {
  const { reconciler } = application(t, `module.exports = (p) => {
    p.fork('web', './web').env({ A: 'a' });
    p.service('tick', './tick');
    global.printed = [p, p.process('web'), p.service('tick'), p.getProcess('web')].map((x) => require('util').inspect(x));
  };`);
  t.after(() => delete global.printed);
  reconciler.discover();
  const [whole, web, tick, settings] = global.printed;
  assert.match(whole, /appName: 'app'[^]*processes: \[ 'agent', 'worker', 'background', 'web' \][^]*services: \[ 'logger', 'tick' \]/);
  assert.match(web, /processName: 'web'[^]*env: { A: 'a' }/);
  assert.match(tick, /serviceName: 'tick'[^]*category: 'worker'[^]*entry: '.\/tick'/);
  assert.match(settings, /scale: 1/);
});

test('harmless things', (t) => {
  const { dir, discover } = application(t, `module.exports = (pandora) => {
    if (pandora.env || pandora.anything) throw 1;
    require('util').inspect(pandora, { showHidden: true, getters: true, depth: 9 });
    JSON.stringify(pandora); String(pandora);
    const { fork, process: define } = pandora;
    fork('web', './web'); define('web').argv(['-r', 'x']);
    pandora.service('a', './a').config({ dev: pandora.dev, name: pandora.appName, dir: pandora.appDir,
      category: pandora.defaultServiceCategory() });
  };`, { dev: true });
  const result = discover().structure();
  assert.ok(util.inspect(result));
  assert.deepStrictEqual(result.services[0].config, { dev: true, name: 'app', dir, category: 'worker' });
  assert.deepStrictEqual(result.warnings,
    ['Pandora.js: process().argv() has been deprecated, replace it to .nodeArgs()']);
});

const failures = {
  'module.exports = { a: 1 }': /^The procfile should export a function, during loading .*procfile\.js$/,
  'p.service("all")': 'The service name all has been reserved',
  'p.service("x", "./x").name("all")': 'The service name all has been reserved',
  'p.service("x", "./x"); p.service("x", "./y")':
    "Service already exist! Use pandora.service('x').entry('a new place') to change the entry.",
  'p.service("x", "./x").process("nope")': "Can't allocate service x at category nope to any process.",
  'p.applet("./x").category("nope")': "Can't allocate applet x at category nope to any process.",
  'p.service("x", "./x"); p.process("worker").name("gone")':
    "Can't allocate service x at category worker to any process.",
  'const x = p.process("x"); x.drop(); x.drop()': "Can't drop a process named x it not exist",
  'const x = p.service("x"); x.drop(); x.drop()': "Can't drop a service named x it not exist",
  'p.environment()':
    'Should ProcfileReconciler.injectEnvironment() before ProcfileReconciler.getEnvironment().',
  'p.fork("w", "./w").scale(-1)':
    'process "w": scale expects a whole number from 1 to 1024, or \'auto\', got -1',
  'p.fork("w", "./w").scale("many")': /'auto', got "many"$/,
  'p.fork("w", "./w").scale(1e9)': /got 1000000000$/,
  'p.fork("w", "./w").scale(NaN)': /got NaN$/,
  'p.fork("w", "./w").scale(1.5)': /got 1\.5$/,
  'p.fork("w", "./w").order("x")': 'process "w": order expects a number, got "x"',
  'p.fork("w", "./w").kind("thread")': /kind expects 'plain' or 'worker', got "thread"/,
  'p.fork("w", "./w").env("A=1")': /env expects an object/,
  'p.fork("w", "./w").env().x = "a\\0b"; p.dev': /NUL/,
  'p.fork("w", "./w").args({})': /args expects an array of strings, got an object/,
  'p.fork("w", () => 1)': /the entry expects a module path .* got a function/,
  'p.fork("", "./w")': /pandora\.fork\(\) expects a name/,
  'p.process("a\\nb")': /without control characters/,
  'p.process("a").name("worker")': /the process "worker" exists already/,
  'p.service("x", 3)': /service "x": the entry expects a class, or a module path/,
  'p.service()': /pandora\.service\(\) expects a name, a class, or a module path, got undefined/,
  'p.service(class {})': /has no name, because its class is anonymous/,
  'p.cluster()': /pandora\.cluster\(\) expects a module path/,
  'p.nope()': /p\.nope is not a function/,
};

for (const [body, expected] of Object.entries(failures)) {
  test(`failure: ${body}`, (t) => {
    const source = body.startsWith('module.exports') ? body : `module.exports = (p) => { ${body} };`;
    const { discover } = application(t, source);
    assert.throws(() => discover().structure(), (error) => {
      if (typeof expected === 'string') assert.strictEqual(error.message, expected);
      else assert.match(error.message, expected);
      if (!(error instanceof TypeError)) assert.match(error.code, /^PANDORA_/);
      return true;
    });
  });
}

test('a numeric string is taken as a scale, with a warning', (t) => {
  const result = structure(t, 'pandora.fork("w", "./w").scale("3")');
  assert.strictEqual(result.process[0].scale, 3);
  assert.match(result.warnings[0], /"3" is a string/);
});

test('fork on an existing process ignores the entry, with a warning', (t) => {
  const result = structure(t, 'pandora.fork("worker", "./a")');
  assert.deepStrictEqual(result.process, []);
  assert.match(result.warnings[0], /the entry is ignored/);
});

test('a config that is not JSON does not disturb', (t) => {
  const result = structure(t, 'const c = { f() {}, x: 1 }; pandora.service("a", "./a").config(c);'
    + 'const d = {}; d.d = d; pandora.service("b", "./b").config(d); pandora.service("c", "./c").config({ n: 1n });');
  assert.deepStrictEqual(result.services.map(({ config }) => config), [{ x: 1 }, {}, {}]);
  assert.strictEqual(result.warnings.length, 2);
});
