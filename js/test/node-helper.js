'use strict';

// Plays the guard: makes small applications in temporary folders and runs js/node/bootstrap.js on them.

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after } = require('node:test');

const BOOTSTRAP = path.resolve(__dirname, '../node/bootstrap.js');
const DEADLINE_MS = 60000;

const folders = [];
const children = new Set();
after(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

/** A new folder with the given files, removed after the tests. */
function folder(files = {}) {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'pandora-js-')));
  folders.push(dir);
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
  return dir;
}

/** Resolves with what probe returns once that is truthy. */
async function until(probe, what) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`no ${what} within ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Options of a worker as the guard sets them. */
function environment(dir, { name = 'worker', entryFile, worker = 0, dev = false, env = {}, run = dir, definition = {},
  evaluation, transform, config } = {}) {
  const process_ = {
    appName: 'demo', appDir: dir, processName: name, scale: 1, env: {}, args: [], execArgv: [], offset: 0,
    entryFileBaseDir: entryFile ? dir : null, kind: 'plain', ...(entryFile ? { entryFile } : {}), ...definition,
  };
  const inherited = { ...process.env };
  delete inherited.NODE_TEST_CONTEXT;
  delete inherited.NODE_ENV;
  return {
    ...inherited,
    NODE_APP_INSTANCE: String(worker),
    PANDORA_CWD: dir,
    PANDORA_TMP_DIR: run,
    PANDORA_LOGS_DIR: path.join(dir, 'logs'),
    ...(dev ? { PANDORA_DEV: 'true' } : {}),
    ...env,
    PANDORA_WORKER: JSON.stringify({
      appName: 'demo', appDir: dir, process: process_, worker, generation: 1, dev, defaultServiceCategory: 'worker',
      evaluation, transform, config,
    }),
  };
}

/** The guard's side of a running worker. */
class Guarded {
  constructor(child) {
    this.child = child;
    this.messages = [];
    /** What of the application it said to run. */
    this.doing = [];
    this.output = '';
    children.add(child);
    child.on('internalMessage', (message) => {
      if (message.cmd !== 'NODE_PANDORA') return;
      if (message.act === 'doing') this.doing.push(message.doing);
      else this.messages.push(message);
    });
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => { this.output += text; });
    // Not 'close': it does not come for a child whose channel was closed from this side.
    const streams = [child.stdout, child.stderr].filter(Boolean).map((stream) => new Promise((resolve) => { stream.once('close', resolve); }));
    this.exited = new Promise((resolve) => {
      child.once('exit', async (code, signal) => {
        await Promise.all(streams);
        children.delete(child);
        this.ended = { code, signal };
        resolve(this.ended);
      });
    });
  }

  send(act, fields) {
    this.child.send({ cmd: 'NODE_PANDORA', act, ...fields });
  }

  /** The next message of that act; fails when the worker says error or ends instead. */
  async next(act) {
    return until(() => {
      const at = this.messages.findIndex((message) => message.act === act);
      if (at >= 0) return this.messages.splice(at, 1)[0];
      const error = this.messages.find((message) => message.act === 'error');
      if (error) assert.fail(`wanted ${act}, got error: ${error.error.stack}\n${this.output}`);
      if (this.ended) assert.fail(`wanted ${act}, but it ended ${JSON.stringify(this.ended)}:\n${this.output}`);
      return undefined;
    }, `${act} (output: ${this.output})`);
  }

  /** The lines printed so far that start with the mark '> ', without it. */
  lines() {
    return this.output.split('\n').filter((line) => line.startsWith('> ')).map((line) => line.slice(2));
  }

  async printed(text) {
    await until(() => this.lines().includes(text), `line ${text} (output: ${this.output})`);
  }

  /** Waits for the end, which must come by itself. */
  async end() {
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`did not end; output: ${this.output}`)), DEADLINE_MS);
    });
    const ended = await Promise.race([this.exited, late]);
    clearTimeout(timer);
    return ended;
  }
}

/** Runs a worker of the application in dir. */
function launch(dir, options = {}) {
  const { args = [], execArgv = [] } = options;
  return new Guarded(spawn(process.execPath, [...execArgv, BOOTSTRAP, ...args], {
    cwd: dir, env: environment(dir, options), stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  }));
}

/** The error that a worker reports instead of getting ready; it must exit with 1. */
async function failure(dir, options) {
  const worker = launch(dir, options);
  const { error } = await until(() => worker.messages.find((message) => message.act === 'error')
    ?? (worker.ended && assert.fail(`ended without an error message: ${worker.output}`)), 'error');
  assert.deepStrictEqual(await worker.end(), { code: 1, signal: null });
  assert.match(worker.output, /An error occurred during the start of ProcessBootstrap/);
  return { ...error, output: worker.output };
}

/** Ends a worker the way a guard does. */
async function stop(worker) {
  worker.send('shutdown');
  await worker.next('finish_shutdown');
  worker.child.disconnect();
  return worker.end();
}

module.exports = { BOOTSTRAP, DEADLINE_MS, folder, environment, launch, failure, stop, until, Guarded };
