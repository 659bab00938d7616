'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { folder, launch, failure, stop, until } = require('./node-helper');

/** A class that says when it starts and stops. */
const LOUD = `
  const loud = (name, { dependencies } = {}) => {
    class Loud {
      async start() { await null; console.log('> start ' + name); }
      async stop() { await null; console.log('> stop ' + name); }
    }
    if (dependencies) Loud.dependencies = dependencies;
    return Loud;
  };`;

test('services start by weight, in definition order within one, and stop in reverse', async () => {
  const dir = folder({
    'procfile.js': `${LOUD}
      module.exports = (pandora) => {
        pandora.cluster('./app.js');
        pandora.service('c', loud('c'));
        pandora.service('b', loud('b')).dependency('a');
        pandora.service('a', loud('a'));
        pandora.service('z', loud('z', { dependencies: ['a'] })).dependency(['b', 'logger', 'a']);
      };`,
    'app.js': "console.log('> start cluster0');",
  });
  const worker = launch(dir);
  assert.strictEqual((await worker.next('ready')).services, 4);
  assert.deepStrictEqual(worker.lines(), ['start c', 'start a', 'start b', 'start z', 'start cluster0']);
  assert.deepStrictEqual(await stop(worker), { code: 0, signal: null });
  assert.deepStrictEqual(worker.lines().slice(5), ['stop z', 'stop b', 'stop c', 'stop a']);
});

test('what is wrong with dependencies is told in the words of the original', async (t) => {
  const cases = [
    ["pandora.service('a', A).dependency('b'); pandora.service('b', A).dependency('a');",
      'Service name: a in a cyclic dependency chain: a -> b -> a'],
    ["pandora.service('a', A).dependency('nope');", 'Could not found service id: nope'],
    ["pandora.service('a', A).dependency('b'); pandora.service('b', A).process('background');", 'Could not found service id: b'],
    ["pandora.service('b', A).dependency('a'); pandora.service('a', A).dependency('all');",
      "Reserved service name 'all' not allowed to contains within a dependency chain: b -> a -> all"],
    ["pandora.service('a', './nowhere');", /Cannot find module '.\/nowhere'/],
    ["pandora.service('a', './text');", 'The entry should export a function, during loading ./text'],
    ["pandora.service('a');", /service "a" has no entry/],
    ["pandora.service('a', class { start() { throw new TypeError('no luck'); } });", 'no luck'],
    ["pandora.service('a', A).config(() => { throw new Error('no config'); });", 'no config'],
  ];
  await Promise.all(cases.map(([body, message]) => t.test(String(message), async () => {
    const dir = folder({
      'procfile.js': `class A {}\nmodule.exports = (pandora) => { ${body} };`,
      'text.js': "module.exports = 'text';",
    });
    const error = await failure(dir);
    if (typeof message === 'string') assert.strictEqual(error.message, message);
    else assert.match(error.message, message);
  })));
});

test('a service gets its context', async () => {
  const dir = folder({
    'procfile.js': `
      class B { constructor(context) { this.own = context; } }
      class A {
        constructor(context) {
          console.log('> keys ' + Object.keys(context).join(' '));
          console.log('> config ' + JSON.stringify(context.config));
          console.log('> empty ' + JSON.stringify(context.dependencies.b.own.config));
          console.log('> deps ' + Object.keys(context.dependencies) + ' ' + (context.getDependency('b') === context.getService('b')));
          console.log('> class ' + (context.getServiceClass('b') === B) + ' ' + context.getServiceClass('x'));
          console.log('> names ' + [context.appName, context.processName, context.serviceName, context.env, context.representation.category]);
          try { context.getService('x'); } catch (error) { console.log('> ' + error.message); }
          try { context.getService('a'); } catch (error) { console.log('> ' + error.message); }
        }
      }
      module.exports = (pandora) => {
        pandora.service('a', A).dependency('b').config({ port: 1 }).config((context, literal) => ({
          ...literal, keys: Object.keys(context).sort().join(' '),
        }));
        pandora.service('b', B).config(() => undefined);
      };`,
  });
  const worker = launch(dir);
  assert.strictEqual((await worker.next('ready')).services, 0);
  const process = 'appDir appName env environment getHub getProxy getService getServiceClass processName publishObject';
  assert.deepStrictEqual(worker.lines(), [
    'keys serviceCore processContext appName appDir processName env environment hub getService getServiceClass getHub '
      + 'publishObject getProxy logger dependencies representation serviceName config publish getDependency',
    `config {"port":1,"keys":"${process}"}`,
    'empty {}',
    'deps b true',
    'class true null',
    'names demo,worker,a,development,worker',
    'Could not found service id: x',
    'Service id: a have not instance yet',
  ]);
  await stop(worker);
});

