'use strict';

// What code of an application gets from the packages of Pandora.js in a worker.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { folder, launch, stop } = require('./node-helper');

const FACADE = path.resolve(__dirname, '../node/facade');
const OLD = '1.0.0-of-npm';

/** A folder node_modules with packages that say they are npm's. */
function installed(...names) {
  return Object.fromEntries(names.flatMap((name) => [
    [`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'main.js' })],
    [`node_modules/${name}/main.js`, `exports.old = ${JSON.stringify(OLD)};`],
  ]));
}

/** npm's dorapan 1.0.5 in as many words. */
const DORAPAN = {
  'node_modules/dorapan/package.json': '{"name":"dorapan","version":"1.0.5","main":"index.js"}',
  'node_modules/dorapan/index.js': 'module.exports = require(process.env.PANDORA_HOME);',
};

const PLACED = "module.exports = (pandora) => { pandora.service('a', './a').process('worker'); };";

/** Runs an application until it is ready, and gives the lines that it printed. */
async function run(files, options = {}) {
  const worker = launch(folder(files), { ...options, env: { PANDORA_HOME: FACADE, ...options.env } });
  await worker.next('ready');
  const lines = worker.lines();
  await stop(worker);
  return lines;
}

test('pandora, dorapan and pandora-env are one facade, whatever is installed', async () => {
  const lines = await run({
    'procfile.js': PLACED,
    'a.js': `
      const pandora = require('pandora');
      const say = (...all) => console.log('>', ...all);
      module.exports = class A {
        constructor(context) { this.context = context; }
        start() {
          const { appName, appDir, processName, env, environment, processContext, getService, getServiceClass } = require('dorapan');
          say(appName, appDir === __dirname, processName, env, environment === this.context.environment);
          say(processContext.appName, getServiceClass('a') === A, require('pandora').getService === getService);
          say(pandora === require('dorapan'), pandora.old, require('pandora-env').old);
          say(require('pandora-env').EnvironmentUtil.getInstance().getCurrentEnvironment() === environment, require('inner') === require('pandora-env'));
          say(pandora.facade.appName, pandora.default === pandora, Object.keys(pandora).includes('getProxy'));
        }
      };`,
    ...installed('pandora', 'pandora-env'),
    'node_modules/inner/index.js': "module.exports = require('pandora-env');",
    'node_modules/inner/node_modules/pandora-env/index.js': `exports.old = '${OLD}';`,
    ...DORAPAN,
  });
  assert.deepStrictEqual(lines, [
    'demo true worker development true',
    'demo true true',
    'true undefined undefined',
    'true true',
    'demo true true',
  ]);
});

test('import has names, and members of the process as they become known', async () => {
  const lines = await run({
    'procfile.js': "module.exports = (pandora) => { pandora.service('a', './a.mjs').process('worker'); pandora.service('b', './b.js').process('worker'); };",
    'a.mjs': `
      import pandora, { getProxy, appName, env, processContext, DefaultEnvironment } from 'pandora';
      import dorapan, { getProxy as same } from 'dorapan';
      import { EnvironmentUtil } from 'pandora-env';
      import { template } from 'pandora-dollar';
      import old from 'pandora-hub';
      console.log('>', appName, env, processContext);
      export default class A {
        start() {
          console.log('>', appName, processContext === pandora.processContext, pandora === dorapan, getProxy === same, old.old);
          console.log('>', EnvironmentUtil.getInstance().getCurrentEnvironment() instanceof DefaultEnvironment, template('{{a}}', { a: 1 }));
        }
      }`,
    'b.js': `
      module.exports = class B {
        async start() { console.log('>', (await import('pandora')).default === require('pandora'), require('pandora-hub').old); }
      };`,
    ...installed('pandora', 'pandora-hub'),
    ...DORAPAN,
  });
  assert.deepStrictEqual(lines, ['demo development undefined', `demo true true true ${OLD}`, 'true 1', `true ${OLD}`]);
});

test('what is not ours and what names a file of a package stays as it is', async () => {
  const lines = await run({
    'procfile.js': PLACED,
    'a.js': `
      const attempt = (name) => { try { return require(name); } catch (error) { return error.code; } };
      console.log('>', require('pandora/main').old, require('pandora-dollar').old, require('pandora-service-logger').old);
      console.log('>', attempt('pandora-hook'), attempt('pandora/dist/index'), attempt('dorapan') === require('pandora'), require('broken').code);
      module.exports = class {};`,
    ...installed('pandora', 'pandora-dollar', 'pandora-service-logger'),
    // What an installed package lacks itself is not made up for.
    'node_modules/broken/index.js': "try { require('pandora-hub'); } catch (error) { exports.code = error.code; }",
    'node_modules/pandora-hub/package.json': '{"name":"pandora-hub","main":"main.js"}',
    'node_modules/pandora-hub/main.js': "require('not-there');",
  });
  assert.deepStrictEqual(lines, [`${OLD} ${OLD} ${OLD}`, 'MODULE_NOT_FOUND MODULE_NOT_FOUND true MODULE_NOT_FOUND']);
});

test('a procfile sees the names, and what is known of its process', async () => {
  const lines = await run({
    'procfile.js': `
      const { appName, processName, environment, processContext, getService, DefaultEnvironment } = require('pandora');
      console.log('>', appName, processName, environment, processContext);
      try { getService('a'); } catch (error) { console.log('>', error.code, error.message.split(':')[0]); }
      class Mine extends DefaultEnvironment { constructor(facts) { super(facts); this.set('env', 'mine'); } }
      module.exports = (pandora) => { pandora.environment(Mine); pandora.service('a', './a').process('worker'); };`,
    'a.js': "console.log('>', require('pandora').env, require('pandora-env').EnvironmentUtil.getInstance().is('mine')); module.exports = class {};",
  });
  assert.deepStrictEqual(lines, [
    'demo worker undefined undefined',
    'PANDORA_CONTEXT getService() of pandora asks a process that has no context',
    'mine true',
  ]);
});

test('the library of the facade is listed, and nothing is loaded before it is read', () => {
  const { execFileSync } = require('node:child_process');
  const script = `
    const facade = require(${JSON.stringify(FACADE)});
    const loaded = () => Object.keys(require.cache).map((file) => require('path').relative(${JSON.stringify(path.dirname(FACADE))}, file)).sort();
    const keys = Object.keys(facade);
    console.log(JSON.stringify({ before: loaded(), keys, missing: keys.filter((name) => facade[name] === undefined),
      hidden: [facade.Patcher, facade.default === facade, facade.__esModule] }));`;
  const { before, keys, missing, hidden } = JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
  assert.deepStrictEqual(before, ['facade/current.js', 'facade/index.js', 'facade/names.js']);
  assert.deepStrictEqual(missing.sort(), ['appDir', 'appName', 'config', 'configurator', 'env', 'environment', 'hub', 'processContext', 'processName']);
  assert.deepStrictEqual(hidden, [null, true, true]);
  const { FOREIGN } = require(path.join(FACADE, 'names.js'));
  const has = Object.keys(require('../node/metrics'));
  assert.deepStrictEqual(Object.values(FOREIGN).flat().filter((name) => has.includes(name)), [], 'exports that we have, left to the copies of npm');
  const original = Object.keys(JSON.parse(fs.readFileSync(path.resolve(__dirname, '../goja/packages/pandora.json'), 'utf8')).names)
    .filter((name) => name !== '__esModule');
  const page = fs.readFileSync(path.resolve(__dirname, '../../docs/facade.md'), 'utf8');
  const told = new Set(Array.from(page.matchAll(/`([A-Za-z_]\w*)`/g), ([, name]) => name));
  const ours = new Set([...keys, ...Object.values(FOREIGN).flat(), 'default']);
  assert.strictEqual(original.length, 207);
  assert.deepStrictEqual(original.filter((name) => !ours.has(name) && !told.has(name)), [], 'exports of the original that nothing is said about');
  assert.deepStrictEqual([...ours].filter((name) => !told.has(name)), [], 'exports that docs/facade.md leaves out');
});

test('a test may put something else in the place of an export', () => {
  const facade = require(FACADE);
  const { getProxy, State } = facade;
  facade.getProxy = () => 'mine';
  facade.State = 'changed';
  assert.deepStrictEqual([facade.getProxy(), facade.State], ['mine', 'changed']);
  Object.assign(facade, { getProxy, State });
});

test('GlobalConfigProcessor merges the modules of PANDORA_CONFIG over the defaults, with classes', async () => {
  const lines = await run({
    'procfile.js': PLACED,
    'a.js': `
      const { GlobalConfigProcessor, getAppLogPath } = require('dorapan');
      const processor = GlobalConfigProcessor.getInstance();
      const config = processor.getAllProperties();
      console.log('>', config.actuator.http.port, config.actuator.http.enabled, config.actuator.endPoint.mine.target.name, config.list.join());
      console.log('>', processor.getloadedConfigPath().join(), processor === GlobalConfigProcessor.getInstance(), config.added);
      processor.mergeProperties({ added: { deep: 1 } });
      console.log('>', processor.getAllProperties().added.deep, getAppLogPath('demo', 'x').endsWith('/logs/demo/x.log'));
      processor.clearProperties();
      console.log('>', processor.getAllProperties().added);
      module.exports = class {};`,
    'one.js': 'module.exports = { actuator: { http: { port: 7010 }, endPoint: { mine: { target: class Mine {} } } }, list: [1, 2] };',
    'node_modules/two/index.js': "exports.default = { list: [9], app: require('pandora').appName };",
  }, { env: { PANDORA_CONFIG: './one.js:undefined::two:./missing' } });
  assert.deepStrictEqual(lines, ['7010 true Mine 9,2', './one.js,two true undefined', '1 true', 'undefined']);
});

test('a child of a worker sees the process too, as CommonJS and as an ES module', async () => {
  const lines = await run({
    'procfile.js': PLACED,
    'a.js': `
      const { execFileSync } = require('node:child_process');
      for (const name of ['child.js', 'child.mjs']) process.stdout.write(execFileSync(process.execPath, [__dirname + '/' + name]));
      module.exports = class {};`,
    'child.js': "const { appName, processName, env } = require('dorapan'); console.log('>', appName, processName, env, require('pandora').old);",
    'child.mjs': "import { appName, processName, env } from 'dorapan'; console.log('>', appName, processName, env);",
    ...installed('pandora'),
    ...DORAPAN,
  });
  assert.deepStrictEqual(lines, ['demo worker development undefined', 'demo worker development']);
});

test('publishObject and getProxy describe objects by name, and fail by rejecting', async () => {
  const facade = require(FACADE);
  const { enter } = require(path.join(FACADE, 'current.js'));
  await assert.rejects(facade.getProxy('x'), { code: 'PANDORA_CONTEXT' });
  assert.throws(() => facade.getHub(), { code: 'PANDORA_CONTEXT' });
  const calls = [];
  const hub = { publish: (...all) => { calls.push(all); }, getProxy: (...all) => { calls.push(all); return 'proxy'; } };
  const environment = { get: () => 'mine', match: () => true };
  enter({ context: { appName: 'a', environment, getService: (name) => `service ${name}` }, environment, hub: () => hub });
  const { publishObject, getProxy, getHub, getService } = facade;
  const object = {};
  await publishObject('one', object);
  await publishObject({ name: 'two', tag: 't' }, object);
  assert.strictEqual(await getProxy('three', { timeout: 5 }), 'proxy');
  assert.deepStrictEqual(calls, [[object, { name: 'one' }], [object, { name: 'two', tag: 't' }], [{ name: 'three' }, { timeout: 5 }]]);
  assert.deepStrictEqual([getHub() === hub, getService('s'), facade.env, facade.appName], [true, 'service s', 'mine', 'a']);
  const util = facade.EnvironmentUtil.getInstance();
  assert.deepStrictEqual([util.isReady(), util.getCurrentEnvironment() === environment], [true, true]);
  util.setCurrentEnvironment({ get: () => 'other' });
  assert.strictEqual(facade.env, 'other');
});

test('applets and the configurator of the first form extend what the facade has', async () => {
  const lines = await run({
    'procfile.js': `
      const { HTTPApplet, DefaultConfigurator } = require('pandora');
      class Page extends HTTPApplet {
        createServer() { return require('node:http').createServer(); }
        getPort() { return 0; }
        async start() { await super.start(); console.log('>', this.type, this.server.listening, require('dorapan').config.title); }
      }
      module.exports = (pandora) => { pandora.configurator(DefaultConfigurator); pandora.applet(Page).process('worker'); };`,
    'config/config.js': "module.exports = { title: 'a title' };",
  });
  assert.deepStrictEqual(lines, ['HTTP true a title']);
});

test('an environment made by hand', () => {
  const { DefaultEnvironment, BaseEnvironment } = require(FACADE);
  const made = new DefaultEnvironment({ env: 'mine', appName: 'a' });
  assert.deepStrictEqual([made.get('env'), made.match('mine'), made.get('appName'), path.basename(made.get('pandoraLogsDir'))], ['mine', true, 'a', 'logs']);
  assert.ok(new DefaultEnvironment().get('env'));
  assert.strictEqual(new BaseEnvironment().get('env'), undefined);
});

test('packages that are not installed are answered', async () => {
  const lines = await run({
    'procfile.js': PLACED,
    'a.js': `
      const { Facade, HubClient, SelectorUtils, ObjectUtils, IntrospectionUtils } = require('pandora-hub');
      const { default: { getClient, getServer }, MessengerServer } = require('pandora-messenger');
      const { LoggerService, LoggerManager, default: Default } = require('pandora-service-logger');
      const { MetricsClientUtil } = require('pandora-metrics');
      const { genereateUUID } = require('pandora-dollar');
      const pandora = require('dorapan');
      const hub = new Facade();
      hub.setup({ location: { appName: 'x', processName: 'y', pid: '1' } });
      console.log('>', hub.getHubClient() instanceof HubClient, Default === LoggerService, LoggerService === pandora.LoggerService, typeof LoggerManager);
      console.log('>', MetricsClientUtil === pandora.MetricsClientUtil, genereateUUID().length);
      module.exports = class { async start() {
        const { processContext, getHub } = pandora;
        console.log('>', getHub() === processContext.getHub(), typeof getHub().publish);
        console.log('>', SelectorUtils.match({ appName: 'x' }, { appName: 'x', pid: '1' }), ObjectUtils.objectDescriptionToId({ name: 'a', tag: 'b' }),
          IntrospectionUtils.introspect({ a: 1, b() {} }).methods[0].name);
        const server = getServer({ name: 'mine' });
        server.on('add', ({ a, b }, reply) => reply(a + b));
        console.log('>', await new Promise((resolve) => getClient({ name: 'mine' }).send('add', { a: 1, b: 2 }, (error, sum) => resolve(error ?? sum))),
          server instanceof MessengerServer, pandora.MessengerServer === MessengerServer);
      } };`,
  });
  assert.deepStrictEqual(lines, ['true true true function', 'true 36', 'true function', 'true a:b b', '3 true true']);
});
