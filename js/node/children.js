'use strict';

// The Node processes that an application starts by itself. A direct child that runs the same Node gets a context and
// monitoring, and the worker of a cluster that a plain process makes drains with it (as in the masters of egg and midway).
// Both are loaded by --require in front of the child's own options; everything else about the child is as without us.
// npm scripts and scripts that name their interpreter themselves are left alone.

const child_process = require('node:child_process');

const CMD = 'NODE_PANDORA';
/** For children, and for workers of a cluster of this process. */
const CHILD = `${__dirname}/child.js`;
const NESTED = `${__dirname}/nested-worker.js`;
/** How long connections that the process has accepted already may take to reach one of its workers. */
const SETTLE_MS = 100;
const DEFAULT_TIMEOUT_MS = 5000;
/** How deep processes are followed, the worker counted: its children, but not theirs. */
const DEFAULT_DEPTH = 2;

/** Options of Node that take the next argument as their value. */
const VALUED = /^(?:-r|-C|--(?:require|import|loader|experimental-loader|conditions|env-file|env-file-if-exists|title|inspect-port|input-type|icu-data-dir|disable-warning))$/;
/** Options with which Node runs no script, or runs it in processes of its own, or keeps it from reading our files. */
const SCRIPTLESS = /^(?:-|-[epivhc]|-pe|--(?:eval|print|interactive|version|help|v8-options|completion-bash|check|test|watch|watch-path|run|prof-process|build-snapshot|build-sea|experimental-sea-config|permission|experimental-permission)(?:=.*)?)$/;
/** A shell's command that begins with Node: variables, the program (quoted or not), the rest. */
const COMMAND = /^(\s*(?:[A-Za-z_]\w*=[\w./:@,+-]*\s+)*)("[^"$`\\]+"|'[^']+'|[^\s"'$`\\;&|<>()]+)(\s.*)$/s;
const SHELL = /^(?:.*\/)?(?:sh|dash|bash|zsh)$/;

/** @typedef {{file: string, args: string[], envPairs: string[], cwd?: string}} Spawning what Node is about to start */

const node = process.execPath;

/**
 * @param {string[]} envPairs
 * @param {string} name
 * @returns {string | undefined}
 */
function variable(envPairs, name) {
  return envPairs.filter((pair) => pair.startsWith(`${name}=`)).pop()?.slice(name.length + 1);
}

/**
 * @param {string} level how deep a process is; workers are at 1
 * @param {string | undefined} depth
 * @returns {boolean} whether its children are followed
 */
function follows(level, depth) {
  return Number(level) >= 1 && Number(level) < (/^\d+$/.test(depth ?? '') ? Number(depth) : DEFAULT_DEPTH);
}

/**
 * @param {string} file a program, as given to spawn
 * @param {Spawning} spawning
 * @returns {boolean} whether it is the Node that runs this process
 */
function isNode(file, { envPairs, cwd }) {
  if (file === node) return true;
  if (!/(?:^|\/)node[^/]*$/.test(file)) return false;
  const fs = require('node:fs');
  const path = require('node:path');
  const from = path.resolve(typeof cwd === 'string' ? cwd : '.');
  const places = file.includes('/') ? [file] : (variable(envPairs, 'PATH') ?? '').split(':').map((dir) => path.join(dir || '.', file));
  for (const place of places) {
    try {
      const at = path.resolve(from, place);
      fs.accessSync(at, fs.constants.X_OK);
      const { dev, ino } = fs.statSync(at);
      const own = fs.statSync(node);
      return dev === own.dev && ino === own.ino;
    } catch {
      // the next one
    }
  }
  return false;
}

/**
 * @param {string[]} args that Node is given
 * @returns {boolean} whether it runs a script
 */
function runsScript(args) {
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i];
    if (typeof arg !== 'string' || SCRIPTLESS.test(arg)) return false;
    if (arg === '--') return i + 1 < args.length;
    if (VALUED.test(arg)) i += 1;
    else if (!arg.startsWith('-')) return !/^[<>|&;]/.test(arg);
  }
  return false;
}

/**
 * @param {Spawning} spawning
 * @param {string} preload
 * @returns {string[] | null} its arguments with the preload; null when it is not to be followed
 */