test('the first form: configurator, core, applets constructed before services start', async () => {
  const dir = folder({
    'procfile.js': `
      class MyConfigurator {
        constructor(context) { this.appName = context.appName; }
        async getAllProperties() { await null; return { greeting: 'hello ' + this.appName }; }
      }
      class First {
        constructor(core) { console.log('> core ' + core.serviceName + ' ' + core.workMode + ' ' + JSON.stringify(core.config)); }
        async start() { console.log('> start first ' + this.core.context.config.greeting); }
        async stop() { console.log('> stop first'); }
      }
      class Second { start() { console.log('> start second ' + (this.core.deps.first === this.core.getDependency('first'))); } }
      class AppletA {
        constructor(options) {
          this.options = options;
          console.log('> new ' + options.appletName + ' ' + options.category + ' ' + JSON.stringify(options.config));
        }
        async start() { console.log('> start ' + this.options.appletName + ' ' + this.options.context.processName); }
        async stop() { console.log('> stop ' + this.options.appletName); }
      }
      module.exports = function (pandora) {
        pandora.configurator(MyConfigurator);
        pandora.service(Second).dependency('first').category('background');
        pandora.service(First).config((context, literal) => context.config).category('background');
        pandora.applet(AppletA).name('XXX').category('background');
        pandora.applet(AppletA).name('YYY').config((context) => context.config).category('background');
      };`,
  });
  const worker = launch(dir, { name: 'background' });
  assert.strictEqual((await worker.next('ready')).services, 3);
  assert.deepStrictEqual(worker.lines(), [
    'new XXX background {}',
    'new YYY background {"greeting":"hello demo"}',
    'core first worker {"greeting":"hello demo"}',
    'start first hello demo',
    'start second true',
    'start XXX background',
    'start YYY background',
  ]);
  await stop(worker);
  assert.deepStrictEqual(worker.lines().slice(7), ['stop YYY', 'stop XXX', 'stop first']);
});

test('the default configurator merges three files and leaves out a broken one', async () => {
  const files = {
    'config/config.js': "module.exports = { a: 1, deep: { x: 1, list: [1, 2] }, who: 'config' };",
    'config/config.default.js': "module.exports = (context) => ({ deep: { y: context.appName }, who: 'default' });",
    'config/config.test.js': "exports.default = { deep: { list: [3] }, who: 'test' };",
    'config/config.production.js': "throw new Error('broken on purpose');",
    'procfile.js': `
      class A { start() { console.log('> ' + JSON.stringify(this.core.context.config)); } }
      module.exports = (pandora) => { pandora.service(A).category('worker'); };`,
  };
  const worker = launch(folder(files), { env: { NODE_ENV: 'unittest' } });
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['{"a":1,"deep":{"x":1,"list":[3,2],"y":"demo"},"who":"test"}']);
  await stop(worker);

  const other = launch(folder(files), { env: { NODE_ENV: 'production' } });
  await other.next('ready');
  assert.deepStrictEqual(other.lines(), ['{"a":1,"deep":{"x":1,"list":[1,2],"y":"demo"},"who":"default"}']);
  assert.match(other.output, /config\.production\.js is left out: Error: broken on purpose/);
  await stop(other);
});

test('the environment is named after NODE_ENV, or is what the procfile says', async (t) => {
  const dir = folder({
    'procfile.js': `
      class A { constructor(context) { console.log('> ' + context.env + ' ' + context.environment.match(context.env)); } }
      module.exports = (pandora) => { pandora.service('a', A); };`,
  });
  const cases = { production: 'production', prepub: 'prepub', test: 'test', unittest: 'test', local: 'development', '': 'development' };
  await Promise.all(Object.entries(cases).map(([value, want]) => t.test(`NODE_ENV=${value}`, async () => {
    const worker = launch(dir, { env: { NODE_ENV: value } });
    await worker.next('ready');
    assert.deepStrictEqual(worker.lines(), [`${want} true`]);
    await stop(worker);
  })));

  const own = launch(folder({
    'procfile.js': `
      class Mine { constructor(facts) { this.facts = facts; } get(name) { return name + ' of ' + this.facts.processName; } match() { return true; } }
      class A { constructor(context) { console.log('> ' + context.env); } }
      module.exports = (pandora) => { pandora.environment(Mine); pandora.service('a', A); };`,
  }));
  await own.next('ready');
  assert.deepStrictEqual(own.lines(), ['env of worker']);
  await stop(own);

  const set = launch(folder({
    'procfile.js': `
      const { EnvironmentUtil } = require('pandora-env');
      const mine = { get: (name) => 'my ' + name, match: () => false };
      class A { constructor(context) { console.log('> ' + context.env + ' ' + (context.environment === mine)); } }
      module.exports = (pandora) => { EnvironmentUtil.getInstance().setCurrentEnvironment(mine); pandora.service('a', A); };`,
  }));
  await set.next('ready');
  assert.deepStrictEqual(set.lines(), ['my env true']);
  await stop(set);
});

