'use strict';

// Loggers ask the daemon to rotate their files, in the words of the original.

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test, after } = require('node:test');
const { Daemon } = require('./node-daemon');
const { folder, launch, stop, until } = require('./node-helper');
const { createRotation } = require('../node/logger/rotation');

const OURS = path.resolve(__dirname, '../node/logger/index.js');

/** The daemon's end of the logger socket in a folder. */
async function daemonIn(dir) {
  const daemon = new Daemon(dir);
  daemon.path = path.join(dir, 'pandorajs_pandora_logger.sock');
  await daemon.listen();
  return daemon;
}

const strategies = (daemon) => daemon.packets.filter(({ action, data }) => action === 'LOGGER_INTERNAL' && data.type === 'logger-send-strategy')
  .map(({ data }) => data.payload.strategy);

test('strategies are told, kept alive, and told again to another daemon', async () => {
  const dir = folder();
  process.env.PANDORA_TMP_DIR = dir;
  after(() => { delete process.env.PANDORA_TMP_DIR; });
  const reloads = [];
  const strategy = (uuid) => ({ uuid, file: `/logs/${uuid}`, type: 'size', rotateDuration: 1, maxFileSize: 2, maxFiles: 3 });
  const rotation = createRotation({ heartbeatTime: 20, connectAfter: 0, reload: (uuid) => reloads.push(uuid) });
  rotation.add(strategy('early'));
  const first = await daemonIn(dir); // it was missing so far
  await until(() => strategies(first).length === 1, 'strategy');
  rotation.add(strategy('late'));
  await until(() => strategies(first).length === 2, 'second strategy');
  assert.deepStrictEqual(strategies(first), [strategy('early'), strategy('late')]);
  const beats = () => new Set(first.packets.filter(({ data }) => data.type === 'logger-heartbeat').map(({ data }) => data.payload.uuid));
  await until(() => beats().size === 2, 'heartbeats');
  await first.ask('LOGGER_INTERNAL', { type: 'logger-reload', payload: {} });
  await first.ask('LOGGER_INTERNAL', { type: 'logger-reload', payload: { uuid: 'late' } });
  await first.ask('LOGGER_INTERNAL', null);
  assert.deepStrictEqual(reloads, [undefined, 'late']);
  // One that was refused is told again, one that is known is not.
  const sent = (uuid) => first.packets.filter(({ data }) => data?.payload?.strategy?.uuid === uuid);
  first.reply(sent('late')[0].id, { error: { message: 'there are too many' } });
  first.reply(sent('early')[0].id, { error: { message: 'Strategy uuid early already has' } });
  await until(() => sent('late').length === 2, 'refused strategy again');
  first.reply(sent('late')[1].id, { error: null, result: 'ok' });
  const before = first.packets.length;
  await until(() => first.packets.length > before + 6, 'more heartbeats');
  assert.deepStrictEqual([sent('early').length, sent('late').length], [1, 2]);
  await first.close();
  const second = await daemonIn(dir);
  await until(() => strategies(second).length === 2, 'strategies for the second daemon');
  assert.deepStrictEqual(strategies(second), [strategy('early'), strategy('late')]);
  await second.close();
});

test('a worker tells of the logs of its services and of its own, and ends when it likes', async () => {
  const dir = folder({
    'procfile.js': `class A {
      constructor(context) {
        context.logger.info('to the log of services');
        context.getService('logger').createLogger('sized', { dir: __dirname, type: 'size', rotateDuration: 60000, maxFiles: 2, maxFileSize: 100 });
        context.getService('logger').createLogger('silent', { dir: __dirname, level: 'NONE' });
      }
    }
    module.exports = (pandora) => { pandora.service('a', A); };`,
  });
  const daemon = await daemonIn(dir);
  const worker = launch(dir);
  await worker.next('ready');
  await until(() => strategies(daemon).length === 2, 'strategies');
  const told = strategies(daemon).map(({ uuid, ...rest }) => rest);
  assert.deepStrictEqual(told, [
    { file: path.join(dir, 'logs/demo/service.log'), type: 'date', rotateDuration: 300000, maxFileSize: 314572800, maxFiles: 10 },
    { file: path.join(dir, 'sized.log'), type: 'size', rotateDuration: 60000, maxFileSize: 100, maxFiles: 2 },
  ]);
  assert.match(strategies(daemon)[0].uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
  fs.renameSync(path.join(dir, 'sized.log'), path.join(dir, 'sized.log.1'));
  await daemon.ask('LOGGER_INTERNAL', { type: 'logger-reload', payload: { uuid: 'of nobody' } });
  assert.strictEqual(fs.existsSync(path.join(dir, 'sized.log')), false);
  await daemon.ask('LOGGER_INTERNAL', { type: 'logger-reload', payload: {} });
  assert.strictEqual(fs.existsSync(path.join(dir, 'sized.log')), true);
  assert.strictEqual(fs.existsSync(path.join(dir, 'silent.log')), false);
  assert.deepStrictEqual(await stop(worker), { code: 0, signal: null });
  await daemon.close();
});

test('nobody is told in tests, in dev and where it is forbidden, and a process that only logs ends', () => {
  const connects = (env) => {
    const inherited = { ...process.env, NODE_TEST_CONTEXT: '', NODE_ENV: '', PANDORA_TMP_DIR: folder() };
    const { stdout, signal } = spawnSync(process.execPath, ['-e', `
      const { DefaultLoggerManager, LoggerManager } = require(process.argv[1]);
      const manager = DefaultLoggerManager.getInstance();
      manager.createLogger('a', { dir: process.argv[2], level: 'INFO' }).info('x');
      console.log(manager.connectRotator, Boolean(manager.rotation), new LoggerManager().connectRotator);`, OURS, folder()],
    { encoding: 'utf8', timeout: 30000, env: { ...inherited, ...env } });
    assert.strictEqual(signal, null);
    return stdout.trim();
  };
  assert.strictEqual(connects({}), 'true true false');
  assert.strictEqual(connects({ NODE_ENV: 'production' }), 'true true false');
  for (const env of [{ NODE_ENV: 'test' }, { NODE_ENV: 'unittest' }, { PANDORA_DEV: 'true' }, { DO_NOT_CONNECT_MONITOR: '1' }]) {
    assert.strictEqual(connects(env), 'false false false', JSON.stringify(env));
  }
});
