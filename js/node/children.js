'use strict';

// The Node processes that an application starts by itself. A direct child that runs the same Node gets a context and
// monitoring, and the worker of a cluster that a plain process makes drains with it (as in the masters of egg and midway).
// Both are loaded by --require in front of the child's own options; everything else about the child is as without us.
// npm scripts and scripts that name their interpreter themselves are left alone.

const child_process = require('node:child_process');

const CMD = 'NODE_PANDORA';
/** How long connections that the process has accepted already may take to reach one of its workers. */
const SETTLE_MS = 100;
const DEFAULT_TIMEOUT_MS = 5000;

/**
 * @typedef {object} Children
 * @property {(leave: import('./drain').Leave, done: () => void) => void} begin lets all workers of a cluster of this
 *   process drain that are there now; done is called when they have, or the time is over
 */

/**
 * @param {any} spawning
 * @param {boolean} nested
 * @returns {{args: string[], drains: boolean} | null} null when the child is left alone
 */
function decide(spawning, nested) {
  try {
    return require('./spawning').followed(spawning, nested);
  } catch {
    return null; // our files are gone
  }
}

/**
 * Under dev Node reports loaded files to the guard; a child would report them to the application.
 * @param {any} spawning
 */
function withoutReports(spawning) {
  if (process.env.WATCH_REPORT_DEPENDENCIES === undefined || !Array.isArray(spawning?.envPairs)) return;
  spawning.envPairs = spawning.envPairs.filter((/** @type {any} */ pair) => !String(pair).startsWith('WATCH_REPORT_DEPENDENCIES='));
}

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
    withoutReports(options);
    const replaced = decide(options, nested);
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
    const replaced = decide(options, false);
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

module.exports = { watchChildren };
