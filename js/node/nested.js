'use strict';

// The workers of a cluster that a plain process makes for itself, as the masters of egg and midway do. They learn to drain
// like any worker of a guard: nothing else in them is changed.

const child_process = require('node:child_process');

const CMD = 'NODE_PANDORA';
const PRELOAD = `${__dirname}/nested-worker.js`;
const DEFAULT_TIMEOUT_MS = 5000;
/** How long connections that the process has accepted already may take to reach one of its workers. */
const SETTLE_MS = 100;

/**
 * @typedef {object} Nested
 * @property {(leave: import('./drain').Leave, done: () => void) => void} begin lets all workers drain that are there now;
 *   done is called when they have, or the time is over
 */

/**
 * Watches the workers that are forked from now on. It is called before node:cluster is loaded, which takes fork then.
 * @returns {Nested}
 */
function watchNested() {
  /** Workers that can drain. @type {Set<import('node:child_process').ChildProcess>} */
  const workers = new Set();
  const fork = child_process.fork;
  const watched = /** @type {any} */ (/** @this {any} @param {any[]} args */ function (...args) {
    const [script, argv, options] = args;
    if (options?.env?.NODE_UNIQUE_ID === undefined || !Array.isArray(options.execArgv)) return Reflect.apply(fork, this, args);
    const child = Reflect.apply(fork, this, [script, argv, { ...options, execArgv: ['--require', PRELOAD, ...options.execArgv] }]);
    child.on('internalMessage', (/** @type {any} */ message) => {
      if (message?.cmd === CMD && message.act === 'nested') workers.add(child);
    });
    child.once('disconnect', () => workers.delete(child));
    child.once('exit', () => workers.delete(child));
    return child;
  });
  Object.defineProperties(watched, Object.getOwnPropertyDescriptors(fork));
  child_process.fork = watched;

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

module.exports = { watchNested };