test('loggers write files in the format of the original', async () => {
  const dir = folder({
    'procfile.js': `
      const path = require('path');
      class A {
        constructor(context) { this.context = context; }
        start() {
          const { logger } = this.context;
          logger.info('hello %s', 'you');
          logger.debug('not written');
          logger.log('as info');
          logger.write('raw');
          logger.error(Object.assign(new TypeError('boom 100%s'), { code: 'E_BOOM' }));
          const own = this.context.getService('logger');
          own.getLogger('given').warn('from config');
          own.createLogger('made', { dir: path.join(this.context.appDir, 'logs'), name: 'own.txt', level: 'INFO', stdoutLevel: 'NONE' }).info('made');
          for (const attempt of [() => own.createLogger('made', { dir: '.' }), () => own.getLogger('nope'), () => own.createLogger('x', {})]) {
            try { attempt(); } catch (error) { console.log('> ' + error.message); }
          }
        }
        stop() { this.context.logger.info('bye'); }
      }
      module.exports = (pandora) => {
        pandora.service('a', A).dependency('logger');
        pandora.service('logger').config({ loggers: { given: { dir: path.join(__dirname, 'logs') } } });
      };`,
  });
  const worker = launch(dir);
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), [
    'Logger named made already has', 'Could not found logger named nope',
    "logger x: dir expects the folder for its file, got undefined",
  ]);
  const log = path.join(dir, 'logs/demo/service.log');
  await until(() => fs.existsSync(log) && fs.readFileSync(log, 'utf8').includes('boom'), 'log file within a flush');
  await stop(worker);
  const lines = fs.readFileSync(log, 'utf8').split('\n');
  const time = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d,\\d{3}';
  const { pid } = worker.child;
  assert.match(lines[0], new RegExp(`^${time} INFO ${pid} \\[serviceName: a, processName: worker\\] hello you$`));
  assert.match(lines[1], new RegExp(`^${time} INFO ${pid} \\[serviceName: a, processName: worker\\] as info$`));
  assert.strictEqual(lines[2], 'raw');
  assert.match(lines[3], new RegExp(`^${time} ERROR ${pid} nodejs.TypeError: boom 100%s$`));
  assert.match(lines[4], /^ {4}at /);
  assert.ok(lines.includes("code: 'E_BOOM'"));
  assert.ok(lines.includes(`pid: ${pid}`));
  assert.match(lines.at(-2), /bye$/);
  assert.match(fs.readFileSync(path.join(dir, 'logs/given.log'), 'utf8'), new RegExp(`^${time} WARN ${pid} from config\n$`));
  assert.match(fs.readFileSync(path.join(dir, 'logs/own.txt'), 'utf8'), new RegExp(`^${time} INFO ${pid} made\n$`));
});

test('in dev the service logger writes to the terminal', async () => {
  const dir = folder({
    'procfile.js': `
      class A { constructor(context) { context.logger.info('seen'); console.log('> ' + pandoraDev); } }
      let pandoraDev;
      module.exports = (pandora) => { pandoraDev = pandora.dev; pandora.service('a', A); };`,
  });
  const worker = launch(dir, { dev: true });
  await worker.next('ready');
  assert.match(worker.output, /INFO \d+ \[serviceName: a, processName: worker\] seen/);
  await worker.printed('true');
  await stop(worker);
  assert.strictEqual(fs.existsSync(path.join(dir, 'logs')), false);
});

test('a stop that throws is reported and does not keep the others', async () => {
  const dir = folder({
    'procfile.js': `${LOUD}
      class Bad { stop() { throw new RangeError('stuck'); } }
      module.exports = (pandora) => {
        pandora.service('a', loud('a'));
        pandora.service('bad', Bad).dependency('a');
      };`,
  });
  const asked = launch(dir);
  await asked.next('ready');
  asked.send('shutdown');
  const { error } = await asked.next('finish_shutdown');
  assert.deepStrictEqual([error.name, error.message], ['RangeError', 'stuck']);
  assert.deepStrictEqual(asked.lines(), ['start a', 'stop a']);
  asked.child.disconnect();
  assert.deepStrictEqual(await asked.end(), { code: 1, signal: null });

  const signalled = launch(dir);
  await signalled.next('ready');
  signalled.child.kill('SIGTERM');
  assert.deepStrictEqual(await signalled.end(), { code: 1, signal: null });
  assert.deepStrictEqual(signalled.lines(), ['start a', 'stop a']);
  assert.match(signalled.output, /Process \[name = worker, pid = \d+\] Receive a signal SIGTERM, start to stopping, pid \d+/);
});

