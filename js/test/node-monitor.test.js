'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { FrameParser, encode, HEADER_BYTES, MAX_BODY_BYTES } = require('../node/wire/frames');
const { Messenger } = require('../node/wire/messenger');
const { nameKey } = require('../node/monitor/metric-name');
const { Daemon } = require('./node-daemon');
const { folder, launch, stop, until } = require('./node-helper');

test('frames: split anywhere, several in one chunk', () => {
  const packets = [[1, 'a', { x: 'ü€𝄞' }], [2, 'b', undefined], [3, 'c', 'x'.repeat(70000)], [4294967295, 'd', [null, 0, false]]];
  const stream = Buffer.concat(packets.map(([id, action, data]) => encode(id, action, data)));
  const want = packets.map(([id, action, data]) => ({ id, action, data }));
  for (const size of [1, 2, 7, HEADER_BYTES, 1000, 65536, stream.length]) {
    const parser = new FrameParser();
    const got = [];
    for (let at = 0; at < stream.length; at += size) parser.push(stream.subarray(at, at + size), (packet) => got.push(packet));
    assert.deepStrictEqual(got, want, `chunks of ${size}`);
  }
});

test('frames: the vectors that the daemon is tested with', () => {
  const vectors = JSON.parse(fs.readFileSync(path.resolve(__dirname, '../../internal/wire/testdata/frames.json'), 'utf8'));
  assert.ok(vectors.length > 0);
  for (const { name, hex, frames, end } of vectors) {
    const bytes = Buffer.from(hex, 'hex');
    for (const size of [1, Math.max(bytes.length, 1)]) {
      const parser = new FrameParser();
      const got = [];
      let ended = 'end';
      try {
        for (let at = 0; at < bytes.length; at += size) parser.push(bytes.subarray(at, at + size), (packet) => got.push(packet));
        if (parser.size > 0) ended = 'incomplete';
      } catch (error) {
        assert.strictEqual(error.name, 'PacketParsedError');
        ended = 'malformed';
      }
      assert.deepStrictEqual(got, frames.map(({ id, action, data }) => ({ id, action, data })), name);
      assert.strictEqual(ended, end, name);
    }
  }
});

test('frames: the bytes of the original', () => {
  const frame = encode(258, 'hi', { n: 1 });
  assert.strictEqual(frame.toString('latin1'), '\x00\x00\x00\x01\x02\x00\x00\x00\x1e{"action":"hi","data":{"n":1}}');
  assert.strictEqual(encode(1, 'hi').toString('latin1').slice(HEADER_BYTES), '{"action":"hi"}');
  const error = JSON.parse(encode(1, 'e', Object.assign(new Error('m'), { code: 'C' })).subarray(HEADER_BYTES).toString());
  assert.deepStrictEqual([error.data.message, error.data.code, typeof error.data.stack], ['m', 'C', 'string']);
});

test('frames: what is wrong is refused', () => {
  const header = (length) => {
    const bytes = Buffer.alloc(HEADER_BYTES);
    bytes.writeUInt32BE(length, 5);
    return bytes;
  };
  const wrong = [
    header(MAX_BODY_BYTES + 1), header(0xffffffff), header(0),
    ...['{', 'null', '3', '[]', '{"action":1}', '{"data":1}'].map((text) => Buffer.concat([header(text.length), Buffer.from(text)])),
  ];
  for (const bytes of wrong) {
    assert.throws(() => new FrameParser().push(bytes, () => {}), { name: 'PacketParsedError' }, bytes.toString('latin1'));
  }
});

test('frames: random bytes never hang or throw anything else', () => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 500; round += 1) {
    const parser = new FrameParser();
    try {
      for (let part = 0; part < 5; part += 1) {
        const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => (random() < 0.6 ? 0 : Math.floor(random() * 256))));
        parser.push(bytes, () => {});
      }
    } catch (error) {
      assert.strictEqual(error.name, 'PacketParsedError');
    }
  }
});

test('names of metrics are serialised as in the original', () => {
  assert.strictEqual(nameKey('a.b', { z: 1, b: 2 }, 'CRITICAL'), 'a.b@%^b%^&2!*&z%^&1@%^CRITICAL');
  assert.strictEqual(nameKey('a.b', {}), 'a.b@%^@%^NORMAL');
});

