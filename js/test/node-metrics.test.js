'use strict';

// The package pandora-metrics as code in a worker has it, against frames.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const http = require('node:http');
const path = require('node:path');
const { test, before, after } = require('node:test');
const { Daemon } = require('./node-daemon');
const { folder, launch, stop, until } = require('./node-helper');

const dir = folder();
process.env.PANDORA_TMP_DIR = dir;
const { EnvironmentUtil } = require('../node/facade/env');
const metrics = require('../node/metrics');

const { connection } = require('../node/monitor/connection');

const { MetricName, MetricsClient, MetricsClientUtil, HealthIndicator, Indicator, DuplexIndicator } = metrics;

let daemon = new Daemon(dir);
before(async () => {
  assert.throws(() => new Indicator(), { message: 'should setup current environment before using it' });
  EnvironmentUtil.getInstance().setCurrentEnvironment({ get: (name) => ({ appName: 'demo', appDir: dir, processName: 'web' })[name] });
  await daemon.listen();
});
after(async () => {
  connection().close();
  await daemon.close();
});

/** The frames of one metric, in their order. */
function framesOf(key) {
  return daemon.packets.map(({ data }) => data).filter((data) => typeof data?.name === 'string' && data.name.startsWith(`${key}@`));
}

/** The state that the daemon has of a metric once it fulfils the condition. */
async function state(key, condition) {
  return until(() => {
    const last = framesOf(key).filter(({ method }) => method === 'merge').at(-1)?.value[0];
    return last !== undefined && condition(last) ? last : undefined;
  }, `state of ${key}`);
}

/** Answers the next announcement of an indicator, as an EndPoint does. */
async function announced(name, config) {
  const packet = await daemon.next(({ action, data }) => action === 'METRIC_DISCOVER_KEY_' && data.indicatorName === name, name);
  if (config) daemon.reply(packet.id, config);
  return packet;
}

const ask = async (indicator, args) => (await daemon.ask(indicator.getClientDownlinkKey(), args)).data;

test('names', () => {
  const name = new MetricName('a.b', { z: 1, b: 2 }, 'CRITICAL');
  assert.strictEqual(name.getNameKey(), 'a.b@%^b%^&2!*&z%^&1@%^CRITICAL');
  assert.strictEqual(String(MetricName.build('a', 'b')), 'a.b@%^@%^NORMAL');
  assert.deepStrictEqual({ ...MetricName.parseKey(name.getNameKey()) }, { key: 'a.b', tags: { z: '1', b: '2' }, level: 'CRITICAL' });
  assert.deepStrictEqual({ ...MetricName.parseKey('a@%^t%^&1') }, { key: 'a', tags: { t: '1' }, level: 'NORMAL' });
  assert.deepStrictEqual({ ...MetricName.parseKey('a@%^@%^LOUD') }, { key: 'a', tags: {}, level: 'NORMAL' });
  assert.strictEqual(MetricName.parseKey('a@%^@%^NORMAL@%^x').key, '');
  const given = { b: 'other', c: 3 };
  assert.deepStrictEqual(name.tagged(given).tags, { b: 2, z: 1, c: 3 });
  assert.deepStrictEqual(given, { b: 'other', c: 3 });
  assert.deepStrictEqual(name.tagged('x', 'y').tags, { z: 1, b: 2, x: 'y' });
  assert.throws(() => name.tagged('x'), { message: 'Argument count must be even' });
  assert.strictEqual(name.resolve('p95').getKey(), 'a.b.p95');
  assert.deepStrictEqual(name.resolve('p95', false).tags, {});
  const joined = MetricName.join(new MetricName('', { x: 0 }), name, MetricName.build('c').tagged('z', 9));
  assert.deepStrictEqual({ ...joined }, { key: 'a.b.c', tags: { x: 0, z: 9, b: 2 }, level: 'CRITICAL' });
  assert.strictEqual(name.setLevel('MINOR'), name);
  assert.strictEqual(name.getMetricLevel(), 'MINOR');
});

