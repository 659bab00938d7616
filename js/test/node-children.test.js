'use strict';

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');
const { Daemon } = require('./node-daemon');
const { folder, launch, stop, until } = require('./node-helper');

/** Says, on one line, what a process sees of itself; with an argument 'deep' also what a child of it sees. */
const CHILD = `
  let seen;
  try {
    const pandora = require('pandora');
    seen = [pandora.appName, pandora.processName, pandora.env, pandora.processContext.getServiceClass('x')].join(',');
  } catch (error) {
    seen = error.code;
  }
  const { argv, env, execArgv } = process;
  const line = [argv[2], seen, JSON.stringify(execArgv), env.PANDORA_CURRENT_WRAP_LEVEL, require.main === module].join(' ');
  if (argv[3] !== 'deep') console.log('> ' + line);
  else console.log('> ' + line + ' | ' + require('child_process').execFileSync(process.execPath, [__filename, 'grandchild']).toString().slice(2));
  process.exitCode = argv[3] === 'fail' ? 3 : 0;
  process.on('message', (message) => { process.send(message + ' back'); process.disconnect(); });`;

/** Runs code in a plain worker until it prints 'end', and gives what it printed. */
async function run(code, { files = {}, env = {} } = {}) {
  const dir = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.fork('app', './app.js'); };",
    'child.js': CHILD,
    'app.js': `
      const cp = require('child_process');
      const N = process.execPath;
      const say = (output) => process.stdout.write(String(output));
      const over = (child) => new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
      (async () => { ${code} })().catch((error) => console.log('> ' + error.stack)).finally(() => console.log('> end'));`,
    ...files,
  });
  const worker = launch(dir, { name: 'app', entryFile: './app.js', env });
  await worker.next('ready');
  await worker.printed('end');
  const lines = worker.lines().slice(0, -1);
  await stop(worker);
  return lines;
}

/** What a child that is followed prints, without its name. */
const FOLLOWED = 'demo,app,development, [] 2 true';

