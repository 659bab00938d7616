'use strict';

// The series that a worker tells in one answer: process_* and nodejs_*, and those of npm's prom-client (`make deps`).

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Daemon } = require('./node-daemon');
const { folder, launch, stop, until } = require('./node-helper');

const MODULES = path.resolve(__dirname, '../../.cache/apps/node_modules');
const PROM = path.join(MODULES, 'prom-client');
const SERIES = path.resolve(__dirname, '../node/monitor/series.js');

/** Skips a test where the package is missing, which must not be in CI. */
function usable(t) {
  const missing = !fs.existsSync(PROM);
  assert.ok(!missing || process.env.CI !== 'true', `${PROM} is missing: run make deps`);
  if (missing) t.skip(`${PROM} is missing: run make deps`);
  return !missing;
}

/** A worker with that code as its entry, and what asks it for its series. */
async function worker(code) {
  const dir = folder({ 'procfile.js': 'module.exports = () => {};', 'app.js': code });
  if (fs.existsSync(MODULES)) fs.symlinkSync(MODULES, path.join(dir, 'node_modules'));
  const daemon = new Daemon(dir);
  await daemon.listen();
  const run = launch(dir, { name: 'web', worker: 3, entryFile: path.join(dir, 'app.js') });
  await run.next('ready');
  const { data } = await daemon.next(({ action }) => action === 'METRIC_DISCOVER_KEY_PANDORA_SERIES', 'announcement');
  assert.deepStrictEqual({ ...data, clientId: '' }, { appName: 'demo', clientId: '', process: 'web', worker: 3 });
  return {
    async read() {
      const answer = (await daemon.ask(`MESSENGER_DOWNLINK_demo_series_${data.clientId}`, {})).data;
      const values = Object.fromEntries(answer.families.map((family) => [family.name, family.values]));
      assert.strictEqual(Object.keys(values).length, answer.families.length, 'a name twice');
      return { complete: answer.complete, values };
    },
    async end() {
      await stop(run);
      await daemon.close();
      assert.doesNotMatch(run.output, /Error|Warning/);
    },
  };
}