test('periods of levels', () => {
  const config = new metrics.MetricsCollectPeriodConfig();
  const periods = () => ['CRITICAL', 'MAJOR', 'NORMAL', 'MINOR', 'TRIVIAL'].map((level) => config.period(level));
  assert.deepStrictEqual(periods(), [5, 30, 60, 60, 60]);
  assert.deepStrictEqual([config.configGlobalPeriod(10) && periods(), config.getCachedTimeForLevel('TRIVIAL'), config.getCachedTimeForLevel('?')],
    [[5, 10, 10, 10, 10], 120, 60]);
  assert.strictEqual(config.configGlobalPeriod(-1).period('MINOR'), 60);
  assert.strictEqual(metrics.MetricsCollectPeriodConfig.getInstance(), metrics.MetricsCollectPeriodConfig.getInstance());
});

test('one client, one metric of a name; what is counted goes as totals', async () => {
  const client = MetricsClientUtil.getMetricsClient();
  assert.strictEqual(client, MetricsClient.getInstance());
  assert.strictEqual(globalThis.GLOBAL_METRICS_CLIENT, client);
  const counter = client.getCounter('test', 'one.counter');
  assert.strictEqual(client.getCounter('test', MetricName.build('one.counter')), counter);
  assert.notStrictEqual(client.getCounter('test', MetricName.build('one.counter').tagged('a', 1)), counter);
  counter.inc();
  counter.inc(5);
  counter.dec(2);
  counter.desc();
  counter.inc(0);
  counter.inc(NaN);
  counter.inc('x');
  counter.inc(null);
  assert.strictEqual(await state('one.counter', (total) => total === 5), 5);
  const name = 'one.counter@%^appName%^&demo@%^NORMAL';
  const [created] = framesOf('one.counter').filter((frame) => frame.name === name);
  assert.deepStrictEqual(created, { action: 'METRIC_CREATE', name, type: 'COUNTER', group: 'test', clientId: client.clientId, value: [0] });
  assert.deepStrictEqual(framesOf('one.counter').filter(({ method }) => method),
    [{ action: 'METRIC_UPDATE', name, type: 'COUNTER', clientId: client.clientId, method: 'merge', value: [5] }]);
  assert.deepStrictEqual(daemon.packets.find(({ action }) => action === 'METRIC_DISCOVER_KEY_PANDORA_METRIC').data,
    { appName: 'demo', clientId: client.clientId });
});

test('the form of registration that takes an object; another of the same name counts with it', async () => {
  const client = MetricsClient.getInstance();
  const first = client.register('test', 'test.metrics.key', new metrics.Counter());
  const second = client.register('test', 'test.metrics.key', new metrics.Counter());
  const third = metrics.MetricsManagerClient.getCounter('test', 'test.metrics.key');
  first.inc();
  second.inc(2);
  third.inc(3);
  await state('test.metrics.key', (total) => total === 6);
  const named = client.register('test', MetricName.build('other.app').tagged('appName', 'other').setLevel('MAJOR'), new metrics.Meter());
  named.mark(4);
  await state('other.app', (total) => total === 4);
  assert.strictEqual(framesOf('other.app')[0].name, 'other.app@%^appName%^&other@%^MAJOR');
  assert.throws(() => client.register('test', 'x', 'NOTHING'), { code: 'PANDORA_METRIC_TYPE' });
  assert.throws(() => client.register('test', 17, new metrics.Counter()), { code: 'PANDORA_METRIC_NAME' });
});

test('counters that count here count there too', async () => {
  const client = MetricsClient.getInstance();
  for (const [key, counter] of [['base', new metrics.BaseCounter()], ['bucket', new metrics.BucketCounter()]]) {
    client.register('test', `own.${key}`, counter);
    counter.inc(4);
    counter.dec();
    assert.strictEqual(counter.getCount(), 3);
    await state(`own.${key}`, (total) => total === 3);
  }
});