test('a worker registers its metrics and indicators and answers for them', async () => {
  const dir = folder({ 'procfile.js': 'module.exports = () => {};' });
  const daemon = new Daemon(dir);
  await daemon.listen();
  const worker = launch(dir, { name: 'web', worker: 3 });
  await worker.next('ready');
  const client = await daemon.next(({ action }) => action === 'METRIC_DISCOVER_KEY_PANDORA_METRIC', 'metrics client');
  assert.strictEqual(client.data.appName, 'demo');
  assert.match(client.data.clientId, /^[0-9a-y]{1,10}$/);
  const { pid } = worker.child;
  const name = `node.v8.used_heap_size@%^appName%^&demo!*&pid%^&${pid}!*&process%^&web!*&worker%^&3@%^NORMAL`;
  const uplink = `MESSENGER_UPLINK_demo_metrics_${client.data.clientId}`;
  const created = await daemon.next(({ action, data }) => action === uplink && data.name === name, 'gauge');
  assert.deepStrictEqual(created.data, { action: 'METRIC_CREATE', name, type: 'GAUGE', group: 'node', clientId: client.data.clientId });
  await until(() => daemon.packets.filter(({ action }) => action === uplink).length >= 26, 'V8 gauges');
  const downlink = `MESSENGER_DOWNLINK_demo_metrics_${client.data.clientId}`;
  assert.ok((await daemon.ask(downlink, { metricKey: name, type: 'GAUGE' })).data > 1e6);
  assert.strictEqual((await daemon.ask(downlink, { metricKey: 'nope', type: 'GAUGE' })).data, undefined);
  assert.strictEqual((await daemon.ask(downlink, null)).data, undefined);
  assert.strictEqual(client.data.together, true);
  const together = (await daemon.ask(downlink, { metricKeys: ['nope', name, 7], type: 'GAUGE' })).data;
  assert.deepStrictEqual(together, [null, together[1], null]);
  assert.ok(together[1] > 1e6);

  const discovered = (wanted) => daemon.next(({ action, data }) => action === 'METRIC_DISCOVER_KEY_' && data.indicatorName === wanted, wanted);
  const rows = async ({ data: { group, clientId } }, args) => (await daemon.ask(`MESSENGER_DOWNLINK_demo_${group}_${clientId}`, args)).data;

  const own = await discovered('ProcessIndicator');
  assert.deepStrictEqual({ ...own.data, clientId: '' }, { indicatorName: 'ProcessIndicator', appName: 'demo', group: 'process', clientId: '', type: 'multiton' });
  const [row] = await rows(own, { appName: 'demo' });
  assert.deepStrictEqual([row.key, row.scope], [String(pid), 'PROCESS']);
  assert.deepStrictEqual(Object.keys(row.data), ['processName', 'ppid', 'pid', 'title', 'argv', 'execArgv', 'debugPort', 'execPath', 'nodeVersion', 'cpu', 'memory', 'uptime']);
  assert.strictEqual(row.data.processName, 'web');
  assert.ok(row.data.memory > 1e7 && row.data.uptime > 0 && row.data.cpu >= 0);
  const [pretty] = await rows(own, { pretty: '1' });
  assert.match(pretty.data.cpu, /^\d+(\.\d{1,2})?%$/);

  assert.deepStrictEqual(await rows(await discovered('BaseInfoIndicator'), {}),
    [{ key: 'application', data: { appName: 'demo', appDir: dir }, scope: 'APP' }]);
  const [node] = await rows(await discovered('NodeIndicator'), {});
  assert.deepStrictEqual([node.key, node.scope, node.data.node, node.data.path], ['node', 'SYSTEM', process.version, process.execPath]);
  assert.strictEqual(node.data.versions.v8, process.versions.v8);

  // Garbage ends that connection only; the worker is back with everything.
  daemon.packets = [];
  daemon.write(Buffer.from('this is not a frame of any kind'));
  await until(() => daemon.connections === 2, 'second connection');
  await daemon.next(({ action, data }) => action === uplink && data.name === name, 'gauge again');
  await discovered('ProcessIndicator');

  // So it is when the daemon goes and another comes.
  await daemon.close();
  const next = new Daemon(dir);
  await next.listen();
  await next.next(({ action, data }) => action === uplink && data.name === name, 'gauge at the next daemon');
  const asked = await next.ask(downlink, { metricKey: name, type: 'GAUGE' });
  assert.ok(asked.data > 1e6);
  assert.doesNotMatch(worker.output, /rror|arning/);
  await stop(worker);
  await next.close();
});

