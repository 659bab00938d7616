'use strict';

// Our pandora-metrics beside npm's: the same names, and on them the same methods. `make deps` installs npm's.

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { Daemon } = require('./node-daemon');
const { folder, until } = require('./node-helper');

const NPM = path.resolve(__dirname, '../../.cache/clients/node_modules/pandora-metrics');

/**
 * Skips a test where npm's package is missing, which must not be in CI, or cannot be loaded.
 * @param {import('node:test').TestContext} t
 */
function usable(t) {
  const why = fs.existsSync(NPM) ? '' : `${NPM} is missing: run make deps`;
  assert.ok(why === '' || process.env.CI !== 'true', why);
  const old = Number(process.versions.node.split('.')[0]) >= 24 && 'npm\'s pandora-metrics needs process.binding(\'async_wrap\'), which Node 24 has no more';
  if (why || old) t.skip(why || old);
  return !why && !old;
}

/**
 * Describes a copy of the package in a process of its own: what each export is, and has.
 * @param {string} file
 */
function shapeOf(file) {
  const code = `
    const dir = process.env.PANDORA_TMP_DIR;
    const environment = { get: (name) => ({ appName: 'demo', appDir: dir, processName: 'web' })[name] };
    for (const env of process.argv.slice(2)) require(env).EnvironmentUtil.getInstance().setCurrentEnvironment(environment);
    const metrics = require(process.argv[1]);
    const own = (object, skip) => Object.getOwnPropertyNames(object).filter((name) => !skip.includes(name)).sort();
    const shape = {};
    for (const [name, value] of Object.entries(metrics)) {
      if (typeof value !== 'function') { shape[name] = { constant: value }; continue; }
      const methods = new Set();
      for (let at = value.prototype; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) own(at, ['constructor']).forEach((each) => methods.add(each));
      const bases = [];
      for (let at = Object.getPrototypeOf(value); at && at !== Function.prototype; at = Object.getPrototypeOf(at)) bases.push(at.name);
      let fields = null;
      try {
        const made = new value();
        fields = Object.fromEntries(['type', 'transferType', 'group', 'name', 'proxyMethod'].map((field) => [field, made[field]]));
      } catch {}
      shape[name] = { methods: [...methods].sort(), statics: own(value, ['length', 'name', 'prototype', 'instance', 'client', 'metricsProcessChannel']), bases, fields };
    }
    process.stdout.write(JSON.stringify(shape), () => process.exit());
  `;
  const envs = [path.resolve(NPM, '../pandora-env'), path.resolve(__dirname, '../node/facade/env.js')];
  return JSON.parse(execFileSync(process.execPath, ['--no-deprecation', '-e', code, file, ...envs], {
    env: { ...process.env, PANDORA_TMP_DIR: folder() }, encoding: 'utf8',
  }));
}

// What is ours alone, or deliberately otherwise.
const EXTRA_METHODS = { Counter: ['desc'] };
const MISSING_METHODS = {
  // How the daemon's registry makes metrics; in a worker the client does.
  MetricsRegistry: ['counter', 'fastCompass', 'getOrAdd', 'histogram', 'meter', 'timer'],
  ProcessIndicator: ['tryGetCpuAndMem'],
};

test('the exports are those of npm\'s package', (t) => {
  if (!usable(t)) return;
  const theirs = shapeOf(NPM);
  const ours = shapeOf(path.resolve(__dirname, '../node/metrics'));
  const names = Object.keys(ours);
  assert.ok(names.length >= 35, names.join(' '));
  assert.strictEqual(theirs.HealthIndicator.fields.group, 'health');
  for (const name of names) {
    const [own, other] = [ours[name], theirs[name]];
    assert.ok(other, `${name} is no name of npm's package`);
    if ('constant' in other) {
      assert.deepStrictEqual(own.constant, other.constant, name);
      continue;
    }
    const wanted = other.methods.filter((method) => !MISSING_METHODS[name]?.includes(method));
    for (const method of [...wanted, ...EXTRA_METHODS[name] ?? []]) assert.ok(own.methods.includes(method), `${name} has no method ${method}`);
    for (const field of other.statics) assert.ok(own.statics.includes(field), `${name} has no static ${field}`);
    assert.deepStrictEqual(own.bases.filter((base) => other.bases.includes(base)), other.bases.filter((base) => base !== 'AbstractIndicator'), `bases of ${name}`);
    if (!other.fields) continue;
    assert.ok(own.fields, `no new ${name}()`);
    const differs = name === 'Counter' ? ['proxyMethod'] : [];
    for (const field of Object.keys(other.fields).filter((each) => !differs.includes(each))) {
      assert.deepStrictEqual(own.fields[field], other.fields[field], `${name}.${field}`);
    }
  }
});