function withPreload(spawning, preload) {
  const { file, args } = spawning;
  let followed;
  if (SHELL.test(file)) {
    const at = args.indexOf('-c') + 1;
    const parts = at > 0 ? COMMAND.exec(args[at] ?? '') : null;
    if (parts === null || /(?:^|\s)PATH=/.test(parts[1])) return null;
    const program = parts[2].replace(/^(["'])(.*)\1$/, '$2');
    if (!isNode(program, spawning) || !runsScript(parts[3].trim().split(/\s+/).map((word) => word.replace(/^["']/, '')))) return null;
    followed = [...args];
    followed[at] = `${parts[1]}${parts[2]} --require '${preload.replaceAll("'", "'\\''")}'${parts[3]}`;
  } else {
    if (!isNode(file, spawning) || !runsScript(args.slice(1))) return null;
    followed = [args[0], '--require', preload, ...args.slice(1)];
  }
  return require('node:fs').existsSync(preload) ? followed : null;
}

/**
 * @param {any} spawning what a caller has made Node start; it may be wrong in every way
 * @param {boolean} nested whether workers of a cluster drain with this process
 * @returns {{args: string[], drains: boolean} | null} null when the child is left alone
 */
function followed(spawning, nested) {
  const { file, args, envPairs } = spawning ?? {};
  if (typeof file !== 'string' || !Array.isArray(args) || !Array.isArray(envPairs)) return null;
  const drains = nested && variable(envPairs, 'NODE_UNIQUE_ID') !== undefined;
  const known = variable(envPairs, 'PANDORA_PROCESS_REPRESENTATION') !== undefined
    && follows(variable(envPairs, 'PANDORA_CURRENT_WRAP_LEVEL') ?? '', variable(envPairs, 'PANDORA_WRAP_MAX_DEPTH'));
  if (!drains && !known) return null;
  const replaced = withPreload(spawning, drains ? NESTED : CHILD);
  return replaced && { args: replaced, drains };
}

/**
 * @typedef {object} Children
 * @property {(leave: import('./drain').Leave, done: () => void) => void} begin lets all workers of a cluster of this
 *   process drain that are there now; done is called when they have, or the time is over
 */

/**
 * Watches what is started from now on.
 * @param {{nested: boolean}} options nested: this process may be the primary of a cluster of its own
 * @returns {Children}
 */
function watchChildren({ nested }) {
  /** Workers that can drain. @type {Set<import('node:child_process').ChildProcess>} */
  const workers = new Set();
  // spawn, fork, exec, execFile and cluster.fork all come here.
  const prototype = /** @type {any} */ (child_process.ChildProcess).prototype;
  const { spawn } = prototype;
  prototype.spawn = /** @this {any} @param {any} options */ function (options) {
    const replaced = followed(options, nested);
    if (replaced === null) return Reflect.apply(spawn, this, [options]);
    const given = options.args;
    options.args = replaced.args;
    try {
      return Reflect.apply(spawn, this, [options]);
    } finally {
      options.args = given;
      this.spawnargs = given;
      if (replaced.drains) watchWorker(this, workers);
    }
  };
  watchSync();
  return {
    begin(leave, done) {
      if (workers.size === 0) {
        process.nextTick(done);
        return;
      }
      setTimeout(() => drainAll([...workers], leave, done), SETTLE_MS);
    },
  };
}

/** The same for spawnSync, execSync and execFileSync, which have nothing public in common. */
function watchSync() {
  const warns = [...process.execArgv, process.env.NODE_OPTIONS].join(' ').includes('--pending-deprecation') || process.env.NODE_PENDING_DEPRECATION === '1';
  if (warns) return;
  let binding;
  try {
    binding = /** @type {any} */ (process).binding('spawn_sync');
  } catch {
    return; // a Node that keeps it for itself: such children are not followed
  }
  const { spawn } = binding;
  if (typeof spawn !== 'function') return;
  binding.spawn = (/** @type {any} */ options) => {
    const replaced = followed(options, false);
    return spawn(replaced === null ? options : { ...options, args: replaced.args });
  };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {Set<import('node:child_process').ChildProcess>} workers
 */
function watchWorker(child, workers) {
  child.on(/** @type {any} */ ('internalMessage'), (/** @type {any} */ message) => {
    if (message?.cmd === CMD && message.act === 'nested') workers.add(child);
  });
  child.once('disconnect', () => workers.delete(child));
  child.once('exit', () => workers.delete(child));
}

/**
 * @param {import('node:child_process').ChildProcess[]} workers
 * @param {import('./drain').Leave} leave
 * @param {() => void} done
 */
function drainAll(workers, leave, done) {
  const waiting = new Set(workers);
  const timer = setTimeout(finish, typeof leave.timeoutMs === 'number' && leave.timeoutMs > 0 ? leave.timeoutMs : DEFAULT_TIMEOUT_MS);
  let finished = false;
  function finish() {
    if (finished) return;
    finished = true;
    clearTimeout(timer);
    done();
  }
  for (const child of workers) {
    const drained = () => {
      waiting.delete(child);
      if (waiting.size === 0) finish();
    };
    child.on(/** @type {any} */ ('internalMessage'), (/** @type {any} */ message) => {
      if (message?.cmd === CMD && message.act === 'drained') drained();
    });
    child.once('disconnect', drained);
    child.once('exit', drained);
    if (!child.connected) {
      drained();
      continue;
    }
    const { timeoutMs, graceMs, gently } = leave;
    child.send({ cmd: CMD, act: 'drain', timeoutMs, graceMs, gently }, (error) => { if (error) drained(); });
  }
}

module.exports = { watchChildren, follows };