test('samples go in order, with their number and sum', async () => {
  const client = MetricsClient.getInstance();
  const timer = client.getTimer('test', 'one.timer');
  for (const value of [5, -1, NaN, Infinity, undefined, '7', 0]) timer.update(value);
  assert.deepStrictEqual(await state('one.timer', ({ count }) => count === 3), { seq: 0, count: 3, sum: 12, samples: [5, 7, 0] });
  timer.update(1);
  assert.deepStrictEqual(await state('one.timer', ({ count }) => count === 4), { seq: 3, count: 4, sum: 13, samples: [1] });
  const histogram = client.getHistogram('test', 'one.histogram');
  histogram.update(-3.5);
  assert.deepStrictEqual(await state('one.histogram', ({ count }) => count === 1), { seq: 0, count: 1, sum: -3.5, samples: [-3.5] });
  const compass = client.getFastCompass('test', 'one.compass');
  for (const [ms, category] of [[5, 'hit'], [7, 'success'], [9, 'miss'], [1, 'hit'], [-1, 'hit'], [1, null], [1, undefined]]) compass.record(ms, category);
  assert.deepStrictEqual(await state('one.compass', () => true), { totals: { hit: [2, 6], success: [1, 7], miss: [1, 9] } });
  compass.record(2, 'miss');
  assert.deepStrictEqual(await state('one.compass', ({ totals }) => totals.miss[0] === 2), { totals: { miss: [2, 11] } });
  for (let i = 0; i < 30; i += 1) compass.record(1, `c${i}`);
  assert.strictEqual(Object.keys((await state('one.compass', ({ totals }) => totals.c0)).totals).length, 17);
});

test('more samples than a frame has are a random choice', async () => {
  const timer = MetricsClient.getInstance().getTimer('test', 'many.timer');
  for (let i = 0; i < 20_000; i += 1) timer.update(i);
  const { seq, count, sum, samples } = await state('many.timer', () => true);
  assert.deepStrictEqual([seq, count, sum, samples.length], [0, 20_000, 199_990_000, 8192]);
  const mean = samples.reduce((total, value) => total + value, 0) / samples.length;
  assert.ok(mean > 9_300 && mean < 10_700, `mean ${mean} of a uniform choice from 0 to 20000`);
  assert.ok(samples.some((value) => value >= 8192));
});

test('gauges are asked; the answer may be anything, or late', async () => {
  const client = MetricsClient.getInstance();
  const gauges = {
    plain: { getValue: () => 3 }, later: { getValue: async () => 'text' }, cached: new (class extends metrics.CachedGauge { loadValue() { return 8; } })(),
    fails: { getValue() { throw new Error('no'); } }, typed: new (class extends metrics.BaseGauge { getValue() { return 0; } })(),
  };
  for (const [key, gauge] of Object.entries(gauges)) client.register('test', `gauge.${key}`, gauge);
  const value = async (key) => (await daemon.ask(client.getClientDownlinkKey(), { metricKey: `gauge.${key}@%^appName%^&demo@%^NORMAL`, type: 'GAUGE' })).data;
  assert.deepStrictEqual(await Promise.all(['plain', 'later', 'cached', 'fails', 'typed', 'none'].map(value)), [3, 'text', 8, undefined, 0, undefined]);
  assert.deepStrictEqual(framesOf('gauge.plain').map(({ type, value: told }) => [type, told]), [['GAUGE', undefined]]);
});