test('direct children that run the same Node have a context, their own children have none', async () => {
  const lines = await run(`
    say(cp.spawnSync(N, ['child.js', 'spawnSync']).stdout);
    say(cp.execFileSync('node', ['child.js', 'execFileSync']));
    say(cp.execSync('node child.js execSync'));
    say(cp.execSync('A=1 "' + N + '" child.js quoted && echo "> and"'));
    say((await import('child_process')).spawnSync(N, ['child.js', 'imported']).stdout);
    await over(cp.spawn('node', ['child.js', 'spawn'], { stdio: 'inherit' }));
    say((await require('util').promisify(cp.exec)('node child.js exec')).stdout);
    say((await require('util').promisify(cp.execFile)(N, ['child.js', 'execFile'])).stdout);
    say(cp.spawnSync(N, ['child.js', 'deep', 'deep']).stdout);`, {
    env: { PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` },
  });
  const names = ['spawnSync', 'execFileSync', 'execSync', 'quoted', 'imported', 'spawn', 'exec', 'execFile'];
  const want = names.map((name) => `${name} ${FOLLOWED}`);
  want.splice(4, 0, 'and');
  assert.deepStrictEqual(lines, [...want, `deep ${FOLLOWED} | grandchild MODULE_NOT_FOUND [] 2 true`]);
});

test('what a caller sees of a child is as without us', async () => {
  const lines = await run(`
    const child = cp.fork('./child.js', ['fork'], { execArgv: ['--no-warnings', '-C', 'x'] });
    console.log('> ' + child.spawnargs.slice(1).join(' '));
    child.send('there and');
    child.on('message', (message) => console.log('> ' + message));
    await over(child);
    const failed = cp.spawn(N, ['child.js', 'code', 'fail'], { stdio: 'inherit' });
    console.log('> ' + await over(failed));
    try { cp.execFileSync(N, ['child.js', 'sync', 'fail'], { stdio: 'pipe' }); } catch (error) {
      console.log('> ' + error.message.replace(N, 'node') + ', ' + error.status);
    }
    await new Promise((resolve) => cp.spawn('no-such-program', ['a']).on('error', (error) => {
      console.log('> ' + error.message + ' ' + error.spawnargs);
      resolve();
    }));
    for (const wrong of [[undefined], [N, 'no array'], ['']]) {
      try { cp.spawn(...wrong); } catch (error) { console.log('> ' + error.code); }
    }`);
  assert.deepStrictEqual(lines, [
    '--no-warnings -C x ./child.js fork',
    'fork demo,app,development, ["--no-warnings","-C","x"] 2 true', 'there and back',
    `code ${FOLLOWED}`, '3',
    'Command failed: node child.js sync fail, 3',
    'spawn no-such-program ENOENT a',
    'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE',
  ]);
});

test('what runs no script, another program, or an environment of its own is left alone', async () => {
  const lines = await run(`
    const shown = "console.log('> ' + JSON.stringify(process.execArgv.filter((each) => each !== '-e' && each.length < 20)))";
    say(cp.execFileSync(N, ['-e', shown]));
    say('> ' + cp.execFileSync(N, ['-p', 'process.execArgv.length']));
    say('> ' + (String(cp.execFileSync(N, ['--version'])).trim() === process.version) + '\\n');
    say(cp.execFileSync(N, [], { input: "console.log('> stdin ' + process.execArgv.length)" }));
    for (const file of ['script.sh', 'shebang']) require('fs').chmodSync(file, 0o755);
    say(cp.execFileSync('./script.sh'));
    say(cp.execFileSync('./shebang'));
    say(cp.execSync('./script.sh'));
    say(cp.spawnSync(N, ['child.js', 'clean'], { env: { PATH: process.env.PATH } }).stdout);
    const { Worker } = require('worker_threads');
    await over(new Worker('./child.js', { argv: ['thread'] }));`, {
    files: {
      'script.sh': '#!/bin/sh\nnode child.js script\n',
      shebang: `#!${process.execPath}\nrequire('./child.js');\n`,
      'package.json': '{}',
    },
    env: { PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` },
  });
  const alone = 'MODULE_NOT_FOUND [] 1';
  assert.deepStrictEqual(lines, [
    '[]', '2', 'true', 'stdin 0', `script ${alone} true`, ` ${alone} false`, `script ${alone} true`,
    'clean MODULE_NOT_FOUND []  true', `thread ${alone} true`,
  ]);
});

test('PANDORA_WRAP_MAX_DEPTH says how deep processes are followed', async () => {
  const code = "say(cp.spawnSync(N, ['child.js', 'child', 'deep']).stdout);";
  assert.deepStrictEqual(await run(code, { env: { PANDORA_WRAP_MAX_DEPTH: '1' } }),
    ['child MODULE_NOT_FOUND [] 1 true | grandchild MODULE_NOT_FOUND [] 1 true']);
  assert.deepStrictEqual(await run(code, { env: { PANDORA_WRAP_MAX_DEPTH: '3' } }),
    [`child ${FOLLOWED} | grandchild demo,app,development, [] 3 true`]);
});

test('a child ends when it has nothing left to do, also once it is known to the daemon', async () => {
  const dir = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.fork('app', './app.js'); };",
    'linger.js': 'process.stdin.resume();',
    'app.js': `
      const child = require('child_process').spawn(process.execPath, ['linger.js'], { stdio: ['pipe', 'inherit', 'inherit'] });
      child.on('exit', (code) => console.log('> ended ' + code));
      process.on('message', () => child.stdin.end());`,
  });
  const daemon = new Daemon(dir);
  await daemon.listen();
  const worker = launch(dir, { name: 'app', entryFile: './app.js' });
  await worker.next('ready');
  await until(() => daemon.packets.filter(({ action }) => action === 'METRIC_DISCOVER_KEY_PANDORA_SERIES').length === 2, 'two processes');
  assert.strictEqual(daemon.connections, 2);
  worker.child.send('end it');
  await worker.printed('ended 0');
  await stop(worker);
  await daemon.close();
});

test('the tests that a worker runs are followed by nobody', async () => {
  const lines = await run(`
    const test = cp.spawnSync(N, ['--test', 'some.test.js'], { env: { ...process.env, NODE_TEST_CONTEXT: undefined } });
    console.log('> tests ' + test.status);`, {
    files: {
      'some.test.js': "require('node:test').test('x', () => { if (process.execArgv.includes('--require')) throw new Error(process.execArgv); });",
    },
  });
  assert.deepStrictEqual(lines, ['tests 0']);
});

test('the workers of a cluster of its own have a context and drain with the process', async () => {
  const dir = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.fork('app', './app.js'); };",
    'app.js': `
      const cluster = require('cluster');
      if (cluster.isPrimary) {
        cluster.fork();
      } else {
        const server = require('http').createServer().on('close', () => console.log('> closed'));
        server.listen(0, '127.0.0.1', () => console.log('> ' + require('pandora').processName + ' ' + process.execArgv.length));
      }`,
  });
  for (const env of [{}, { PANDORA_WRAP_MAX_DEPTH: '1' }]) {
    const worker = launch(dir, { name: 'app', entryFile: './app.js', env });
    await worker.next('ready');
    if (env.PANDORA_WRAP_MAX_DEPTH) await until(() => worker.output.includes('MODULE_NOT_FOUND'), 'a worker without context');
    else await worker.printed('app 0');
    worker.send('drain', { timeoutMs: 5000 });
    await worker.next('drained');
    if (!env.PANDORA_WRAP_MAX_DEPTH) await worker.printed('closed');
    await stop(worker);
  }
});

test('what a child complains of is reported as of its own, unless the configuration is against it', async () => {
  const dir = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.fork('app', './app.js'); };",
    'child.js': "console.error(new Error('a complaint')); process.stdin.resume();",
    'app.js': `
      const child = require('child_process').spawn(process.execPath, ['child.js'], { stdio: ['pipe', 'inherit', 'inherit'] });
      child.on('exit', () => console.log('> end'));
      console.log('> child ' + child.pid);
      process.on('message', () => child.stdin.end());`,
  });
  for (const wanted of [true, false]) {
    const daemon = new Daemon(dir);
    await daemon.listen();
    const worker = launch(dir, { name: 'app', entryFile: './app.js', config: { hook: { global: { enabled: wanted } } } });
    await worker.next('ready');
    const pid = Number((await until(() => worker.lines()[0], 'the pid of the child')).split(' ')[1]);
    const of = (packet) => packet.action.startsWith('MESSENGER_UPLINK_demo_error_') && packet.data.pid === pid;
    if (wanted) assert.strictEqual((await daemon.next(of, 'a report')).data.message, 'a complaint');
    else await until(() => daemon.connections > 1, 'the connection of the child');
    assert.strictEqual(daemon.packets.some(of), wanted);
    worker.child.send('end it');
    await worker.printed('end');
    await stop(worker);
    await daemon.close();
  }
});
