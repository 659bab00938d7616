'use strict';

// Calls that go directly from process to process. The hub is that of npm's pandora-hub, which `make deps` installs; what our
// daemon adds, to say when those who have published an object are others, is tested with the daemon.

const assert = require('node:assert');
const { fork, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { after, test } = require('node:test');
const { createHub } = require('../node/hub');
const { DOOR } = require('../node/hub/names');
const { Door } = require('../node/hub/door');
const { Ways } = require('../node/hub/ways');
const { Lines } = require('../node/wire/lines');
const { folder, until } = require('./node-helper');

const NPM = path.resolve(__dirname, '../../.cache/clients/node_modules/pandora-hub');
const sockets = folder();
process.env.PANDORA_TMP_DIR = sockets; // npm's package reads it once

const alive = setInterval(() => {}, 1000); // no hub keeps a process alive
after(() => clearInterval(alive));

/** A hub, or nothing where npm's package is missing, which must not be in CI. */
async function startHub(t) {
  if (fs.existsSync(NPM)) {
    const hub = new (require(NPM).Hub)();
    await hub.start();
    let stopped;
    const stop = () => { stopped ??= hub.stop(); return stopped; };
    t.after(stop);
    return { stop };
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

const doors = () => fs.readdirSync(sockets).filter((name) => DOOR.test(name));

/** What goes through the daemon to one process is counted. */
function counted(hub) {
  const client = hub.getHubClient();
  const deliver = client.deliver.bind(client);
  const count = { calls: 0 };
  client.deliver = (message) => {
    if (message.action === 'OBJECT_ACTION_INVOKE') count.calls += 1;
    return deliver(message);
  };
  return count;
}

/** Calls until calls of proxy do not come to those who count. */
async function direct(proxy, counts) {
  await until(async () => {
    const before = counts.map(({ calls }) => calls).join();
    await proxy.echo(1);
    return counts.map(({ calls }) => calls).join() === before;
  }, 'a call that does not go through the daemon');
}

class Thing {
  constructor(name) {
    this.name = name;
    this.zero = 0;
    this.heard = [];
  }

  echo(value) { return value; }

  async later(value) { await null; return value; }

  hear(value) { this.heard.push(value); return this.name; }

  who() { return this.name; }

  give(what) { return { null: null, zero: 0, empty: '', undefined, date: new Date(0), error: new RangeError('inside'), function: () => {} }[what]; }

  boom() { throw Object.assign(new TypeError('no such thing'), { code: 'E_THING', more: { a: 1 } }); }

  nothing() { throw undefined; } // eslint-disable-line no-throw-literal

  circle() { const circle = {}; circle.circle = circle; return circle; }

  big() { return 1n; }

  never() { return new Promise(() => {}); }

  get broken() { throw new Error('getter'); }
}

/** What becomes of a promise. */
const outcome = (promise) => promise.then((value) => ({ value }), (error) => {
  const { stack, ...members } = error instanceof Error ? { name: error.name, message: error.message, ...error } : { thrown: error };
  return members;
});

test('a direct call says what one through the daemon says, and needs no daemon', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  const provider = ours(t, 'a');
  const thing = new Thing('only');
  await provider.publish(thing, { name: 'thing', tag: 'x' });
  await provider.publish({ echo: (value) => value, who: () => 'plain' }, 'thing');
  const count = counted(provider);
  const proxy = await ours(t, 'b').getProxy({ name: 'thing', tag: 'x' });
  const all = async () => {
    const circle = {};
    circle.circle = circle;
    const said = [];
    for (const call of [
      () => proxy.echo('ü\n"'), () => proxy.echo({ deep: [1, null, { error: new RangeError('r').message }] }), () => proxy.echo(), () => proxy.later([0]),
      ...['null', 'zero', 'empty', 'undefined', 'date', 'function', 'nowhere'].map((what) => () => proxy.give(what)),
      () => proxy.give('error').then(({ message }) => message),
      () => proxy.boom(), () => proxy.nothing(), () => proxy.circle(), () => proxy.big(), () => proxy.echo(1n), () => proxy.echo(circle),
      () => proxy.getProperty('zero'), () => proxy.getProperty('nowhere'), () => proxy.getProperty('broken'), () => proxy.who(),
    ]) said.push(await outcome(call()));
    return said;
  };
  // A proxy through the daemon for good: one that has not been called often.
  const consumers = ours(t, 'c');
  const rarely = await consumers.getProxy({ name: 'thing', tag: 'x' });
  assert.strictEqual(await rarely.echo(1), 1);
  const first = await all();
  await direct(proxy, [count]);
  const before = count.calls;
  assert.deepStrictEqual(await all(), first);
  assert.strictEqual(count.calls, before);
  assert.strictEqual(first.at(-1).value, 'only');
  await assert.rejects(proxy.boom(), (error) => error instanceof TypeError === false && error.name === 'TypeError' && error.more.a === 1 && /at Thing\.boom/.test(error.stack));
  const consumer = consumers.getConsumer({ name: 'thing', tag: 'x' });
  await until(() => consumer.invoke('nope', []).then(() => false, (error) => /Cannot found method called nope/.test(error.message)), 'an unknown method');
  assert.strictEqual(doors().length, 1);
  assert.strictEqual(fs.statSync(path.join(sockets, doors()[0])).mode & 0o777, 0o600);
  await server.stop();
  assert.strictEqual(await proxy.echo('without a daemon'), 'without a daemon');
  await provider.stop();
  assert.deepStrictEqual(doors(), []);
});

test('calls keep their order when they begin to go directly', async (t) => {
  if (!await startHub(t)) return;
  const thing = new Thing('a');
  const provider = ours(t, 'a');
  await provider.publish(thing, 'thing');
  const count = counted(provider);
  const proxy = await ours(t, 'b').getProxy('thing');
  const calls = [];
  for (let i = 0; i < 20_000 && calls.length - count.calls < 1000; i += 1) {
    calls.push(proxy.hear(i));
    if (i % 10 === 0) await new Promise((resolve) => { setImmediate(resolve); });
  }
  await Promise.all(calls);
  assert.ok(count.calls < calls.length, 'none went directly');
  assert.deepStrictEqual(thing.heard, calls.map((_, i) => i));
});

test('calls are spread, a hanging process is spared, and each has its own time', async (t) => {
  if (!await startHub(t)) return;
  const [a, b] = [ours(t, 'a'), ours(t, 'b')];
  await a.publish(new Thing('a'), 'thing');
  await b.publish(new Thing('b'), 'thing');
  const counts = [counted(a), counted(b)];
  const hub = ours(t, 'c');
  const proxy = await hub.getProxy('thing');
  await direct(proxy, counts);
  assert.deepStrictEqual((await Promise.all([proxy.who(), proxy.who(), proxy.who(), proxy.who()])).sort(), ['a', 'a', 'b', 'b']);
  hub.getConsumer('thing', { timeout: 200 });
  const hanging = proxy.never();
  hub.getConsumer('thing', { timeout: 20000 });
  const others = new Set();
  for (let i = 0; i < 6; i += 1) others.add(await proxy.who());
  assert.strictEqual(others.size, 1);
  await assert.rejects(hanging, { name: 'MessengerRequestTimeoutError', message: 'target no response in 200ms', code: 'PANDORA_TIMEOUT' });
});

test('an object that is taken back is called elsewhere, and no call is lost', async (t) => {
  if (!await startHub(t)) return;
  const [a, b] = [ours(t, 'a'), ours(t, 'b')];
  await a.publish(new Thing('a'), 'thing');
  await b.publish(new Thing('b'), 'thing');
  const counts = [counted(a), counted(b)];
  const proxy = await ours(t, 'c').getProxy('thing');
  await direct(proxy, counts);
  let stop = false;
  const names = new Set();
  const rows = Promise.all(Array.from({ length: 8 }, async () => {
    while (!stop) names.add(await proxy.later('x') && await proxy.who());
  }));
  await until(() => names.has('a') && names.has('b'), 'calls of both');
  // As a reload does: what is under way is answered.
  await a.getHubClient().unpublish({});
  await a.getHubClient().idle();
  await a.stop();
  const then = Array.from({ length: 4 }, () => proxy.who());
  assert.deepStrictEqual(new Set(await Promise.all(then)), new Set(['b']));
  const again = ours(t, 'a');
  await again.publish(new Thing('new'), 'thing');
  await b.unpublish('thing');
  await until(async () => await proxy.who() === 'new', 'calls of who has come');
  stop = true;
  await rows;
  await again.unpublish('thing');
  await assert.rejects(proxy.who(), { message: 'Cannot found any clients by selector: {"objectName":"thing"}' });
});

test('npm\'s clients and ours publish the same object', async (t) => {
  if (!await startHub(t)) return;
  const a = ours(t, 'a'); // npm's client comes back by itself: no other test has this name
  await a.publish(new Thing('ours'), 'both');
  const proxy = await ours(t, 'c').getProxy('both');
  const theirs = new (require(NPM).Facade)();
  theirs.setup({ location: { appName: 'app', processName: 'b', pid: String(process.pid) } });
  await theirs.start();
  t.after(() => theirs.getHubClient().messengerClient?.close());
  await theirs.publish({ who: () => 'npm', echo: (value) => value }, { name: 'both' });
  const heard = {};
  for (let i = 0; i < 200; i += 1) {
    const name = await proxy.who();
    heard[name] = (heard[name] ?? 0) + 1;
  }
  assert.ok(heard.ours > 0 && heard.npm > 0, JSON.stringify(heard)); // at random: not one in 2 ** 199 times
  const npm = await theirs.getProxy({ name: 'both' });
  assert.ok(['ours', 'npm'].includes(await npm.who()));
});

const PROVIDER = `const hub = require(${JSON.stringify(require.resolve('../node/hub'))}).createHub({ appName: 'app', processName: process.argv[2] });
  process.on('message', () => process.exit());
  hub.publish({ echo: (value) => value, pid: () => process.pid, never: () => new Promise(() => {}) }, 'thing')
    .then(() => process.send('published'));`;

/** A process that publishes a thing. */
async function publisher(t, dir) {
  const child = fork(path.join(dir, 'provider.js'), ['child'], { env: process.env, execArgv: [] });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'message');
  return child;
}

test('a process that dies takes its calls with it at once, and those of nobody else', async (t) => {
  if (!await startHub(t)) return;
  const dir = folder({ 'provider.js': PROVIDER });
  const [first, second] = [await publisher(t, dir), await publisher(t, dir)];
  const hub = ours(t, 'c');
  const proxy = await hub.getProxy('thing', { timeout: 60_000 });
  await until(async () => { await proxy.echo(1); return doors().length === 2; }, 'doors');
  for (let i = 0; i < 20; i += 1) await proxy.echo(1);
  const hanging = [proxy.never(), proxy.never()].map(outcome); // one each
  first.kill('SIGKILL');
  assert.deepStrictEqual(await Promise.race(hanging),
    { name: 'Error', message: `process ${first.pid} ended, or closed its connection, before it answered`, code: 'PANDORA_HUB_CLOSED' });
  assert.strictEqual(await Promise.race([Promise.all(hanging), proxy.echo('alive')]), 'alive');
  for (let i = 0; i < 20; i += 1) assert.strictEqual(await proxy.pid(), second.pid);
  const third = await publisher(t, dir); // which removes what the first has left
  second.send('end');
  await once(second, 'exit');
  hub.getConsumer('thing', { timeout: 200 }); // npm's hub may send calls to one that has just ended
  await until(() => proxy.pid().then((pid) => pid === third.pid, () => false), 'calls of who is left');
  await until(() => proxy.echo(1).then(() => doors().length === 1, () => false), 'the sockets of those who are gone are removed');
});

test('a connection that is of no use any more is closed, and made again', async (t) => {
  if (!await startHub(t)) return;
  await ours(t, 'a').publish(new Thing('a'), 'thing');
  const hub = ours(t, 'c');
  await hub.start();
  const ways = new Ways(hub.getHubClient(), 40);
  const way = ways.to({ name: 'thing' });
  const call = (member, ...params) => way.call('OBJECT_ACTION_INVOKE', member, params, 500);
  for (let i = 0; i < 3; i += 1) {
    await until(async () => await call('echo', i) === i && ways.size === 1 && way.state === 'doors', 'a direct call');
    const hanging = outcome(call('never'));
    await until(() => ways.size === 0, 'the end of the connection');
    assert.deepStrictEqual(await hanging, { name: 'MessengerRequestTimeoutError', message: 'target no response in 500ms', code: 'PANDORA_TIMEOUT' });
    assert.strictEqual(way.state, 'daemon');
  }
});

test('what comes to a door that is no call ends one connection, and harms no other', async (t) => {
  if (!await startHub(t)) return;
  const a = ours(t, 'a');
  await a.publish(new Thing('a'), 'thing');
  const count = counted(a);
  const proxy = await ours(t, 'c').getProxy('thing');
  await direct(proxy, [count]);
  const door = path.join(sockets, doors()[0]);
  for (const bytes of ['garbage\n', '{}\n', '7\n', '[7]\n', '[[1,"thing","echo",[1]],null]\n', 'null\n']) {
    const socket = net.connect(door).on('error', () => {});
    socket.resume().write(bytes);
    await once(socket, 'close');
  }
  const odd = net.connect(door).on('error', () => {});
  const said = [];
  const lines = new Lines(odd, (items) => said.push(...items));
  for (const item of ['[1]', '[2,{},{}]', '["3","thing","echo",[1]]', '[4,"thing","echo",{"0":1}]', '[5,"thing","__proto__",[]]', '[6,"thing",null,[]]']) lines.say(item);
  await until(() => said.length === 7, 'answers to odd calls');
  assert.deepStrictEqual(said.slice(0, 5), [[0, process.pid], [1, 0, 0, 1], [2, 0, 0, 1], [3, 1], [4]]);
  assert.match(said[5][2].message, /Cannot found method called __proto__ within object/);
  odd.destroy();
  assert.strictEqual(await proxy.echo(1), 1);
});

test('lines come as they were said however the stream is cut', async () => {
  const got = [];
  const socket = { on(event, fn) { if (event === 'data') this.push = fn; return this; }, unref() {}, destroy(error) { this.error = error; } };
  const lines = new Lines(socket, (items) => got.push(...items));
  assert.ok(lines);
  const said = Array.from({ length: 300 }, (_, i) => [i, 'ü'.repeat(i % 7), { a: '\n' }]);
  const stream = Buffer.from(said.map((item) => `${JSON.stringify([item])}\n`).join(''));
  for (let at = 0, size = 1; at < stream.length; at += size, size = (size * 7 + 3) % 61 + 1) socket.push(stream.subarray(at, at + size));
  assert.deepStrictEqual(got, said);
  assert.strictEqual(socket.error, undefined);
  for (let i = 0; i < 65; i += 1) socket.push(Buffer.alloc(1024 * 1024, 0x20));
  assert.strictEqual(socket.error?.code, 'PANDORA_PACKET');
});

test('a door is opened only in a folder of one\'s own, and what the dead have left is removed', async () => {
  const open = path.join(folder(), 'open');
  fs.mkdirSync(open);
  fs.chmodSync(open, 0o755);
  const door = (dir) => new Door(/** @type {any} */ ({ socketPath: path.join(dir, 'hub.sock') }), () => undefined, () => {});
  assert.strictEqual(await door(open).open(), '');
  assert.strictEqual(await door(path.join(open, 'absent')).open(), '');
  const dir = folder({ 'hub-zzzzz-1.sock': '', [`hub-${process.pid.toString(36)}-1.sock`]: '', 'hub-else.sock': '' });
  const opened = door(dir);
  const name = await opened.open();
  assert.match(name, DOOR);
  assert.deepStrictEqual(fs.readdirSync(dir).sort(), [name, `hub-${process.pid.toString(36)}-1.sock`, 'hub-else.sock'].sort());
  opened.close();
  assert.ok(!fs.existsSync(path.join(dir, name)));
});

test('a process that calls directly, and is called, ends all the same, and leaves nothing', async (t) => {
  if (!await startHub(t)) return;
  const code = `const { createHub } = require(${JSON.stringify(require.resolve('../node/hub'))});
    const alive = setInterval(() => {}, 1000);
    const [a, b] = ['a', 'b'].map((processName) => createHub({ appName: 'app', processName }));
    (async () => {
      await a.publish({ echo: (value) => value }, 'own');
      const own = await b.getProxy('own');
      for (let i = 0; i < 200; i += 1) await own.echo(i);
      console.log(require('node:fs').readdirSync(process.env.PANDORA_TMP_DIR).some((name) => name.startsWith('hub-')));
      clearInterval(alive);
    })();`;
  const child = spawn(process.execPath, ['-e', code], { env: process.env, stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const [status] = await once(child, 'close');
  assert.deepStrictEqual([status, Buffer.concat(chunks).toString()], [0, 'true\n']);
  assert.deepStrictEqual(doors(), []);
});
