'use strict';

// Services of the first form that run once, in the process agent, and have proxies elsewhere.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { folder, launch, failure, stop, until } = require('./node-helper');
const { socketPathOf } = require('../node/service/link');
const { flatten } = require('../node/service/agent');

/** Counts, tells who listens of each count, and fails on demand. Workers do what the file `do` in their folder says. */
const COUNTER = {
  'counter.js': `
    class CounterProxy {
      constructor(core) { this.made = core.serviceName; }
      start() { console.log('> proxy start ' + this.core.workMode); }
      add(n) { return this.core.invoke('add', [n]); }
      subscribe(reg, fn) { return this.core.subscribe(reg, fn); }
      unsubscribe(reg, fn) { return this.core.unsubscribe(reg, fn); }
    }
    module.exports = class Counter {
      static getProxy() { return CounterProxy; }
      constructor(core) { this.config = core.config; this.sum = 0; this.listeners = []; }
      async start() { await null; console.log('> real start ' + this.core.workMode); }
      async stop() { console.log('> real stop ' + this.sum); }
      async add(n) {
        this.sum += n;
        for (const [reg, fn] of this.listeners) fn({ reg, sum: this.sum });
        return this.sum;
      }
      self() { return this; }
      pid() { return process.pid; }
      fail() { throw Object.assign(new RangeError('no more'), { code: 'E_FULL', left: 3 }); }
      hang() { console.log('> hangs'); return new Promise(() => {}); }
      slow() { console.log('> slow'); return new Promise((resolve) => { setTimeout(resolve, 50, 'slowly'); }); }
      handleSubscribe(reg, fn) { console.log('> subscribe ' + JSON.stringify(reg)); this.listeners.push([reg, fn]); return 'welcome'; }
      handleUnsubscribe(reg, fn) {
        console.log('> unsubscribe ' + JSON.stringify(reg));
        this.listeners = this.listeners.filter(([, each]) => each !== fn);
      }
    };`,
  'plain.js': 'module.exports = class Plain { static getProxy() { return class {}; } };',
  'procfile.js': `
    module.exports = (pandora) => {
      pandora.service('./counter').name('counter').category('all');
      pandora.service('./plain').name('plain').category('all');
      pandora.applet(class Anchor { start() {} }).category('agent');
      pandora.service(class User {
        async start() {
          const { counter, plain } = this.core.deps;
          const say = (text) => console.log('> ' + text);
          const attempt = async (run) => { try { return await run(); } catch (error) { say(error.message + (error.cause ? ' | ' + error.cause.name + ' ' + error.cause.message + ' ' + error.cause.left + ' ' + error.code : '')); } };
          process.on('message', async ({ run }) => {
            if (run) say('ran ' + JSON.stringify(await attempt(() => eval(run))));
          });
        }
      }).name('user').category('worker').dependency(['counter', 'plain']);
      pandora.applet(class Web { start() {} }).category('worker');
    };`,
};

/** Has the user service run code; resolves with what it gave. */
async function run(worker, code) {
  const before = worker.lines().filter((line) => line.startsWith('ran ')).length;
  worker.child.send({ run: code });
  const line = await until(() => worker.lines().filter((each) => each.startsWith('ran '))[before], `answer to ${code} (${worker.output})`);
  return line.slice(4) === 'undefined' ? undefined : JSON.parse(line.slice(4));
}

