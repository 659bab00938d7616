'use strict';

// Our hub client beside npm's, at the hub of npm's pandora-hub. `make deps` installs it. The hub of the daemon has its
// own tests; tags, which take part only there, are tested with it.

const assert = require('node:assert');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { createHub } = require('../node/hub');
const { match } = require('../node/hub/selector');
const { introspect } = require('../node/hub/objects');
const { flatten, revive } = require('../node/hub/errors');
const { folder, until } = require('./node-helper');

const NPM = path.resolve(__dirname, '../../.cache/clients/node_modules/pandora-hub');

const sockets = folder();

/**
 * A hub in a folder of its own, or nothing where npm's package is missing, which must not be in CI.
 * @param {import('node:test').TestContext} t
 * @returns {Promise<any>}
 */
async function startHub(t) {
  const missing = !fs.existsSync(NPM);
  assert.ok(!missing || process.env.CI !== 'true', `${NPM} is missing: run make deps`);
  if (missing) {
    t.skip(`${NPM} is missing: run make deps`);
    return null;
  }
  process.env.PANDORA_TMP_DIR = sockets; // npm's package reads it once
  const code = `new (require(${JSON.stringify(NPM)}).Hub)().start().then(() => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', code], { env: process.env, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const ended = once(child, 'exit');
  return { stop: () => { child.kill('SIGKILL'); return ended; } };
}

/** @param {import('node:test').TestContext} t @param {string} processName */
function ours(t, processName) {
  const hub = createHub({ appName: 'app', processName });
  t.after(() => hub.stop());
  return hub;
}

/** @param {import('node:test').TestContext} t @param {string} processName */
async function npms(t, processName) {
  const hub = new (require(NPM).Facade)();
  hub.setup({ location: { appName: 'app', processName, pid: String(process.pid) } });
  await hub.start();
  t.after(() => hub.getHubClient().messengerClient?.close());
  return hub;
}

/** Without what npm's package cannot publish. */
class Plain {
  constructor() {
    this.n = 5;
    this.zero = 0;
  }

  add(x, y) { return x + y; }

  give(what) { return { null: null, zero: 0, false: false, empty: '' }[what]; }

  boom() { throw Object.assign(new TypeError('no such thing'), { code: 'E_THING', more: { a: 1 } }); }

  word() { throw 'a word'; } // eslint-disable-line no-throw-literal

  nothing() { throw undefined; } // eslint-disable-line no-throw-literal

  subscribe(register, fn) { this.told.push(['subscribe', register]); this.fire = fn; }

  unsubscribe(register, fn) { this.told.push(['unsubscribe', register, fn === this.fire]); }
}

class Thing extends Plain {
  constructor() {
    super();
    this.told = [];
  }

  get broken() { throw new Error('getter'); }

  then() { return 1; }
}

test('what is published is used by another process, ours or npm\'s', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  t.after(() => server.stop());
  await ours(t, 'a').publish(Thing, 'mine');
  await (await npms(t, 'b')).publish(new Plain(), { name: 'theirs' });
  const hub = ours(t, 'c');
  for (const name of ['mine', 'theirs']) {
    const proxy = await hub.getProxy(name);
    assert.deepStrictEqual(Object.keys(proxy).sort(), ['add', 'boom', 'give', 'nothing', 'word'], name);
    assert.strictEqual(await proxy.add(1, 2), 3);
    assert.strictEqual(await proxy.getProperty('n'), 5);
    assert.throws(() => proxy.n, { message: "Use 'await proxy.getProperty('n')' to replace 'proxy.n' when using IPC Object Proxy" });
    assert.throws(() => { proxy.n = 1; }, /Use 'await proxy.getProperty/);
    await assert.rejects(proxy.boom(), (error) => error instanceof Error && error.message === 'no such thing'
      && error.code === 'E_THING' && error.more.a === 1 && /at \w+\.boom/.test(error.stack));
    assert.strictEqual(await hub.getProxy({ name }), proxy);
  }
  const mine = await hub.getProxy('mine');
  await assert.rejects(mine.boom(), { name: 'TypeError' });
  await assert.rejects(mine.word(), (error) => error === 'a word');
  await assert.rejects(mine.nothing(), { message: 'undefined was thrown', code: 'PANDORA_HUB_THROWN' });
  assert.deepStrictEqual(await Promise.all(['null', 'zero', 'false', 'empty'].map((what) => mine.give(what))), [null, 0, false, '']);
  assert.strictEqual(await mine.getProperty('zero'), 0);
  await assert.rejects(mine.getProperty('broken'), /getter/);
  const theirs = await (await npms(t, 'd')).getProxy({ name: 'mine' });
  assert.strictEqual(await theirs.add(3, 4), 7);
  assert.strictEqual(await theirs.give('zero'), 0);
});

test('what is not there is said', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  t.after(() => server.stop());
  const hub = ours(t, 'a');
  await hub.publish({ here: 1 }, 'thing');
  await assert.rejects(hub.publish({}, { name: 'thing' }), { message: 'object called "thing" already exist' });
  await assert.rejects(hub.getProxy('absent'), { message: 'Cannot found any clients by selector: {"objectName":"absent"}' });
  await assert.rejects(hub.getProxy({}), /expects a name, or \{ name, tag \}, got \{\}/);
  const client = hub.getHubClient();
  for (const method of ['nope', 'constructor', '__proto__', 'here']) {
    const { error } = await client.invoke({ objectName: 'thing' }, 'OBJECT_ACTION_INVOKE', { propertyName: method });
    assert.strictEqual(error.message, `Cannot found method called ${method} within object {"name":"thing"}`);
  }
  await assert.rejects(client.start(), { message: 'HubClient already started' });
  await assert.rejects(createHub({ appName: 'x', processName: 'y' }).getHubClient().stop(), { message: 'HubClient has not started yet' });
  await assert.rejects(client.publish({ objectName: 'thing' }), { message: 'Selector {"objectName":"thing"} already exist' });
  await hub.unpublish('thing');
  await assert.rejects(hub.getProxy('thing'), /Cannot found any clients/);
});

test('messages go to one or to all, and are answered', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  t.after(() => server.stop());
  const [a, b, c] = await Promise.all(['a', 'a', 'c'].map(async (name) => {
    const hub = ours(t, name);
    await hub.start();
    return hub.getHubClient();
  }));
  const echo = await c.invoke({ processName: 'a' }, 'echo', { data: 7 });
  assert.strictEqual(echo.success, true);
  assert.strictEqual(echo.data.echo.data, 7);
  a.pushDispatchHandler({ dispatch: ({ action }) => (action === 'mine' ? 0 : undefined) });
  b.pushDispatchHandler({ dispatch: ({ action }) => (action === 'mine' ? false : undefined) });
  const replies = await c.multipleInvoke({ processName: 'a' }, 'mine');
  assert.deepStrictEqual(replies?.map(({ data }) => data).sort(), [0, false].sort());
  assert.strictEqual(await c.multipleInvoke({ processName: 'nobody' }, 'mine'), undefined);
  const heard = Promise.all([a, b].map((client) => new Promise((resolve) => client.once('event', resolve))));
  c.multipleSend({ processName: 'a' }, 'event', { data: 'x' });
  assert.deepStrictEqual((await heard).map(({ data }) => data), ['x', 'x']);
  assert.strictEqual(c.getLocation().processName, 'c');
});

test('events come from every provider, also from one that comes later', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  t.after(() => server.stop());
  const [one, two] = [new Thing(), new Thing()];
  const first = ours(t, 'a');
  await first.publish(one, 'thing');
  const proxy = await ours(t, 'c').getProxy('thing');
  const events = [];
  const listener = (...params) => events.push(params);
  await proxy.subscribe('x', listener);
  await ours(t, 'b').publish(two, 'thing');
  await until(() => two.fire, 'subscription to the second provider');
  await one.fire('from one', 1);
  await two.fire('from two');
  assert.deepStrictEqual(events, [['from one', 1], ['from two']]);
  await proxy.unsubscribe('x', listener);
  assert.deepStrictEqual([one.told, two.told], [[['subscribe', 'x'], ['unsubscribe', 'x', true]], [['subscribe', 'x'], ['unsubscribe', 'x', true]]]);
  // A subscriber that is gone without a word is no subscriber.
  const gone = ours(t, 'd');
  await (await gone.getProxy('thing')).subscribe('y', listener);
  await gone.stop();
  await proxy.unsubscribe('y');
  await assert.rejects(ours(t, 'e').getProxy('nobody').then((nobody) => nobody.subscribe('x', listener)), /Cannot found any clients/);
});

test('a daemon that is away is waited for, and finds everything again', async (t) => {
  const server = await startHub(t);
  if (!server) return;
  const alive = setInterval(() => {}, 1000); // the hub keeps no process alive
  t.after(() => clearInterval(alive));
  const [a, c] = [ours(t, 'a'), ours(t, 'c')];
  await a.publish(new Thing(), 'thing');
  const proxy = await c.getProxy('thing');
  await server.stop();
  await until(async () => {
    const error = await c.getConsumer('thing', { timeout: 50 }).getProperty('n').then(() => null, (reason) => reason);
    return error?.name === 'MessengerRequestTimeoutError' && error.message === 'target no response in 50ms';
  }, 'calls that wait for a daemon');
  c.getConsumer('thing', { timeout: 20000 });
  const waiting = proxy.add(1, 1);
  const published = a.publish({ late: () => 'late' }, 'later');
  const again = await startHub(t);
  t.after(() => again.stop());
  // It may be the caller that is back first: then nobody is found.
  const value = await waiting.catch((error) => error.message);
  assert.ok(value === 2 || /Cannot found any clients/.test(value), value);
  await published;
  await until(() => proxy.add(2, 2).then((sum) => sum === 4, () => false), 'the object again');
  await until(() => c.getProxy('later').then((later) => later.late(), () => false), 'what was published meanwhile');
});

test('a process that has nothing else to do ends', (t) => {
  const dir = folder();
  const code = `const hub = require(${JSON.stringify(require.resolve('../node/hub'))}).createHub({ appName: 'a', processName: 'b' });
    hub.publish({}, 'x').then(() => console.log('published'));`;
  const { stdout, status } = spawnSync(process.execPath, ['-e', code],
    { env: { ...process.env, PANDORA_TMP_DIR: dir }, encoding: 'utf8', timeout: 20000 });
  assert.deepStrictEqual([status, stdout], [0, 'published\n']);
});

test('selectors, members and errors', () => {
  assert.ok(match({ objectName: 'a' }, { objectName: 'a', appName: 'x' }));
  assert.ok(!match({ objectName: 'a' }, { objectName: 'a', objectTag: 'red' }));
  assert.ok(!match({ objectName: 'a', objectTag: 'red' }, { objectName: 'a' }));
  assert.ok(match({ appName: 'x' }, { objectName: 'a', objectTag: 'red', appName: 'x' }));
  assert.ok(!match({ pid: '1' }, { pid: '2' }));
  assert.deepStrictEqual(introspect({ f() {}, * g(x) {}, v: 1, subscribe() {} }), {
    properties: [{ name: 'v', type: 'number' }],
    methods: [{ name: 'f', length: 0, type: 'function' }, { name: 'g', length: 1, type: 'generator' }],
  });
  const hostile = JSON.parse('{"message":"m","name":7,"__proto__":{"x":1},"code":"C"}');
  const revived = revive(hostile);
  assert.strictEqual(revived.code, 'C');
  assert.strictEqual(revived.x, undefined);
  assert.strictEqual(revive('text'), 'text');
  assert.strictEqual(revive(flatten(new RangeError('r'))).name, 'RangeError');
});
