'use strict';

// What an application logs as an error by egg-logger is an error of the process, as in Pandora.js.

const { observeLine } = require('./errors');

/** The package, wherever it is installed, once for each place. @type {Set<string>} */
const known = new Set();
const METHODS = /** @type {Record<string, 'error' | 'warn'>} */ ({ ERROR: 'error', WARN: 'warn' });

/**
 * Loads the package a moment before the application does. One that cannot be loaded, or has no such class, is left alone.
 * @param {string} file of the package
 */
function watch(file) {
  if (known.has(file)) return;
  known.add(file);
  let Logger;
  try {
    ({ Logger } = require(file));
  } catch {
    return; // the application is about to see why
  }
  const original = Logger?.prototype?.log;
  if (typeof original !== 'function') return;
  /**
   * @this {any}
   * @param {any} level
   * @param {any} args
   * @param {any} meta
   */
  function log(level, args, meta) {
    const method = METHODS[typeof level === 'string' ? level.toUpperCase() : ''];
    // What is handed on is logged by another logger.
    if (method && args && !this.redirectLoggers?.get(level) && !this.duplicateLoggers?.get(level)) {
      observeLine(args, this.get?.('file')?.options?.file || 'console', log, method);
    }
    return original.call(this, level, args, meta);
  }
  Logger.prototype.log = log;
}

module.exports = { watch };
