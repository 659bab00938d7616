'use strict';

// Plays the pandora program with TypeScript's own compiler; the end-to-end tests use the program itself.

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { folder, launch, failure, stop } = require('./node-helper');

const COMPILER = require.resolve('typescript');

/** A program that transforms as pandora does, and notes each call in the file calls beside it. */
function program() {
  const dir = folder({
    pandora: `#!${process.execPath}
      const fs = require('fs');
      const ts = require(${JSON.stringify(COMPILER)});
      const [verb, file] = process.argv.slice(2);
      const source = fs.readFileSync(0, 'utf8');
      fs.appendFileSync(__dirname + '/calls', verb + ' ' + require('path').basename(file) + '\\n');
      const fail = (kind, message, line, column) => {
        console.error(JSON.stringify({ kind, message, file, line, column }));
        process.exit(1);
      };
      if (source.startsWith('// crash')) { console.error('out of luck'); process.exit(3); }
      if (/^await /m.test(source)) fail('unsupported', 'a top-level await: not here');
      const { outputText, sourceMapText, diagnostics } = ts.transpileModule(source, {
        fileName: 'module.ts', reportDiagnostics: true,
        compilerOptions: { module: 'commonjs', target: 'es2020', sourceMap: true, esModuleInterop: true },
      });
      if (diagnostics.length > 0) {
        const { line, character } = ts.getLineAndCharacterOfPosition(diagnostics[0].file, diagnostics[0].start);
        fail('syntax', 'SyntaxError: ' + diagnostics[0].messageText, line + 1, character + 1);
      }
      const map = Buffer.from(JSON.stringify({ ...JSON.parse(sourceMapText), sources: [file] })).toString('base64');
      process.stdout.write(outputText.replace('module.js.map', 'data:application/json;base64,' + map));`,
  });
  const command = path.join(dir, 'pandora');
  fs.chmodSync(command, 0o700);
  return {
    command,
    /** What was transformed since the last time, sorted. */
    calls() {
      const file = path.join(dir, 'calls');
      const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).sort() : [];
      fs.rmSync(file, { force: true });
      return lines;
    },
  };
}

/** Runs a worker until it is ready, stops it, and returns the lines it printed. */
async function lines(dir, options) {
  const worker = launch(dir, options);
  await worker.next('ready');
  await stop(worker);
  return worker.lines();
}

const TYPESCRIPT = {
  'procfile.ts': `
    import type { Options } from './types';
    import { Role } from './role.js';
    export default (pandora: any) => {
      const options: Options = { role: Role.Main };
      pandora.service('a', './service').config(options);
    };`,
  'types.ts': 'export interface Options { role: string }',
  'role.ts': "export enum Role { Main = 'main' }",
  'service.ts': `
    export default class Service {
      constructor(readonly context: any) {}
      start(): void {
        console.log('> ' + this.context.config.role);
        try { this.fail(); } catch (error: any) { console.log('> ' + /service\\.ts:\\d+:\\d+/.exec(error.stack)); }
      }

      private fail(): never { throw new Error('x'); }
    }`,
};

test('TypeScript is loaded, kept, and transformed again when it changes', async () => {
  const { command, calls } = program();
  const dir = folder(TYPESCRIPT);
  const transform = { command, cache: path.join(dir, 'private', 'transformed') };
  const all = ['transform procfile.ts', 'transform role.ts', 'transform service.ts'];
  const wanted = ['main', 'service.ts:9:37'];
  assert.deepStrictEqual(await lines(dir, { transform }), wanted);
  assert.deepStrictEqual(calls(), all);
  assert.strictEqual(fs.statSync(transform.cache).mode & 0o777, 0o700);
  assert.strictEqual(fs.readdirSync(transform.cache).length, 3);
  assert.strictEqual(fs.statSync(path.join(transform.cache, fs.readdirSync(transform.cache)[0])).mode & 0o777, 0o600);

  assert.deepStrictEqual(await lines(dir, { transform }), wanted);
  assert.deepStrictEqual(calls(), [], 'all of it was kept');

  fs.writeFileSync(path.join(dir, 'role.ts'), "export enum Role { Main = 'other' }");
  assert.deepStrictEqual(await lines(dir, { transform }), ['other', 'service.ts:9:37']);
  assert.deepStrictEqual(calls(), ['transform role.ts']);

  fs.writeFileSync(path.join(dir, 'base.json'), '{"compilerOptions":{}}');
  fs.writeFileSync(path.join(dir, 'tsconfig.json'), '{ // a comment\n"extends": "./base" }');
  await lines(dir, { transform });
  assert.deepStrictEqual(calls(), all, 'other options');
  fs.writeFileSync(path.join(dir, 'base.json'), '{"compilerOptions":{"target":"es2022"}}');
  await lines(dir, { transform });
  assert.deepStrictEqual(calls(), all, 'other options of what is extended');

  fs.utimesSync(command, new Date(), new Date(Date.now() - 1000000));
  await lines(dir, { transform });
  assert.deepStrictEqual(calls(), all, 'another program');

  assert.deepStrictEqual(await lines(dir, { transform: { command } }), ['other', 'service.ts:9:37']);
  assert.deepStrictEqual(calls(), all, 'nowhere to keep anything');

  fs.writeFileSync(path.join(dir, 'taken'), '');
  const bad = { command, cache: path.join(dir, 'taken') };
  assert.deepStrictEqual(await lines(dir, { transform: bad }), ['other', 'service.ts:9:37'], 'a folder that cannot be made');
});

