'use strict';

// What becomes of calls and subscriptions when the hub, or a process, is replaced; and bytes that are no frames.

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const { createHub } = require('../node/hub');
const { encode, FrameParser, HEADER_BYTES } = require('../node/wire/frames');
const { Messenger } = require('../node/wire/messenger');
const { folder, until } = require('./node-helper');

const NPM = path.resolve(__dirname, '../../.cache/clients/node_modules/pandora-hub');
process.env.PANDORA_TMP_DIR = folder();

/** A hub, or nothing where npm's package is missing, which must not be in CI. */
async function startHub(t) {
  if (fs.existsSync(NPM)) {
    const hub = new (require(NPM).Hub)();
    await hub.start();
    return hub;
  }
  assert.notStrictEqual(process.env.CI, 'true', `${NPM} is missing: run make deps`);
  t.skip(`${NPM} is missing: run make deps`);
  return null;
}

function ours(t, processName) {
  const hub = createHub({ appName: 'app', processName });
  t.after(() => hub.stop());
  return hub;
}

class Source {
  subscribed = [];

  subscribe(register, fn) { this.subscribed.push(register); this.fire = fn; }

  unsubscribe(register) { this.subscribed = this.subscribed.filter((known) => known !== register); }

  circle() { const circle = {}; circle.circle = circle; return circle; }

  big() { return 1n; }

  never() { return new Promise(() => {}); }
}

test('subscriptions survive the hub, and each event comes once', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  const source = new Source();
  const provider = ours(t, 'a');
  await provider.publish(source, 'source');
  const proxy = await ours(t, 'b').getProxy('source');
  const heard = [];
  const listener = (value) => heard.push(value);
  await Promise.all([proxy.subscribe('error', () => { throw new Error('a listener of the test throws'); }), proxy.subscribe('error', listener)]);
  const said = t.mock.method(console, 'error', () => {});
  await source.fire(1);
  assert.deepStrictEqual([heard, source.subscribed], [[1], ['error']]);
  assert.match(String(said.mock.calls[0].arguments[0]), /a listener of the test throws/);
  await server.stop();
  await until(() => !provider.getHubClient().listenerCount('x') && source.fire(2).then(() => true), 'an event without a hub');
  const again = await startHub(t);
  t.after(() => again.stop());
  await until(async () => { await source.fire(3); return heard.includes(3); }, 'events after the hub was replaced');
  const before = heard.length;
  await source.fire(4);
  await until(() => heard.at(-1) === 4, 'the next event');
  assert.strictEqual(heard.length, before + 1);
  await proxy.unsubscribe('error');
  assert.deepStrictEqual(source.subscribed, []);
});

test('a result that cannot be written is an error, and a hanging call hides no other answer', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  t.after(() => server.stop());
  await ours(t, 'a').publish(Source, 'odd');
  await ours(t, 'b').publish({ never: () => 'here' }, 'odd');
  const hub = ours(t, 'c');
  await hub.start();
  const client = hub.getHubClient();
  const call = async (processName, propertyName) => (await client.invoke({ objectName: 'odd', processName }, 'OBJECT_ACTION_INVOKE', { propertyName })).error;
  assert.match((await call('a', 'circle')).message, /circular/);
  assert.match((await call('a', 'big')).message, /BigInt/);
  const replies = await client.multipleInvoke({ objectName: 'odd' }, 'OBJECT_ACTION_INVOKE', { propertyName: 'never', timeout: 100 });
  assert.deepStrictEqual(replies.map(({ data, error }) => data ?? error.message).sort(), ['here', 'target no response in 100ms']);
});

/** Numbers that are the same in each run. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

test('frames are the same however the stream is cut', () => {
  const next = random(7);
  for (let round = 0; round < 200; round += 1) {
    const packets = Array.from({ length: 1 + next(8) }, (_, i) => ({ id: i + 1, action: `a${next(3)}`, data: 'ü'.repeat(next(300)) }));
    const stream = Buffer.concat(packets.map(({ id, action, data }) => encode(id, action, data)));
    const parser = new FrameParser();
    const got = [];
    for (let at = 0; at < stream.length;) {
      const end = Math.min(stream.length, at + 1 + next(round % 2 ? 4 : 400));
      parser.push(stream.subarray(at, end), (packet) => got.push(packet));
      at = end;
    }
    assert.deepStrictEqual(got, packets);
    // One byte is another: whatever comes of it is a packet or a PacketParsedError.
    const spoilt = Buffer.from(stream);
    spoilt[next(spoilt.length)] ^= 1 + next(255);
    try {
      new FrameParser().push(spoilt, ({ action }) => assert.strictEqual(typeof action, 'string'));
    } catch (error) {
      assert.strictEqual(error.name, 'PacketParsedError');
    }
  }
});

test('garbage, huge and split frames end one connection, and no process', async (t) => {
  const socketPath = path.join(folder(), 'garbage.sock');
  const huge = Buffer.alloc(HEADER_BYTES);
  huge.writeUInt32BE(0xffffffff, 5);
  const hostile = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), huge, Buffer.concat([encode(1, 'fine', 1), Buffer.alloc(20, 0x7b)])];
  let connections = 0;
  const parsers = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    const bytes = hostile[connections];
    connections += 1;
    if (bytes) {
      socket.write(bytes);
      return;
    }
    const parser = new FrameParser();
    parsers.push(parser);
    socket.on('data', (chunk) => parser.push(chunk, ({ id, action, data }) => {
      if (action !== 'ask') return;
      // An answer nobody waits for, another action, and the answer in pieces.
      const frames = Buffer.concat([encode(1, 'response_callback_99999', 'late'), encode(2, 'unknown', {}), encode(3, `response_callback_${id}`, data)]);
      for (let at = 0; at < frames.length; at += 7) socket.write(frames.subarray(at, at + 7));
    }));
  });
  await new Promise((resolve) => server.listen(socketPath, resolve));
  t.after(() => server.close());
  const messenger = new Messenger(socketPath);
  t.after(() => messenger.close());
  const fine = [];
  messenger.handle('fine', (data) => fine.push(data));
  await until(() => connections === hostile.length + 1 && messenger.connected, 'a connection after those that were cut');
  assert.deepStrictEqual(fine, [1]);
  const answers = await Promise.all([1, 2, 3].map((i) => messenger.request('ask', { i })));
  assert.deepStrictEqual(answers, [{ i: 1 }, { i: 2 }, { i: 3 }]);
});
