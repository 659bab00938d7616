'use strict';

const assert = require('node:assert');
const { test } = require('node:test');
const { folder, launch, failure, until } = require('./node-helper');

const COMMAND = 'pandora:command';
const GENERATED = { digest: '', workerCount: 1, source: { kind: 'command', args: [], cwd: '/' } };

/** A worker that is a command; the folder has no procfile. */
function run(files, args, options = {}) {
  const dir = folder(files);
  return launch(dir, { name: 'web', entryFile: COMMAND, args, evaluation: GENERATED, ...options });
}

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('signals reach all of a command, the process waits for all of it, and ends as it does', async () => {
  const worker = run({
    'inner.js': "process.on('SIGTERM', () => setTimeout(() => { console.log('> inner is done'); process.exit(0); }, 200)); setInterval(() => {}, 1000); console.log('> inner ' + process.pid);",
  }, ['sh', '-c', 'trap "exit 7" TERM; node inner.js & wait']);
  await worker.next('ready');
  const [, pid] = /inner (\d+)/.exec(worker.output) ?? [];
  worker.child.kill('SIGTERM');
  assert.deepStrictEqual(await worker.exited, { code: 7, signal: null });
  assert.match(worker.output, /inner is done/, 'what the command has started may finish');
  await until(() => !alive(Number(pid)), 'end of the inner process');
});

test('a command that ends by a signal ends the process by it', async () => {
  const worker = run({}, ['sh', '-c', 'sleep 1.5; kill -KILL $$']);
  await worker.next('ready');
  assert.deepStrictEqual(await worker.exited, { code: null, signal: 'SIGKILL' });
});

test('what ends at once, or is not there, is told', async () => {
  const early = await failure(folder({}), { name: 'web', entryFile: COMMAND, args: ['sh', '-c', 'exit 3'], evaluation: GENERATED });
  assert.match(early.message, /the command "sh -c exit 3" ended with code 3 before it had run for a second/);
  assert.strictEqual(early.code, 'PANDORA_COMMAND');
  const missing = await failure(folder({}), { name: 'web', entryFile: COMMAND, args: ['no-such-program'], evaluation: GENERATED });
  assert.match(missing.message, /"no-such-program" cannot be started: there is no such program/);
  assert.strictEqual(missing.code, 'PANDORA_ENTRY');
});

test('a process has a folder of its own, and a script without a procfile is the main one', async () => {
  const files = { 'api/app.js': "console.log('> ' + require('path').basename(process.cwd()) + ' ' + (require.main === module) + ' ' + module.parent);" };
  const dir = folder(files);
  const worker = launch(dir, { entryFile: './api/app.js', evaluation: GENERATED, definition: { cwd: `${dir}/api` } });
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['api true null']);
  worker.child.kill('SIGKILL');
  await worker.exited;
  const lost = await failure(dir, { entryFile: './api/app.js', evaluation: GENERATED, definition: { cwd: `${dir}/gone` } });
  assert.match(lost.message, /the folder .*gone of process "worker" cannot be entered: ENOENT/);
});