test('what is kept is bounded', async () => {
  const { command } = program();
  const dir = folder(TYPESCRIPT);
  const cache = path.join(dir, 'transformed');
  fs.mkdirSync(cache);
  for (let i = 0; i < 2000; i += 1) {
    fs.writeFileSync(path.join(cache, `old${i}`), '');
    fs.utimesSync(path.join(cache, `old${i}`), 1, 1);
  }
  await lines(dir, { transform: { command, cache } });
  const left = fs.readdirSync(cache);
  assert.ok(left.length <= 1002, `${left.length} files`);
  assert.strictEqual(left.filter((name) => !name.startsWith('old')).length, 3, 'the new ones stay');
});

test('Node is not touched where nothing needs it', async () => {
  const { command, calls } = program();
  const show = "console.log('> ' + Object.keys(require.extensions));";
  const dir = folder({
    'procfile.js': `${show} module.exports = (pandora) => { pandora.service('a', './a'); };`,
    'a.js': `${show} module.exports = class {};`,
    'types.ts': '', 'config/config.js': '', 'app.js': show,
  });
  const untouched = '.js,.json,.node';
  assert.deepStrictEqual(await lines(dir, { transform: { command }, entryFile: './app' }), [untouched, untouched, untouched]);
  assert.deepStrictEqual(calls(), []);
});

test('a loader that the user brings stays', async () => {
  const { command, calls } = program();
  const dir = folder({
    'procfile.ts': 'export enum Unknown { A }',
    'loader.js': `
      require.extensions['.ts'] = (module, file) => module._compile("module.exports = () => console.log('> theirs')", file);`,
  });
  assert.deepStrictEqual(await lines(dir, { transform: { command }, execArgv: ['-r', path.join(dir, 'loader.js')] }), ['theirs']);
  assert.deepStrictEqual(calls(), []);
});

test('entries in TypeScript, with and without extension, with a JavaScript procfile', async (t) => {
  const { command } = program();
  const dir = folder({
    'procfile.js': 'module.exports = () => {};',
    'app.ts': "enum E { A = 'app' }\nconsole.log('> ' + E.A);",
    'old.cts': "import path = require('path');\nconsole.log('> ' + typeof path.join);",
    'new.mts': "import path from 'node:path';\nconsole.log('> ' + typeof path.join);",
    'lib/index.ts': "console.log('> index' as string);",
    'lib/app.js': "console.log('> javascript');", 'lib/app.ts': "console.log('> typescript');",
  });
  const cases = {
    './app.ts': 'app', './app': 'app', './old.cts': 'function', './new.mts': 'function', './lib': 'index',
    './lib/app': 'javascript', [path.join(dir, 'app')]: 'app',
  };
  await Promise.all(Object.entries(cases).map(([entryFile, line]) => t.test(entryFile, async () => {
    assert.deepStrictEqual(await lines(dir, { transform: { command }, entryFile }), [line]);
  })));
  await t.test('nothing there', async () => {
    assert.match((await failure(dir, { transform: { command }, entryFile: './none' })).message, /Cannot find module '.\/none'/);
  });
});

