'use strict';

// Workers in the hub.

const assert = require('node:assert');
const { test } = require('node:test');
const { MessengerServer } = require('../node/facade/messenger');
const { folder, launch, stop } = require('./node-helper');

test('a worker that asks for nothing is in the hub once it is ready, unless it should not be', async () => {
  const dir = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.service('a', './a').process('worker'); };",
    'a.js': "module.exports = class { start() {} };",
  });
  const tmp = process.env.PANDORA_TMP_DIR;
  process.env.PANDORA_TMP_DIR = dir;
  const daemon = new MessengerServer({ name: 'pandora_msg_hub' });
  process.env.PANDORA_TMP_DIR = tmp ?? '';
  if (tmp === undefined) delete process.env.PANDORA_TMP_DIR;
  const online = new Promise((resolve) => {
    daemon.on('PANDORA_HUB_ACTION_ONLINE_UP', ({ host }, reply, client) => resolve({ host, client }));
  });
  const worker = launch(dir);
  await worker.next('ready');
  const { host, client } = await online;
  assert.deepStrictEqual([host.appName, host.processName, host.pid], ['demo', 'worker', String(worker.child.pid)]);
  const echo = await new Promise((resolve, reject) => {
    client.send('PANDORA_HUB_ACTION_MSG_DOWN', { action: 'echo', host: {}, needReply: true, data: 'x' }, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
  assert.deepStrictEqual([echo.success, echo.data.echo.data], [true, 'x']);
  daemon.on('PANDORA_HUB_ACTION_OFFLINE_UP', (message, reply) => reply({ success: true }));
  await stop(worker);

  const connections = [];
  daemon.on('connected', (each) => connections.push(each));
  const skipping = launch(dir, { env: { SKIP_IPC_HUB: '1' } });
  await skipping.next('ready');
  await stop(skipping);
  assert.strictEqual(connections.length, 0);
  await new Promise((resolve) => daemon.close(resolve));
});