test('sets, also sets in sets', async () => {
  const counter = new metrics.Counter();
  class Inner extends metrics.MetricSet {
    getMetrics() { return [{ name: MetricName.build('deep'), metric: { getValue: () => 1 } }]; }
  }
  class Outer extends metrics.CachedMetricSet {
    getMetrics() {
      return [{ name: 'gauge', metric: { getValue: async () => { await this.refreshIfNecessary(); return this.value; } } },
        { name: MetricName.build('hits'), metric: counter }, { name: 'inner', metric: new Inner() }];
    }

    async getValueInternal() { this.value = (this.value ?? 0) + 1; }
  }
  const client = MetricsClient.getInstance();
  client.register('sets', MetricName.build('outer').tagged('t', 1), new Outer());
  counter.inc();
  await state('outer.hits', (total) => total === 1);
  assert.deepStrictEqual(daemon.packets.map(({ data }) => data).filter((data) => data?.action === 'METRIC_CREATE' && data.name.startsWith('outer.')).map(({ name, type }) => [name, type]), [
    ['outer.gauge@%^appName%^&demo!*&t%^&1@%^NORMAL', 'GAUGE'], ['outer.hits@%^appName%^&demo!*&t%^&1@%^NORMAL', 'COUNTER'],
    ['outer.inner.deep@%^appName%^&demo!*&t%^&1@%^NORMAL', 'GAUGE'],
  ]);
  const read = async () => (await daemon.ask(client.getClientDownlinkKey(), { metricKey: 'outer.gauge@%^appName%^&demo!*&t%^&1@%^NORMAL', type: 'GAUGE' })).data;
  assert.deepStrictEqual(await Promise.all([read(), read(), read()]), [1, 1, 1]);
  client.register('node', 'node.v8', new metrics.V8GaugeSet());
  await until(() => framesOf('node.v8.total_heap_size').length + framesOf('node.v8.new_space.space_size').length === 2, 'V8 gauges');
});

test('a method that only the daemon knows is called there', async () => {
  const client = MetricsClient.getInstance();
  const metric = client.register('test', 'custom', { type: 'COUNTER', proxyMethod: ['inc', 'reset'] });
  metric.reset(1, 'a');
  await until(() => framesOf('custom').some(({ method }) => method === 'reset'), 'call');
  assert.deepStrictEqual(framesOf('custom').at(-1).value, [1, 'a']);
});

test('a health indicator: registered, configured, asked', async () => {
  class Remote extends HealthIndicator {
    name = 'remote_url';

    async doCheck(builder, config) {
      this.seen = config;
      if (config?.fail) throw new Error('no');
      if (config?.silent) return;
      if (config?.up === false) builder.down();
      else builder.up();
    }
  }
  const remote = new Remote();
  remote.initialize();
  remote.initialize();
  const packet = await announced('remote_url');
  assert.deepStrictEqual(packet.data, { indicatorName: 'remote_url', appName: 'demo', group: 'health', clientId: remote.clientId, type: 'singleton' });
  // Not yet configured.
  assert.deepStrictEqual(await ask(remote, {}), [{ key: 'remote_url', data: 'UP', scope: 'APP' }]);
  assert.strictEqual(remote.seen, undefined);
  daemon.reply(packet.id, { remote_url: { up: false } });
  await until(() => remote.config.remote_url, 'config');
  assert.deepStrictEqual(await ask(remote, {}), [{ key: 'remote_url', data: 'DOWN', scope: 'APP' }]);
  const cases = [[{ fail: true }, undefined], [{ silent: true }, []], [{ enabled: false }, []], [{ enabled: true }, [{ key: 'remote_url', data: 'UP', scope: 'APP' }]]];
  for (const [config, want] of cases) {
    remote.config = { remote_url: config };
    assert.deepStrictEqual(await ask(remote, null), want, JSON.stringify(config));
  }
  remote.destory();
  assert.deepStrictEqual(await ask(remote, {}), []);
  assert.strictEqual(daemon.packets.filter(({ data }) => data?.indicatorName === 'remote_url').length, 1);
});

test('an indicator of any group; its builder', async () => {
  class Rows extends Indicator {
    constructor() {
      super();
      this.group = 'info';
      this.type = 'multiton';
    }

    invoke(args, builder) {
      builder.withDetail('a', 1).withDetail('b', args.q, 'process').withDetail('a', 2, 'SYSTEM').withDetail('a', builder.pretty('%s%', 3))
        .withDetail('c', null, 'Nowhere');
    }
  }
  const rows = new Rows();
  assert.throws(() => new (class extends Indicator {})().initialize(), { message: 'Indicator group property is required' });
  rows.initialize();
  assert.strictEqual((await announced('Rows', {})).data.type, 'multiton');
  assert.deepStrictEqual(await ask(rows, { q: 'x', pretty: '1' }), [
    { key: 'a', data: '3%', scope: 'APP' }, { key: 'b', data: 'x', scope: 'PROCESS' }, { key: 'a', data: 2, scope: 'SYSTEM' }, { key: 'c', data: null },
  ]);
  assert.strictEqual((await ask(rows, {}))[0].data, 3);
});