/** The names of prom-client's default metrics, by the package itself. */
function defaults() {
  const code = `const prom = require(${JSON.stringify(PROM)}); prom.collectDefaultMetrics();
    console.log(JSON.stringify(prom.register.getMetricsAsArray().map(({ name, type }) => [name, type]))); process.exit()`;
  return JSON.parse(spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' }).stdout);
}

test('a worker tells all that prom-client collects by default, under its names', async (t) => {
  if (!usable(t)) return;
  const app = await worker('let kept = []; setInterval(() => { kept = Array.from({ length: 1e5 }, () => ({})); }, 5);');
  assert.strictEqual((await app.read()).complete, true);
  let { values } = await app.read();
  await until(async () => {
    ({ values } = await app.read());
    return values.nodejs_gc_duration_seconds.length > 0 && values.nodejs_eventloop_lag_p99_seconds;
  }, 'collected garbage');
  for (const [name] of defaults()) {
    assert.ok(values[name] || (process.platform !== 'linux' && name.startsWith('process_')), name);
  }
  const value = (name) => values[name][0].value;
  assert.ok(value('process_cpu_seconds_total') > 0.01 && value('process_resident_memory_bytes') > 2e7);
  assert.strictEqual(value('process_cpu_seconds_total').toFixed(6),
    (value('process_cpu_user_seconds_total') + value('process_cpu_system_seconds_total')).toFixed(6));
  assert.ok(Math.abs(value('process_start_time_seconds') - Date.now() / 1000) < 120);
  if (process.platform === 'linux') {
    assert.ok(value('process_open_fds') > 10 && value('process_open_fds') < value('process_max_fds'));
    assert.ok(value('process_virtual_memory_bytes') > value('process_resident_memory_bytes'));
  }
  assert.strictEqual(values.nodejs_version_info[0].labels.version, process.version);
  assert.ok(values.nodejs_heap_space_size_used_bytes.some(({ labels, value: bytes }) => labels.space === 'old' && bytes > 1e5));
  const total = values.nodejs_active_resources.reduce((sum, each) => sum + each.value, 0);
  assert.strictEqual(total, value('nodejs_active_resources_total'));
  const lag = (part) => value(`nodejs_eventloop_lag_${part}_seconds`);
  assert.ok(lag('min') >= 0 && lag('min') <= lag('p50') && lag('p50') <= lag('p99') && lag('p99') <= lag('max') * 1.001);
  const gc = values.nodejs_gc_duration_seconds;
  const { kind } = gc[0].labels;
  const of = (part) => gc.filter(({ labels, metricName }) => labels.kind === kind && metricName.endsWith(part));
  const buckets = of('_bucket');
  assert.deepStrictEqual(buckets.map(({ labels }) => labels.le), [0.001, 0.01, 0.1, 1, 2, 5, '+Inf']);
  assert.ok(of('_count')[0].value > 0 && of('_count')[0].value === buckets[6].value && of('_sum')[0].value > 0);
  assert.ok(buckets.every((bucket, i) => i === 0 || bucket.value >= buckets[i - 1].value));
  await app.end();
});

test('what the application has in prom-client is told, in whatever registry', async (t) => {
  if (!usable(t)) return;
  const app = await worker(`const prom = require('prom-client');
    prom.collectDefaultMetrics({ labels: { mine: 'yes' } });
    new prom.Counter({ name: 'orders_total', help: 'Orders.', labelNames: ['shop'] }).inc({ shop: 'a' }, 3);
    new prom.AggregatorRegistry();
    const own = new prom.Registry();
    own.setDefaultLabels({ zone: 'z' });
    const took = new prom.Histogram({ name: 'took_seconds', help: 'Took.', buckets: [0.1, 1], registers: [own] });
    took.observe(0.5);
    new prom.Gauge({ name: 'later', help: 'Late.', registers: [own], async collect() { this.set(await Promise.resolve(7)); } });
    prom.AggregatorRegistry.aggregate([[{ name: 'sums', help: '', type: 'counter', aggregator: 'sum', values: [{ labels: {}, value: 1 }] }]]);
    setInterval(() => {}, 60000);`);
  const { complete, values } = await app.read();
  assert.strictEqual(complete, true);
  assert.deepStrictEqual(values.orders_total, [{ labels: { shop: 'a' }, value: 3 }]);
  assert.deepStrictEqual(values.later, [{ labels: { zone: 'z' }, value: 7 }]);
  assert.deepStrictEqual(values.took_seconds.map(({ metricName, labels, value }) => [metricName, labels.le, labels.zone, value]), [
    ['took_seconds_bucket', 0.1, 'z', 0], ['took_seconds_bucket', 1, 'z', 1], ['took_seconds_bucket', '+Inf', 'z', 1],
    ['took_seconds_sum', undefined, 'z', 0.5], ['took_seconds_count', undefined, 'z', 1]]);
  assert.strictEqual(values.sums, undefined);
  // Its own default metrics are told, not ours.
  assert.strictEqual(values.process_cpu_seconds_total[0].labels.mine, 'yes');
  assert.strictEqual(values.nodejs_version_info[0].labels.mine, 'yes');
  await app.end();
});

test('prom-client in an ES module', async (t) => {
  if (!usable(t)) return;
  const app = await worker('import(\'prom-client\').then(({ default: prom }) => { new prom.Counter({ name: \'c\', help: \'c\' }).inc(2); }); setInterval(() => {}, 60000);');
  // An import comes through after the worker has begun: later on a busy machine.
  let { c } = (await app.read()).values;
  for (const end = Date.now() + 10000; c === undefined && Date.now() < end;) ({ c } = (await app.read()).values);
  assert.deepStrictEqual(c, [{ labels: {}, value: 2 }]);
  await app.end();
});

test('a collector that fails takes only its registry with it', async (t) => {
  if (!usable(t)) return;
  const app = await worker(`const prom = require('prom-client');
    new prom.Counter({ name: 'fine', help: 'Fine.' }).inc();
    new prom.Gauge({ name: 'fails', help: 'Fails.', registers: [new prom.Registry()], collect() { throw new Error('no'); } });
    setInterval(() => {}, 60000);`);
  const { complete, values } = await app.read();
  assert.strictEqual(complete, false);
  assert.deepStrictEqual([values.fine, values.fails], [[{ labels: {}, value: 1 }], undefined]);
  assert.ok(values.process_start_time_seconds);
  await app.end();
});

test('a registry that never answers is asked once', (t) => {
  if (!usable(t)) return;
  const code = `const prom = require(${JSON.stringify(PROM)});
    require(${JSON.stringify(path.resolve(__dirname, '../node/monitor/prom-client.js'))}).watch(${JSON.stringify(path.join(PROM, 'index.js'))});
    let asked = 0;
    new prom.Gauge({ name: 'hangs', help: 'Hangs.', collect: () => { asked += 1; return new Promise(() => {}); } });
    const { read } = require(${JSON.stringify(SERIES)});
    setTimeout(() => {}, 5000).unref();
    const keep = setInterval(() => {}, 1000);
    Promise.all([read(), read()]).then((all) => {
      clearInterval(keep);
      console.log(JSON.stringify([asked, ...all.map(({ complete, families }) => [complete, families.length > 20])]));
      process.exit();
    });`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  assert.strictEqual(stdout.trim(), '[1,[false,true],[false,true]]', stderr);
});