test('names are spelled as npm\'s package does', (t) => {
  if (!usable(t)) return;
  const code = `
    require(process.argv[2]).EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'demo' });
    const { MetricName } = require(process.argv[1]);
    const named = (key, tags, level) => new MetricName(key, tags, level);
    const all = [
      MetricName.build(), MetricName.build('a'), MetricName.build('a', 'b', 'c'), MetricName.build(''), named('a.b', { z: 1, b: 'x y', a: null }, 'CRITICAL'),
      MetricName.build('a').tagged('k', 'v', 'l', 2), MetricName.build('a').tagged({ k: 1 }).tagged({ k: 2, j: 3 }), MetricName.build('a').resolve('b'),
      MetricName.build().resolve('b'), MetricName.build('a').resolve(''), named('a', { t: 1 }, 'MAJOR').resolve('x'),
      MetricName.join(MetricName.build('a'), MetricName.build('b')), MetricName.join(MetricName.EMPTY, named('b', { q: 1 }, 'MINOR'), named('c', { q: 2 })),
      MetricName.join(), MetricName.parseKey('a'), MetricName.parseKey('a@%^k%^&v@%^TRIVIAL'), MetricName.parseKey('a@%^k%^&v!*&l%^&@%^X'), MetricName.parseKey('a@%^@%^b@%^c'),
      MetricName.parseKey(''), MetricName.parseKey(named('中 文', { 'ä b': 'ö%' }, 'MINOR').getNameKey()),
    ];
    process.stdout.write(JSON.stringify(all.map((name) => [name.getNameKey(), name.toString(), name.getKey(), name.getTags(), name.getMetricLevel()])), () => process.exit());
  `;
  const list = (file, env) => JSON.parse(execFileSync(process.execPath, ['--no-deprecation', '-e', code, file, env], {
    env: { ...process.env, PANDORA_TMP_DIR: folder() }, encoding: 'utf8',
  }));
  assert.deepStrictEqual(list(path.resolve(__dirname, '../node/metrics'), path.resolve(__dirname, '../node/facade/env.js')), list(NPM, path.resolve(NPM, '../pandora-env')));
});

