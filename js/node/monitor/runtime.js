'use strict';

// What the EndPoint runtime shows of this process: the properties of its configurator.

const { connection, newClientId } = require('./connection');
const { register } = require('./indicators');

const MOST_VALUES = 20000;
const MOST_DEPTH = 32;
const MOST_TEXT = 64 * 1024;

/**
 * A copy that JSON can hold, whatever is in it: functions are left out, and so is what is too much.
 * @param {any} value
 * @returns {any}
 */
function plain(value) {
  let left = MOST_VALUES;
  /** @type {any[]} */
  const above = [];
  /** @param {any} each @returns {any} */
  const copy = (each) => {
    if (typeof each === 'string') return each.length > MOST_TEXT ? `${each.slice(0, MOST_TEXT)}…` : each;
    if (typeof each === 'bigint') return String(each);
    if (typeof each === 'function' || typeof each === 'symbol') return undefined;
    if (typeof each !== 'object' || each === null) return each;
    if (above.includes(each)) return '[Circular]';
    if (above.length >= MOST_DEPTH || left <= 0) return '[Truncated]';
    if (each instanceof Date || each instanceof RegExp || each instanceof URL) return String(each);
    if (Buffer.isBuffer(each) || ArrayBuffer.isView(each)) return `[${each.constructor.name} of ${each.byteLength} bytes]`;
    above.push(each);
    try {
      if (Array.isArray(each)) return each.slice(0, Math.max(left, 0)).map((one) => (left--, copy(one) ?? null));
      /** @type {Record<string, any>} */
      const out = {};
      for (const key of Object.keys(each)) {
        if (left-- <= 0) break;
        Object.defineProperty(out, key, { value: copy(read(each, key)), enumerable: true, configurable: true, writable: true });
      }
      return out;
    } finally {
      above.pop();
    }
  };
  return copy(value);
}

/**
 * @param {any} object
 * @param {string} key
 * @returns {any} the value; what a getter says that throws
 */
function read(object, key) {
  try {
    return object[key];
  } catch (error) {
    return `[${error}]`;
  }
}

/**
 * Shows the properties of the configurator under /runtime. The daemon hides what is secret by its name.
 * @param {{appName: string, configurator: {getAllProperties(): any}}} facts
 */
function showConfig({ appName, configurator }) {
  register(connection(), { appName, newClientId }, {
    group: 'runtime',
    name: 'ConfigIndicator',
    type: 'singleton',
    invoke: async () => [{ key: 'config', data: plain(await configurator.getAllProperties()) ?? null, scope: 'APP' }],
  });
}

module.exports = { showConfig, plain };
