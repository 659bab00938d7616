'use strict';

// Services that misbehave: the worker fails with a reason that says which one, and how.

const assert = require('node:assert');
const net = require('node:net');
const { test } = require('node:test');
const { socketPathOf } = require('../node/service/link');
const { folder, launch, failure, stop, until } = require('./node-helper');

test('what is wrong with a service is told with its name', async (t) => {
  const cases = [
    ['class { constructor() { throw new RangeError("no room"); } }', 'no room'],
    ['class { constructor() { throw undefined; } }', 'service "a": its constructor failed with undefined, which is no Error'],
    ['class { start() { return Promise.reject(); } }', 'service "a": start() failed with undefined, which is no Error'],
    ['class { async start() { throw "just text"; } }', "service \"a\": start() failed with 'just text', which is no Error"],
    ['class { async start() { throw Object.freeze({ code: 7 }); } }', 'service "a": start() failed with { code: 7 }, which is no Error'],
    ['class { async start() { throw Object.create(null); } }', 'service "a": start() failed with [Object: null prototype] {}, which is no Error'],
    ['class { async start() { throw Object.freeze(new TypeError("cold")); } }', 'cold'],
    ['class { async start() { throw { message: "as from a hub" }; } }', 'as from a hub'],
    ['class { get start() { throw new Error("a getter"); } }', 'a getter'],
    ['class { start() { process.exit(3); } }', 'service "a": start() called process.exit(3) before the worker was ready', 3],
    ['class { async start() { await null; process.exit(0); } }', 'service "a": start() called process.exit(0) before the worker was ready', 0],
    ['class { constructor() { process.exit(4); } }', 'service "a": its constructor called process.exit(4) before the worker was ready', 4],
    ["class { static get dependencies() { return 'logger'; } }",
      'service "a": its class\'s static dependencies expects an array of names of services, got \'logger\''],
    ['class { static get dependencies() { return 7; } }', 'service "a": its class\'s static dependencies expects an array of names of services, got 7'],
    ["class { static get dependencies() { throw new Error('no dependencies today'); } }", 'no dependencies today'],
    ['class { start() { return new Promise(() => {}); } }', 'service "a" has not started within 1s'],
    ['class { start() { return { then() {} }; } }', 'service "a" has not started within 1s'],
    ['() => {}', /is not a constructor/],
  ];
  for (let at = 0; at < cases.length; at += 6) {
    await Promise.all(cases.slice(at, at + 6).map(([entry, message, code = 1]) => t.test(String(message), async () => {
      const dir = folder({
        'a.js': `module.exports = ${entry};`,
        'procfile.js': "module.exports = (pandora) => { pandora.service('a', './a'); };",
      });
      const worker = launch(dir, { definition: { policy: { startTimeoutMs: 1000 } } });
      const { error } = await until(() => worker.messages.find(({ act }) => act === 'error'), `error of ${entry} (${worker.output})`);
      if (typeof message === 'string') assert.strictEqual(error.message, message);
      else assert.match(error.message, message);
      assert.deepStrictEqual(await worker.end(), { code, signal: null });
    })));
  }
});

test('an entry that ends the process, and one that never ends', async () => {
  const exits = launch(folder({ 'app.js': 'setImmediate(() => {}); process.exit(5);' }), { entryFile: './app.js' });
  const { error } = await until(() => exits.messages.find(({ act }) => act === 'error'), 'error');
  assert.strictEqual(error.message, 'the entry ./app.js called process.exit(5) before the worker was ready');
  assert.match(error.stack, /app\.js:1/);
  assert.deepStrictEqual(await exits.end(), { code: 5, signal: null });
  assert.deepStrictEqual(exits.doing, ['the entry ./app.js']);
  const late = await failure(folder({ 'app.mjs': 'await new Promise(() => {});' }),
    { entryFile: './app.mjs', definition: { policy: { startTimeoutMs: 1000 } } });
  assert.strictEqual(late.message, 'the entry ./app.mjs has not been loaded within 1s');
});