test('npm\'s package gets over a daemon that comes late and one that goes', async (t) => {
  if (!usable(t)) return;
  const dir = folder();
  const code = `
    require(process.argv[2]).EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'demo' });
    const metrics = require(process.argv[1]);
    require(process.argv[3]).adopt(metrics);
    class Remote extends metrics.HealthIndicator {
      constructor() { super(); this.name = 'remote'; }
      async doCheck(builder) { builder.up(); }
    }
    new Remote().initialize();
    const client = metrics.MetricsClient.getInstance();
    client.register('g', 'gauge', { getValue: () => 7 });
    const counter = client.getCounter('g', 'count');
    counter.inc(1);
    process.stdin.on('data', () => counter.inc(2)).on('end', () => setTimeout(() => process.stdin.destroy(), 10));
    console.log('> up');`;
  const child = spawn(process.execPath, ['--no-deprecation', '-e', code, NPM, path.resolve(NPM, '../pandora-env'), path.resolve(__dirname, '../node/metrics/adopt.js')], {
    env: { ...process.env, PANDORA_TMP_DIR: dir }, stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => { child.once('exit', (exit) => resolve(exit)); });
  t.after(() => child.kill());
  await new Promise((resolve) => { child.stdout.once('data', resolve); });
  for (const counted of [1, 2]) {
    const daemon = new Daemon(dir);
    await daemon.listen();
    const { id, data } = await daemon.next(({ action }) => action === 'METRIC_DISCOVER_KEY_', 'indicator');
    daemon.reply(id, {});
    assert.deepStrictEqual([data.indicatorName, data.group, data.type], ['remote', 'health', 'singleton']);
    const frames = () => daemon.packets.filter(({ action, data: each }) => /METRIC_DISCOVER_KEY_PANDORA_METRIC/.test(action) || each?.name)
      .map(({ data: each }) => (each.action ? `${each.action} ${each.name.split('@')[0]} ${each.value ?? ''}` : 'client'));
    await until(() => frames().includes(`METRIC_UPDATE count ${counted}`), 'update');
    // The registration comes before what was counted meanwhile.
    assert.deepStrictEqual([...new Set(frames())].slice(0, 3), ['client', 'METRIC_CREATE gauge ', 'METRIC_CREATE count ']);
    const asked = await daemon.ask(`MESSENGER_DOWNLINK_demo_health_${data.clientId}`, {});
    assert.deepStrictEqual(asked.data, [{ key: 'remote', data: 'UP', scope: 'APP' }]);
    await daemon.close();
    if (counted === 1) child.stdin.write('x');
  }
  // Nothing of it keeps the process alive, though it tries to connect for ever.
  child.stdin.end();
  assert.strictEqual(await ended, 0);
});

test('our indicators and gauges answer the original\'s EndPoints', async (t) => {
  if (!usable(t)) return;
  const dir = folder();
  const code = `
    require(process.argv[2]).EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'DEFAULT_APP' });
    const { HealthEndPoint, InfoEndPoint, CacheDuplexEndPoint, MetricsServerManager } = require(process.argv[1]);
    const health = new HealthEndPoint();
    health.setConfig({ remote: { up: false } });
    health.initialize();
    const errors = new (class extends CacheDuplexEndPoint { constructor() { super(); this.group = 'error'; } })();
    errors.setConfig({ cacheSize: 10 });
    errors.initialize();
    const manager = MetricsServerManager.getInstance();
    const ask = setInterval(async () => {
      const rows = await health.invoke({ appName: 'demo' });
      const gauges = manager.getGauges('g');
      const gauge = gauges.size ? await [...gauges.values()][0].getValue() : undefined;
      const told = await errors.invoke({ appName: 'demo' });
      if (!rows || gauge === undefined || !told || told.length === 0) return;
      clearInterval(ask);
      const { message, appName } = told[0];
      process.stdout.write(JSON.stringify({ rows, gauge, names: [...gauges.keys()], error: { message, appName } }), () => process.exit());
    }, 20);
    setTimeout(() => process.exit(1), 30000).unref();`;
  const original = spawn(process.execPath, ['--no-deprecation', '-e', code, NPM, path.resolve(NPM, '../pandora-env')], {
    env: { ...process.env, PANDORA_TMP_DIR: dir }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  original.stdout.on('data', (chunk) => { output += chunk; });
  const answered = new Promise((resolve) => { original.once('close', resolve); });
  await until(() => fs.existsSync(path.join(dir, 'pandorajs_pandora_metric.sock')), 'socket of the original');
  const ours = spawn(process.execPath, ['-e', `
    require(process.argv[2]).EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'demo' });
    const metrics = require(process.argv[1]);
    class Remote extends metrics.HealthIndicator {
      name = 'remote';
      async doCheck(builder, config) { if (config && !config.up) builder.down(); else return new Promise(() => {}); }
    }
    new Remote().initialize();
    metrics.MetricsClientUtil.getMetricsClient().register('g', 'gauge', { getValue: async () => 'words' });
    const errors = new metrics.ErrorIndicator();
    errors.initialize();
    setInterval(() => new metrics.MessageSender().send('LOGGER', { method: 'error', message: 'boom' }), 50);
  `, path.resolve(__dirname, '../node/metrics'), path.resolve(__dirname, '../node/facade/env.js')], {
    env: { ...process.env, PANDORA_TMP_DIR: dir }, stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.after(() => ours.kill());
  assert.strictEqual(await answered, 0);
  assert.deepStrictEqual(JSON.parse(output), {
    rows: [{ key: 'remote', data: 'DOWN', scope: 'APP' }], gauge: 'words', names: ['gauge@%^appName%^&demo@%^NORMAL'],
    error: { message: 'boom', appName: 'demo' },
  });
});

test('npm\'s package without a daemon: bounded, and nothing keeps the process alive', (t) => {
  if (!usable(t)) return;
  const code = `
    require(process.argv[2]).EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'demo' });
    const metrics = require(process.argv[1]);
    require(process.argv[3]).adopt(metrics);
    const client = metrics.MetricsClient.getInstance();
    const counter = client.getCounter('g', 'count');
    class Remote extends metrics.HealthIndicator { async doCheck(builder) { builder.up(); } }
    new Remote().initialize();
    const { client: connection } = client.messengerClient;
    const count = () => { for (let i = 0; i < 15000; i += 1) counter.inc(); };
    count();
    const alive = setInterval(() => {}, 60000);
    connection._socket.once('error', () => {
      clearInterval(alive);
      count();
      console.log(connection._readyCallbacks.length, connection._queue.length);
    });`;
  const dir = folder();
  const output = execFileSync(process.execPath, ['--no-deprecation', '-e', code, NPM, path.resolve(NPM, '../pandora-env'), path.resolve(__dirname, '../node/metrics/adopt.js')], {
    env: { ...process.env, PANDORA_TMP_DIR: dir }, encoding: 'utf8', timeout: 20_000,
  });
  assert.strictEqual(output, '10000 0\n');
});