test('a daemon that appears late is found; what was said before is kept within bounds', async () => {
  const dir = folder();
  const daemon = new Daemon(dir);
  const messenger = new Messenger(daemon.path);
  for (let i = 0; i < 1005; i += 1) messenger.send('said', i);
  assert.strictEqual(messenger.dropped, 5);
  await daemon.listen();
  const said = () => daemon.packets.filter(({ action }) => action === 'said').map(({ data }) => data);
  await until(() => said().length === 1000, 'queued messages');
  assert.deepStrictEqual([said()[0], said().at(-1)], [5, 1004]);
  messenger.close();
  await daemon.close();
});

test('a handler that throws or rejects answers without data', async () => {
  const dir = folder();
  const daemon = new Daemon(dir);
  await daemon.listen();
  const messenger = new Messenger(daemon.path);
  messenger.handle('throws', () => { throw new Error('no'); });
  messenger.handle('rejects', () => Promise.reject(new Error('no')));
  messenger.handle('later', async (data) => data * 2);
  await until(() => daemon.sockets.size === 1, 'connection');
  assert.strictEqual((await daemon.ask('throws', 1)).data, undefined);
  assert.strictEqual((await daemon.ask('rejects', 1)).data, undefined);
  assert.strictEqual((await daemon.ask('later', 21)).data, 42);
  messenger.close();
  await daemon.close();
});

test('a messenger does not keep its process alive, with or without a daemon', async () => {
  const dir = folder();
  const daemon = new Daemon(dir);
  const run = (socketPath) => new Promise((resolve) => {
    const code = `const { Messenger } = require(${JSON.stringify(require.resolve('../node/wire/messenger'))});
      const messenger = new Messenger(${JSON.stringify(socketPath)});
      messenger.send('a', 1);
      const alive = setInterval(() => {}, 60000);
      messenger.settled().then(() => clearInterval(alive));`;
    spawn(process.execPath, ['-e', code], { stdio: 'inherit' }).once('exit', resolve);
  });
  assert.strictEqual(await run(path.join(dir, 'nobody.sock')), 0);
  await daemon.listen();
  assert.strictEqual(await run(daemon.path), 0);
  await daemon.next(({ action }) => action === 'a', 'message');
  await daemon.close();
});

test('what cannot be written as JSON is told to who sends it, and harms nobody', async () => {
  const dir = folder();
  const daemon = new Daemon(dir);
  const messenger = new Messenger(daemon.path);
  const circle = {};
  circle.circle = circle;
  assert.throws(() => messenger.send('before', circle), TypeError);
  await assert.rejects(messenger.request('before', circle), TypeError);
  messenger.handle('ask', () => circle);
  await daemon.listen();
  await until(() => messenger.connected, 'connection');
  assert.throws(() => messenger.send('after', circle), TypeError);
  await assert.rejects(messenger.request('after', 1n), TypeError);
  assert.strictEqual((await daemon.ask('ask')).data, undefined);
  assert.strictEqual(daemon.connections, 1);
  messenger.close();
  await daemon.close();
});

test('requests: replies, timeouts, and the end of a connection', async () => {
  const dir = folder();
  const daemon = new Daemon(dir);
  const messenger = new Messenger(daemon.path);
  const alive = setInterval(() => {}, 1000); // nothing of a messenger keeps this process alive
  await assert.rejects(messenger.request('early', 1, 20), { name: 'MessengerRequestTimeoutError', message: 'target no response in 20ms' });
  const queued = messenger.request('queued', 2);
  await daemon.listen();
  const packet = await daemon.next(({ action }) => action === 'queued', 'queued request');
  assert.ok(!daemon.packets.some(({ action }) => action === 'early'));
  daemon.reply(packet.id, { fine: true });
  assert.deepStrictEqual(await queued, { fine: true });
  let ended = 0;
  messenger.onDisconnect(() => { ended += 1; });
  const lost = assert.rejects(messenger.request('lost', 3), { code: 'PANDORA_MESSENGER_LOST' });
  await daemon.close();
  await lost;
  await until(() => ended === 1 && !messenger.connected, 'end');
  clearInterval(alive);
  messenger.close();
});
