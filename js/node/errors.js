'use strict';

// What goes wrong in a process, as /error shows it: console.error, error lines of loggers, and errors that nobody caught.
// Each is told on the process as Pandora.js does, so that others may listen or tell their own, and reported to the daemon.
// The application's behaviour stays as it is: everything is printed as before, and what ends a process still ends it.

const EVENT = 'PANDORA_PROCESS_MESSAGE_LOGGER';
const REPORTED = new Set(['error', 'uncaughtException', 'unhandledRejection']);
/** So many errors are reported at once, and so many more each second; of others only the number is. */
const BURST = 100;
const PER_SECOND = 20;
/** Longer messages and stacks are cut. */
const MAX_TEXT = 16 * 1024;

/**
 * @typedef {object} ErrorPayload
 * @property {string} method error, warn, uncaughtException or unhandledRejection
 * @property {number} timestamp milliseconds since 1970
 * @property {string} errType the error's name
 * @property {string} message
 * @property {string} stack
 * @property {string} traceId '' outside a trace
 * @property {string} path console, uncaughtException, unhandledRejection, or the file of a log
 * @property {number} [suppressed] how many errors before it were not reported because there were too many
 */

/** Tells an error; undefined while the hook is not installed. @type {((method: string, args: ArrayLike<any>, path: string, below: Function) => void) | undefined} */
let observer;

/** Takes what may happen now and counts what may not. */
function createLimit() {
  let left = BURST;
  let at = Date.now();
  let skipped = 0;
  return {
    /** @returns {boolean} */
    take() {
      const now = Date.now();
      left = Math.min(BURST, left + Math.max(0, now - at) / 1000 * PER_SECOND);
      at = now;
      if (left < 1) {
        skipped += 1;
        return false;
      }
      left -= 1;
      return true;
    },
    /** @returns {number} how many were not taken since the last call */
    skipped() {
      const n = skipped;
      skipped = 0;
      return n;
    },
  };
}

/**
 * @param {any} value
 * @returns {string}
 */
function text(value) {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

/**
 * @param {string} method
 * @param {any} error
 * @param {string} path
 * @returns {ErrorPayload}
 */
function payloadOf(method, error, path) {
  return {
    method, timestamp: Date.now(), errType: text(error.name), message: text(error.message), stack: text(error.stack), traceId: '', path,
  };
}

/**
 * What was logged as an error: the first argument, or one made of all of them.
 * @param {ArrayLike<any>} args
 * @param {Function} below the stack begins at its caller
 * @returns {Error}
 */
function errorOf(args, below) {
  if (args[0] instanceof Error) return args[0];
  const error = new Error(require('node:util').format(...Array.from(args)));
  Error.captureStackTrace(error, below);
  return error;
}

/**
 * @param {'error' | 'warn'} method of console
 */
function wrapConsole(method) {
  const original = console[method];
  const wrapped = {
    /** @param {any[]} args */
    [method](...args) {
      observer?.(method, args, 'console', wrapped);
      return original.apply(this, args);
    },
  }[method];
  console[method] = wrapped;
}

/**
 * @param {any} hook `hook` of the global configuration
 * @returns {boolean}
 */
function wanted(hook) {
  if (['off', 'false', '0'].includes(process.env.PANDORA_ERROR_HOOK ?? '')) return false;
  const setting = hook?.global;
  return setting === undefined || Boolean(setting && setting.enabled !== false);
}

/**
 * Installs the hook, unless the global configuration (hook.global.enabled) or PANDORA_ERROR_HOOK=off is against it.
 * @param {object} options
 * @param {(payload: ErrorPayload) => void} options.report tells the daemon; may be called before there is a connection
 * @param {any} [options.hook] `hook` of the global configuration
 * @returns {boolean} whether errors are reported
 */
function installErrors({ report, hook }) {
  if (observer) return true;
  if (!wanted(hook)) return false;
  const limit = createLimit();
  let busy = false;
  /** Printed by whoever ends the process because of it. @type {any} */
  let uncaught;

  /**
   * Others may tell errors as well, in any number.
   * @param {any} payload
   */
  function collect(payload) {
    if (!payload || !REPORTED.has(payload.method)) return;
    if (!busy && !limit.take()) return;
    const suppressed = limit.skipped();
    try {
      report(suppressed > 0 ? { ...payload, suppressed } : payload);
    } catch {
      // What cannot be sent is lost; it is printed all the same.
    }
  }

  /** @param {() => ErrorPayload} make */
  function tell(make) {
    if (busy) return; // a listener that logs
    busy = true;
    try {
      /** @type {NodeJS.EventEmitter} */ (process).emit(EVENT, make());
    } catch {
      // Of an object that throws when it is looked at, or from a listener: what is logged must not fail because of it.
    } finally {
      busy = false;
    }
  }

  observer = (method, args, path, below) => {
    if (busy || args[0] === uncaught && uncaught !== undefined) return;
    // Warnings are not reported, and made for others only.
    if (method === 'error' ? !limit.take() : process.listenerCount(EVENT) < 2) return;
    tell(() => payloadOf(method, errorOf(args, below), path));
  };
  process.on(EVENT, collect);
  wrapConsole('error');
  wrapConsole('warn');
  process.on('uncaughtExceptionMonitor', (error, origin) => {
    uncaught = error;
    if (!limit.take()) return;
    tell(() => payloadOf(origin, error instanceof Error ? error : new Error(String(error)), origin));
  });
  return true;
}

/**
 * Tells a line of a logger.
 * @param {ArrayLike<any>} args
 * @param {string} file
 * @param {Function} below
 * @param {'error' | 'warn'} [method]
 */
function observeLine(args, file, below, method = 'error') {
  observer?.(method, args, file, below);
}

module.exports = { installErrors, observeLine };