test('an indicator whose rows cannot be sent, or that never answers, harms nobody', async () => {
  class Bad extends Indicator {
    group = 'info';

    async invoke(args, builder) {
      if (args.hang) await new Promise(() => {});
      const circle = {};
      circle.circle = args.big ? 1n : circle;
      builder.withDetail('a', circle);
    }
  }
  const bad = new Bad();
  bad.initialize();
  await announced('Bad', {});
  assert.strictEqual(await ask(bad, {}), undefined);
  assert.strictEqual(await ask(bad, { big: true }), undefined);
  // Some wait for their deadline; the ones too many are answered at once.
  const hanging = Array.from({ length: 8 }, () => ask(bad, { hang: true }));
  assert.strictEqual(await ask(bad, {}), undefined);
  assert.deepStrictEqual(await Promise.all(hanging), Array(8).fill(undefined));
});

test('a duplex indicator reports; the errors of the process too', async () => {
  const errors = new metrics.ErrorIndicator();
  errors.initialize();
  assert.deepStrictEqual((await announced('ErrorIndicator')).data,
    { indicatorName: 'ErrorIndicator', appName: 'demo', group: 'error', clientId: errors.clientId, duplex: true });
  const bus = new metrics.MessageSender();
  bus.send('LOGGER', { method: 'warn', message: 'no' });
  bus.send('LOGGER', { method: 'error', message: 'boom', pid: 7 });
  const report = await daemon.next(({ action }) => action === errors.getClientUplinkKey(), 'report');
  assert.deepStrictEqual([report.data.appName, report.data.message, report.data.pid, report.data.method], ['demo', 'boom', 7, 'error']);
  assert.ok(report.data.host && report.data.timestamp > 1e12);

  process.env.PANDORA_PROCESS_REPRESENTATION = JSON.stringify({ appName: 'demo' });
  const { reportError } = require('../node/monitor');
  reportError({ method: 'error', errType: 'TypeError', message: 'x'.repeat(100_000), path: 'console', extra: { circular: 1 } });
  const own = await daemon.next(({ action, data }) => action.startsWith('MESSENGER_UPLINK_demo_error_') && data.errType === 'TypeError', 'error');
  assert.deepStrictEqual(Object.keys(own.data), ['timestamp', 'appName', 'ip', 'host', 'pid', 'method', 'errType', 'message', 'path'].filter((key) => key in own.data));
  assert.deepStrictEqual([own.data.pid, own.data.message.length], [process.pid, 16_384]);
  const id = own.action.slice('MESSENGER_UPLINK_demo_error_'.length);
  assert.ok(daemon.packets.some(({ action, data }) => action === 'METRIC_DISCOVER_KEY_' && data.clientId === id && data.duplex === true));
  assert.ok(DuplexIndicator.prototype.isPrototypeOf(errors));
});

