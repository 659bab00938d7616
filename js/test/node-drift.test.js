'use strict';

const assert = require('node:assert');
const { test } = require('node:test');
const { structure } = require('../shared/structure');
const { digest } = require('../node/drift');
const { createHost } = require('../shared/host');
const { folder, launch, stop } = require('./node-helper');

/** What the evaluation of this folder says of itself; host reads its procfile. */
function evaluated(dir, options = {}) {
  const { binding } = structure({ appName: 'demo', appDir: dir, workerCount: 3, ...options }, createHost());
  return { digest: digest(binding), workerCount: 3, globalArgs: options.globalArgs, globalExecArgv: options.globalExecArgv };
}

/** Runs a worker with an expectation; resolves with what it says of drift, or undefined. */
async function driftOf(dir, evaluation) {
  const worker = launch(dir, { evaluation });
  await worker.next('ready');
  const said = worker.messages.find((message) => message.act === 'drift');
  await stop(worker);
  return said;
}

const PROCFILE = `
  class Inline {}
  module.exports = (pandora) => {
    pandora.service('a', './a').config({ n: [1, null, 1e21], 'ü': '\\u2028' }).dependency('b');
    pandora.service('b', require('./a'));
    pandora.service('c', Inline);
    pandora.environment('./environment');
    pandora.process('worker').env({ MORE: (process.env.MORE || '') + 'x' }).order(2);
    pandora.fork('web', './a.js').args(['-v']);
  };`;
const FILES = {
  'procfile.js': PROCFILE,
  'a.js': 'module.exports = class A {};',
  'environment.js': 'module.exports = class Environment { get() {} };',
};

test('the same evaluation is no drift', async () => {
  const dir = folder(FILES);
  assert.strictEqual(await driftOf(dir, evaluated(dir)), undefined);
  const globals = { globalArgs: ['--x'], globalExecArgv: ['--no-warnings'] };
  assert.strictEqual(await driftOf(dir, evaluated(dir, globals)), undefined);
  assert.strictEqual(await driftOf(dir, { digest: '', workerCount: 1 }), undefined, 'nothing to compare with');
  assert.strictEqual(await driftOf(dir, undefined), undefined);
});

test('another evaluation is drift, with what it found', async () => {
  const dir = folder(FILES);
  const expected = evaluated(dir);
  const other = await driftOf(dir, { ...expected, workerCount: 4 });
  assert.match(other.digest, /^[0-9a-f]{16}$/);
  assert.notStrictEqual(other.digest, expected.digest);
  const { process: processes, services, environment } = JSON.parse(other.binding);
  assert.deepStrictEqual(processes.map(({ processName, scale }) => [processName, scale]), [['worker', 4], ['web', 1]]);
  assert.deepStrictEqual(services[0], {
    serviceName: 'a', category: 'worker', dependencies: ['b'], publishToHub: false,
    config: { n: [1, null, 1e21], ü: '\u2028' }, hasConfigResolver: false, entry: { path: './a' },
  });
  assert.strictEqual(environment, './environment');
  assert.ok(!('env' in processes[0]));
});

test('what cannot be described or is too large is said', async () => {
  const large = folder({ ...FILES, 'procfile.js': "module.exports = (pandora) => { pandora.service('a', './a').config({ text: 'x'.repeat(70000) }); };" });
  const said = await driftOf(large, { digest: '0'.repeat(16), workerCount: 1 });
  assert.match(said.digest, /^[0-9a-f]{16}$/);
  assert.strictEqual(said.binding, undefined);

  const lost = folder({ ...FILES, 'procfile.js': "module.exports = (pandora) => { pandora.service('a', './a').category('nowhere'); };" });
  const failed = await driftOf(lost, { digest: '0'.repeat(16), workerCount: 1 });
  assert.strictEqual(failed.digest, '');
  assert.match(failed.failure, /Can't allocate service a at category nowhere to any process/);
});