test('a configurator that never answers', async () => {
  const late = await failure(folder({
    'procfile.js': 'module.exports = (pandora) => { pandora.configurator(class { getAllProperties() { return new Promise(() => {}); } }); pandora.service(class A {}).category("worker"); };',
  }), { definition: { policy: { startTimeoutMs: 1000 } } });
  assert.strictEqual(late.message, 'the configurator has not given its properties within 1s');
});

test('a stop that never ends is named', async () => {
  const worker = launch(folder({
    'procfile.js': "module.exports = (pandora) => { pandora.service('stuck', class { stop() { return new Promise(() => {}); } }); };",
  }), { definition: { policy: { stopTimeoutMs: 100 } } });
  await worker.next('ready');
  worker.send('shutdown');
  await until(() => /service "stuck" has not stopped within 100ms; the process \d+ ends without it/.test(worker.output), 'line');
  worker.child.disconnect();
  await worker.end();
});

test('a service may put its own hands on process.emit', async () => {
  const worker = launch(folder({
    'procfile.js': `
      class A {
        start() {
          const { emit } = process;
          process.emit = function (name, ...rest) { A.seen = (A.seen || 0) + 1; return emit.call(this, name, ...rest); };
        }
        stop() { console.log('> stop ' + (A.seen > 0)); }
      }
      module.exports = (pandora) => { pandora.service('a', A); };`,
  }));
  await worker.next('ready');
  await stop(worker);
  assert.deepStrictEqual(worker.lines(), ['stop true']);
});

test('what is published needs no daemon to start, to work, or to stop', async () => {
  const worker = launch(folder({
    'procfile.js': `
      class A {
        constructor(context) { this.context = context; }
        start() { console.log('> start'); }
        async stop() {
          try {
            await (await this.context.getProxy('nobody', { timeout: 50 })).call();
          } catch (error) {
            console.log('> ' + (error instanceof Error));
          }
        }
      }
      module.exports = (pandora) => { pandora.service('a', A).publish(); pandora.service('b', class { start() { console.log('> after'); } }).dependency('a'); };`,
  }));
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['start', 'after']);
  assert.deepStrictEqual(await stop(worker), { code: 0, signal: null });
  assert.deepStrictEqual(worker.lines()[2], 'true');
});

test('garbage on the agent\'s socket ends its connection, and nothing else', async () => {
  const dir = folder({
    'counter.js': `
      module.exports = class Counter {
        static getProxy() { return class { constructor(core) { this.core = core; } }; }
        one() { return 1; }
      };`,
    'procfile.js': `
      module.exports = (pandora) => {
        pandora.service('./counter').category('all');
        pandora.applet(class Anchor {}).category('agent');
        pandora.service(class User { async start() { console.log('> ' + await this.core.deps.counter.core.invoke('one')); } }).category('worker').dependency('counter');
      };`,
  });
  const agent = launch(dir, { name: 'agent' });
  await agent.next('ready');
  const { encode } = require('../node/wire/frames');
  const send = (...frames) => new Promise((resolve) => {
    const socket = net.connect(socketPathOf('demo', dir), () => { for (const frame of frames) socket.write(frame); });
    socket.on('close', () => resolve('closed')).on('error', () => {});
    socket.on('data', (data) => { resolve(String(data)); socket.destroy(); });
  });
  const header = Buffer.alloc(9);
  header.writeUInt32BE(0xffffffff, 5);
  assert.strictEqual(await send(header), 'closed');
  assert.strictEqual(await send(Buffer.from('GET / HTTP/1.1\r\n\r\n')), 'closed');
  const message = (data) => encode(7, 'SERVICE_INTERNAL', data);
  const cases = [null, 7, {}, { type: 'service-invoke-method', serviceId: 'nobody' },
    { type: 'service-invoke-method', serviceId: 'counter', payload: { name: 'nothing' } },
    { type: 'service-invoke-method', serviceId: 'counter', payload: null }, { type: 'what', serviceId: 'counter' }];
  for (const data of cases) assert.match(await send(encode(1, 'error', 'no'), message(data)), /"action":"response_callback_7".*"error"/, JSON.stringify(data));
  assert.match(await send(encode(1, 'disconnected', {}), message({ type: 'service-ping-remote', serviceId: 'counter' })), /"data":"done"/);
  const worker = launch(dir);
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['1']);
  await Promise.all([stop(worker), stop(agent)]);
});