test('the checks that are shipped', async () => {
  const server = http.createServer((request, response) => {
    response.writeHead(request.url === '/ok' ? 200 : 302, { location: '/ok' }).end();
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.1:${server.address().port}`;
  const check = async (Class, config) => {
    const indicator = new Class();
    const builder = indicator.getBuilder();
    await indicator.doCheck(builder, config);
    return builder.getDetails().map(({ key, data }) => `${key} ${data}`).join();
  };
  assert.strictEqual(await check(metrics.PortHealthIndicator, { checkUrl: `${url}/ok` }), 'port UP');
  assert.strictEqual(await check(metrics.PortHealthIndicator, { checkUrl: `${url}/moved` }), 'port DOWN');
  assert.strictEqual(await check(metrics.PortHealthIndicator, { checkUrl: 'nonsense' }), 'port DOWN');
  assert.strictEqual(await check(metrics.PortHealthIndicator, {}), 'port DOWN');
  server.close();
  assert.strictEqual(await check(metrics.PortHealthIndicator, { checkUrl: `${url}/ok` }), 'port DOWN');
  assert.strictEqual(await check(metrics.DiskSpaceHealthIndicator, { rate: 100 }), 'disk_space UP');
  assert.strictEqual(await check(metrics.DiskSpaceHealthIndicator, { rate: 0.001 }), 'disk_space DOWN');
  const process_ = new metrics.ProcessIndicator();
  const builder = process_.getBuilder();
  await process_.invoke({ pretty: '1' }, builder);
  assert.deepStrictEqual([builder.getDetails()[0].key, builder.getDetails()[0].data.processName], [String(process.pid), 'web']);
});

test('another daemon hears everything again, and of what was counted meanwhile', async () => {
  const client = MetricsClient.getInstance();
  const counter = client.getCounter('again', 'again.counter');
  const timer = client.getTimer('again', 'again.timer');
  const compass = client.getFastCompass('again', 'again.compass');
  counter.inc(10);
  timer.update(3);
  compass.record(4, 'success');
  await state('again.compass', () => true);
  await daemon.close();
  await until(() => !connection().connected, 'end of the connection');
  counter.inc(5);
  timer.update(4);
  compass.record(1, 'error');
  daemon = new Daemon(dir);
  await daemon.listen();
  assert.strictEqual(await state('again.counter', () => true), 15);
  assert.deepStrictEqual(await state('again.timer', () => true), { seq: 1, count: 2, sum: 7, samples: [4] });
  assert.deepStrictEqual(await state('again.compass', () => true), { totals: { error: [1, 1] } });
  const told = (key) => framesOf(key).find(({ action }) => action === 'METRIC_CREATE').value;
  assert.deepStrictEqual(['counter', 'timer', 'compass'].map((key) => told(`again.${key}`)),
    [[10], [{ seq: 1, count: 1, sum: 3 }], [{ totals: { success: [1, 4] } }]]);
  assert.strictEqual(daemon.packets.findIndex(({ data }) => data?.clientId === client.clientId && !data.action),
    daemon.packets.findIndex(({ data }) => data?.clientId === client.clientId), 'the client comes before its metrics');
  await announced('Rows');
  await announced('ErrorIndicator');
});

/** Runs code that has the package as `metrics`, with the environment set. */
function run(code, tmp = dir, env = {}) {
  const text = `const { EnvironmentUtil } = require(${JSON.stringify(require.resolve('../node/facade/env'))});
    EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'demo' });
    const metrics = require(${JSON.stringify(require.resolve('../node/metrics'))});\n${code}`;
  const child = spawn(process.execPath, ['-e', text], { env: { ...process.env, PANDORA_TMP_DIR: tmp, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => { output += chunk; });
  return new Promise((resolve) => { child.once('close', (code_) => resolve({ code: code_, output })); });
}

test('no daemon: nothing keeps the process alive, memory stays bounded', async () => {
  const { code, output } = await run(`
    const client = metrics.MetricsClientUtil.getMetricsClient();
    const timers = Array.from({ length: 100 }, (_, i) => client.getTimer('g', 't' + i));
    class Check extends metrics.HealthIndicator { doCheck(b) { b.up(); } }
    new Check().initialize();
    client.register('g', 'gauge', { getValue: () => 1 });
    const errors = new metrics.ErrorIndicator();
    errors.initialize();
    global.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 3e6; i += 1) timers[i % 100].update(i + 0.5);
    for (let i = 0; i < 5000; i += 1) errors.report({ message: 'x' });
    console.log(process.memoryUsage().heapUsed - before < 24e6, require(${JSON.stringify(require.resolve('../node/metrics/totals'))}).held.count);
  `, path.join(dir, 'nowhere'));
  assert.deepStrictEqual({ code, output }, { code: 0, output: 'true 262144\n' });
});

test('what was counted last arrives, though the process ends', async () => {
  const { code } = await run(`
    const counter = metrics.MetricsClientUtil.getMetricsClient().getCounter('g', 'last.words');
    const { connection } = require(${JSON.stringify(require.resolve('../node/monitor/connection'))});
    connection().onConnect(() => setTimeout(() => { counter.inc(41); process.exit(0); }, 5));
    setTimeout(() => {}, 60000);
  `);
  assert.strictEqual(code, 0);
  assert.strictEqual(await state('last.words', () => true), 41);
});

test('too many metrics: one warning, and the application goes on', async () => {
  const { code, output } = await run(`
    process.on('warning', ({ code, message }) => console.log(code, message.includes('10000')));
    const client = metrics.MetricsClientUtil.getMetricsClient();
    for (let i = 0; i < 10100; i += 1) client.getCounter('g', 'n' + i).inc();
  `);
  assert.deepStrictEqual({ code, output }, { code: 0, output: 'PANDORA_METRICS true\n' });
});

test('in a worker: one connection for all of it', async () => {
  const app = folder({
    'app.js': `const { HealthIndicator, MetricsClientUtil } = require('pandora');
      class Remote extends HealthIndicator { name = 'of_a_worker'; doCheck(builder) { builder.up(); } }
      new Remote().initialize();
      MetricsClientUtil.getMetricsClient().getCounter('g', 'of.a.worker').inc(2);
      setInterval(() => {}, 60000);`,
  });
  const connections = daemon.connections;
  daemon.packets = [];
  const worker = launch(app, { entryFile: path.join(app, 'app.js'), run: dir });
  await worker.next('ready');
  assert.strictEqual(await state('of.a.worker', () => true), 2);
  await announced('of_a_worker');
  await announced('ProcessIndicator');
  await until(() => daemon.packets.some(({ data }) => data?.name?.startsWith('node.v8.')), 'V8 gauges');
  assert.strictEqual(daemon.connections, connections + 1);
  const clients = daemon.packets.filter(({ action }) => action === 'METRIC_DISCOVER_KEY_PANDORA_METRIC');
  assert.deepStrictEqual(clients.map(({ data }) => data.appName), ['demo', 'demo']);
  await stop(worker);
});

test('a worker that uses no metrics loads none', async () => {
  const app = folder({
    'app.js': `const { appName } = require('pandora');
      setTimeout(() => console.log('> ' + appName + ' ' + Object.keys(require.cache).filter((file) => /node.metrics/.test(file)).length), 50);
      setInterval(() => {}, 60000);`,
  });
  const worker = launch(app, { entryFile: path.join(app, 'app.js'), run: dir });
  await worker.next('ready');
  await worker.printed('demo 0');
  await stop(worker);
});

test('the global configuration names the client and caps the periods', async () => {
  const config = folder({
    'config.js': `const { MetricsClient } = require('pandora');
      class Own extends MetricsClient { static getInstance() { this.own ??= new this(); return this.own; } }
      module.exports = { metricsClient: Own, reporterInterval: 10 };`,
    'app.js': `const { MetricsClientUtil, MetricsCollectPeriodConfig, MetricName } = require('pandora');
      const client = MetricsClientUtil.getMetricsClient();
      client.getCounter('g', MetricName.build('of.own')).inc(3);
      console.log('> ' + client.constructor.name + ' ' + (client === globalThis.GLOBAL_METRICS_CLIENT) + ' ' + MetricsCollectPeriodConfig.getInstance().period('NORMAL'));
      setInterval(() => {}, 60000);`,
  });
  const worker = launch(config, { entryFile: path.join(config, 'app.js'), run: dir, env: { PANDORA_CONFIG: path.join(config, 'config.js') } });
  await worker.next('ready');
  await worker.printed('Own true 10');
  assert.strictEqual(await state('of.own', () => true), 3);
  await stop(worker);
});