test('a procfile in JavaScript that requires TypeScript', async () => {
  const { command } = program();
  const dir = folder({
    'procfile.js': "const { Service } = require('./service.ts'); module.exports = (pandora) => { pandora.service('a', Service); };",
    'service.ts': "enum E { A = 1 }\nexport class Service { start() { console.log('> started ' + E.A); } }",
  });
  assert.deepStrictEqual(await lines(dir, { transform: { command } }), ['started 1']);
});

test('what cannot be transformed is one error', async (t) => {
  const { command } = program();
  const dir = folder({
    'procfile.js': 'module.exports = () => {};',
    'broken.ts': 'const a: number = 1;\nconst b: = 2;\n',
    'waits.ts': 'export {};\nawait null;\n',
    'crash.ts': '// crash\n',
    'throws.ts': 'interface Long {\n  a: string;\n}\nfunction thrower(): never {\n  throw new TypeError("thrown");\n}\nthrower();\n',
  });
  const transform = { command };
  await t.test('syntax', async () => {
    const error = await failure(dir, { transform, entryFile: './broken.ts' });
    assert.strictEqual(error.name, 'SyntaxError');
    assert.strictEqual(error.message, 'Type expected.');
    assert.strictEqual(error.stack,
      `${dir}/broken.ts:2\nconst b: = 2;\n         ^\n\nSyntaxError: Type expected.\n    at ${dir}/broken.ts:2:10`);
    assert.doesNotMatch(error.output, /transpile\.js/);
  });
  await t.test('a throw is shown where it is written', async () => {
    const { stack } = await failure(dir, { transform, entryFile: './throws.ts' });
    assert.match(stack, /^TypeError: thrown\n {4}at thrower \(.*throws\.ts:5:9\)\n {4}at .*throws\.ts:7:1\)?\n/m);
  });
  await t.test('a top-level await', { skip: Boolean(process.features.typescript) }, async () => {
    const error = await failure(dir, { transform, entryFile: './waits.ts' });
    assert.match(error.stack, /^Error: a top-level await in TypeScript needs Node 22\.18.*\n {4}at .*waits\.ts:1:1$/);
    assert.strictEqual(error.code, 'PANDORA_TOP_LEVEL_AWAIT');
    assert.doesNotMatch(error.output, /transpile\.js/);
  });
  await t.test('a top-level await where Node itself knows TypeScript', { skip: !process.features.typescript }, async () => {
    fs.writeFileSync(path.join(dir, 'late.mts'), "await null;\nconst text: string = '> late';\nconsole.log(text);\n");
    assert.deepStrictEqual(await lines(dir, { transform, entryFile: './late.mts' }), ['late']);
  });
  await t.test('the program fails', async () => {
    const error = await failure(dir, { transform, entryFile: './crash.ts' });
    assert.strictEqual(error.message, `transform ${dir}/crash.ts with ${command}: out of luck`);
    assert.strictEqual(error.code, 'PANDORA_TRANSFORM');
  });
  await t.test('there is no program', async () => {
    const error = await failure(dir, { transform: { command: '/nowhere/pandora' }, entryFile: './throws.ts' });
    assert.match(error.message, /^transform .*throws\.ts with \/nowhere\/pandora: .*ENOENT/);
  });
});

test('procfiles that are ES modules, on every Node', async (t) => {
  const { command } = program();
  const PROCFILE = "import { say } from './lib.js';\nimport os from 'node:os';\nexport default () => say('> ' + typeof os.cpus);\n";
  const LIB = 'export const say = (text) => console.log(text);\n';
  const cases = {
    declared: { 'package.json': '{"type":"module"}', 'procfile.js': PROCFILE, 'lib.js': LIB },
    mjs: { 'procfile.mjs': PROCFILE.replace('lib.js', 'lib.mjs'), 'lib.mjs': LIB },
    undeclared: { 'procfile.js': PROCFILE, 'lib.js': LIB },
    'a package in node_modules': {
      'procfile.mjs': PROCFILE.replace('./lib.js', 'lib'),
      'node_modules/lib/package.json': '{"type":"module","main":"index.js"}', 'node_modules/lib/index.js': LIB,
    },
  };
  await Promise.all(Object.entries(cases).map(([name, files]) => t.test(name, async () => {
    assert.deepStrictEqual(await lines(folder(files), { transform: { command } }), ['function']);
  })));
});