test('a signal stops the services, then the process', async () => {
  const dir = folder({
    'procfile.js': `${LOUD} module.exports = (pandora) => { pandora.service('a', loud('a')); };`,
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT']) {
    const worker = launch(dir);
    await worker.next('ready');
    worker.child.kill(signal);
    assert.deepStrictEqual(await worker.end(), { code: 0, signal: null });
    assert.deepStrictEqual(worker.lines(), ['start a', 'stop a']);
  }
});

test('a stop during the start ends what has begun and starts nothing more', async () => {
  const dir = folder({
    'procfile.js': `${LOUD}
      class Hangs {
        start() { console.log('> hangs'); return new Promise(() => {}); }
        stop() { console.log('> stop hangs'); }
      }
      module.exports = (pandora) => {
        pandora.service('a', loud('a'));
        pandora.service('hangs', Hangs).dependency('a');
        pandora.service('c', loud('c')).dependency('hangs');
      };`,
  });
  for (const how of ['signal', 'shutdown']) {
    const worker = launch(dir);
    await worker.printed('hangs');
    if (how === 'signal') {
      worker.child.kill('SIGTERM');
    } else {
      worker.send('shutdown');
      await worker.next('finish_shutdown');
      worker.child.disconnect();
    }
    assert.deepStrictEqual(await worker.end(), { code: 0, signal: null });
    assert.deepStrictEqual(worker.lines(), ['start a', 'hangs', 'stop hangs', 'stop a']);
    assert.deepStrictEqual(worker.messages, []);
  }
});

test('a service that is an ES module has its static dependencies', async () => {
  const worker = launch(folder({
    'procfile.js': `module.exports = (pandora) => {
      pandora.service('module', './module.mjs').dependency('logger');
      pandora.service('plain', class { start() { console.log('> plain'); } });
    };`,
    'module.mjs': `
      export default class {
        static get dependencies() { return ['plain']; }
        constructor(context) { this.deps = Object.keys(context.dependencies); }
        async start() { console.log('> module ' + this.deps); }
      }`,
  }));
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['plain', 'module plain,logger']);
  await stop(worker);
});

test('a service without a name has the members of both forms', async () => {
  const worker = launch(folder({
    'procfile.js': `
      class Both {
        constructor(context) {
          const { appName, processName, env, serviceName, config, dependencies } = context;
          console.log('> ' + [appName, processName, env, serviceName, JSON.stringify(config), Object.keys(dependencies)].join());
          console.log('> ' + [context.appDir === __dirname, context.getServiceClass('both') === Both, typeof context.getProxy,
            typeof context.publishObject, context.environment.match('development'), context.processContext === context.context,
            context.serviceCore === context].join());
        }
        start() { console.log('> ' + (this.core.getService() === this && this.core.getService('both') === this)); }
      }
      module.exports = (pandora) => { pandora.service(Both).process('worker').config({ a: 1 }).dependency('logger'); };`,
  }));
  await worker.next('ready');
  assert.deepStrictEqual(worker.lines(), ['demo,worker,development,both,{"a":1},logger', 'true,true,function,function,true,true,true', 'true']);
  await stop(worker);
});

test('an HTTP applet listens on PORT, and its stop ends it', async () => {
  const worker = launch(folder({
    'procfile.js': `
      module.exports = (pandora) => { pandora.applet('./web').category('worker').config({ text: 'okay' }); };`,
    'web.js': `
      const http = require('http');
      const { HTTPApplet, Applet } = require('${path.resolve(__dirname, '../node/facade')}');
      module.exports = class Web extends HTTPApplet {
        createServer() { return http.createServer((request, response) => response.end(this.options.config.text)); }
        async start() {
          await super.start();
          await super.start(); // again: a new server in the place of the old one
          console.log('> ' + this.server.address().port + ' ' + this.type + ' ' + (this instanceof Applet) + ' ' + this.server.listening);
        }
        async stop() { const { server } = this; await super.stop(); await super.stop(); console.log('> closed ' + !server.listening); }
      };`,
  }), { env: { PORT: '0' } });
  await worker.next('ready');
  const [first, line] = worker.lines();
  assert.strictEqual(first, 'closed true');
  const [port, type, base, listening] = line.split(' ');
  assert.deepStrictEqual([type, base, listening], ['HTTP', 'true', 'true']);
  assert.strictEqual(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'okay');
  await stop(worker);
  assert.strictEqual(worker.lines()[2], 'closed true');

  const bad = await failure(folder({
    'procfile.js': `
      const { HTTPApplet } = require('${path.resolve(__dirname, '../node/facade')}');
      module.exports = (pandora) => { pandora.applet(class Web extends HTTPApplet {}).category('worker'); };`,
  }));
  assert.match(bad.message, /Web extends HTTPApplet: it expects a method createServer\(\)/);
});