test('one instance in the agent, called and listened to by every worker', async () => {
  const dir = folder(COUNTER);
  const agent = launch(dir, { name: 'agent' });
  await agent.next('ready');
  assert.deepStrictEqual(agent.lines(), ['real start agent']);
  assert.strictEqual(fs.statSync(socketPathOf('demo', dir)).mode & 0o777, 0o600);
  const [one, two] = [launch(dir), launch(dir)];
  await Promise.all([one.next('ready'), two.next('ready')]);
  assert.deepStrictEqual(one.lines(), ['proxy start worker']);

  assert.strictEqual(await run(one, 'counter.add(2)'), 2);
  assert.strictEqual(await run(two, 'counter.add(3)'), 5);
  assert.strictEqual(await run(two, "counter.core.invoke('pid')"), agent.child.pid);
  assert.strictEqual(await run(two, "counter.core.invoke('self')"), null);
  assert.strictEqual(await run(one, "counter.core.getMessengerServer() === undefined && counter.core.getMessengerClient() !== undefined"), true);

  await run(one, "counter.core.invoke('fail', [1, 'a'])");
  assert.ok(one.lines().includes('ServiceProxy invokeMethodRemote(fail, 1,a) error: no more | RangeError no more 3 E_FULL'), one.output);
  await run(one, "counter.core.invoke('nope')");
  assert.match(one.output, /service "counter" has no method nope\(\)/);
  for (const [code, text] of [
    ["plain.core.subscribe('x', () => {})", 'could not found subscribeHandler when subscribe event'],
    ["counter.unsubscribe('never', () => {})", 'abandon a unknown topic'],
  ]) {
    await run(one, code);
    assert.match(one.output, new RegExp(text));
  }

  assert.strictEqual(await run(one, "global.heard = (event) => say('heard ' + JSON.stringify(event)); counter.subscribe({ b: 1, a: 'x' }, heard)"), 'welcome');
  await run(one, "counter.subscribe({ a: 'x', b: 1 }, heard)");
  assert.match(one.output, /duplicate keepState tag/);
  await run(one, "counter.unsubscribe({ a: 'x', b: 1 }, () => {})");
  assert.match(one.output, /abandon a unknown tag/);
  await run(two, 'counter.add(1)');
  await one.printed('heard {"reg":{"b":1,"a":"x"},"sum":6}');
  await run(one, "counter.unsubscribe({ a: 'x', b: 1 }, heard)");
  await run(two, 'counter.add(1)');
  assert.strictEqual(await run(one, 'counter.add(0)'), 7);
  assert.strictEqual(one.lines().filter((line) => line.startsWith('heard')).length, 1);

  await run(two, "counter.subscribe('gone', () => {})");
  await stop(two);
  await agent.printed('unsubscribe "gone"');
  await stop(one);
  await stop(agent);
  assert.strictEqual(agent.lines().at(-1), 'real stop 7');
  assert.strictEqual(fs.existsSync(socketPathOf('demo', dir)), false);
});

test('a new agent takes over: nothing is lost in a reload, and what was subscribed to is subscribed to again', async () => {
  const dir = folder(COUNTER);
  const old = launch(dir, { name: 'agent' });
  await old.next('ready');
  const worker = launch(dir);
  await worker.next('ready');
  await run(worker, "counter.subscribe('sum', (event) => say('sum ' + event.sum))");
  const fresh = launch(dir, { name: 'agent' }); // as in a reload, before the old one stops
  await fresh.next('ready');
  assert.strictEqual(await run(worker, "counter.core.invoke('pid')"), old.child.pid);
  await run(worker, "(globalThis.calls = Promise.all([1, 2, 3, 4].map(async () => { while (!globalThis.enough) await counter.core.invoke('pid'); }))) && 0");
  const slow = run(worker, "counter.core.invoke('slow')");
  await old.printed('slow');
  const gone = stop(old);
  assert.strictEqual(await slow, 'slowly');
  assert.strictEqual(await run(worker, "counter.core.invoke('pid')"), fresh.child.pid);
  await gone;
  await run(worker, '(globalThis.enough = true) && globalThis.calls.then(() => 0)'); // none has failed
  await fresh.printed('subscribe "sum"');
  await run(worker, 'counter.add(4)');
  await worker.printed('sum 4');

  // A crash: what was being done is unknown; what is asked while nobody is there waits.
  const hangs = run(worker, "counter.core.invoke('hang')");
  await fresh.printed('hangs');
  fresh.child.kill('SIGKILL');
  await fresh.end();
  await hangs;
  assert.match(worker.output, /ServiceProxy sendRemote\(\) Error, the connection ended before the answer came/);
  const waits = run(worker, 'counter.add(9)');
  const last = launch(dir, { name: 'agent' });
  assert.strictEqual(await waits, 9);
  await last.printed('subscribe "sum"');
  await Promise.all([stop(worker), stop(last)]);
});

test('a proxy without its agent says what is missing, or is late', async () => {
  const missing = await failure(folder({
    ...COUNTER,
    'procfile.js': `module.exports = (pandora) => { pandora.service('./counter').category('worker'); };`,
  }));
  assert.match(missing.message, /service "counter": its class has a getProxy\(\), so that it runs in the process agent alone/);
});

test('two applications have two sockets, whatever their names', () => {
  const names = ['demo', 'demo2', '@scope/app', '@scope_app', 'scope/app', 'a'.repeat(150), 'b'.repeat(150)];
  const paths = names.map((name) => socketPathOf(name, '/run/user/1000/pandora'));
  assert.strictEqual(new Set(paths).size, names.length);
  for (const each of paths) assert.ok(each.length <= 95 && path.dirname(each) === '/run/user/1000/pandora', each);
  assert.match(paths[0], /pandorajs_agent_demo\.sock$/);
});

test('object topics are flattened with sorted keys', () => {
  assert.strictEqual(flatten('plain'), 'plain');
  assert.strictEqual(flatten({ b: [1], a: { c: 'x' } }), '{"a":{"c":"x"},"b":[1]}');
  assert.strictEqual(flatten({ a: 1, b: 2 }), flatten({ b: 2, a: 1 }));
});
