'use strict';

// What a process asks of its supervision: the checks of the values, and the record that goes into the structure.

const check = require('./check');

/**
 * @typedef {object} ReadyCheck exactly one of http, tcp and message
 * @property {string} [http]
 * @property {string} [tcp]
 * @property {any} [message]
 * @property {number} [timeoutMs]
 */

/**
 * @typedef {object} Policy the members of a process that were set; the record has them under the names of procfile.Policy
 * @property {'rr' | 'shared'} [balance]
 * @property {'start-first' | 'stop-first'} [reload]
 * @property {ReadyCheck} [ready]
 * @property {'together' | 'split'} [stdio]
 * @property {{timeoutMs: number}} [liveness]
 * @property {{count: number, windowMs: number}} [maxRestarts]
 * @property {number} [maxMemory] bytes
 * @property {{startMs?: number, drainMs?: number, stopMs?: number, graceMs?: number}} [timeouts]
 */

/** A time longer than this is taken as a mistake: Node's own timers end there. */
const MAX_MS = 2 ** 31 - 1;
const DEFAULT_WINDOW_MS = 60000;
/** A Node process that does nothing has about this much. */
const NODE_BYTES = 64 * 2 ** 20;
const UNITS = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
const HTTP = /^https?:\/\/(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?([/?#]([^\s%]|%[0-9a-f]{2})*)?$/i;
const TCP = /^(\[[0-9a-f:.]+\]|[^\s:[\]]*):(\d{1,5})$/i;

/**
 * @param {string} process @param {string} member @param {string} expected @param {any} value
 */
function wrong(process, member, expected, value) {
  return check.problem('PANDORA_POLICY', `process "${process}": ${member} expects ${expected}, got ${check.show(value)}`);
}

/**
 * @param {any} value an object of these members
 * @param {string[]} members
 * @param {string} process @param {string} member @param {string} expected
 * @returns {Record<string, any>}
 */
function checkObject(value, members, process, member, expected) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(process, member, expected, value);
  for (const name of Object.keys(value)) {
    if (!members.includes(name)) {
      throw check.problem('PANDORA_POLICY', `process "${process}": ${member} expects ${expected}; it has no ${check.show(name)}`);
    }
  }
  return value;
}

/**
 * @param {any} value milliseconds
 * @param {string} process @param {string} member
 * @returns {number}
 */
function checkTime(value, process, member) {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_MS) return value;
  throw wrong(process, member, `whole milliseconds from 1 to ${MAX_MS}`, value);
}

/**
 * @param {any} value @param {string[]} words
 * @param {string} process @param {string} member
 * @returns {any}
 */
function checkWord(value, words, process, member) {
  if (words.includes(value)) return value;
  throw wrong(process, member, words.map((word) => `'${word}'`).join(' or '), value);
}

/**
 * @param {any} value @param {string} from the folder that a relative path counts from @param {string} process
 * @returns {string} an absolute path
 */
function checkFolder(value, from, process) {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return require('path').resolve(from, value);
  throw wrong(process, 'cwd', "a folder like './api' (a non-empty string)", value);
}

/**
 * @param {any} value @param {string} process
 * @returns {string} host:port
 */
function checkTCP(value, process) {
  const expected = "a port, or 'host:port'";
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535) return `127.0.0.1:${value}`;
  const match = typeof value === 'string' ? TCP.exec(value) : null;
  if (!match || Number(match[2]) < 1 || Number(match[2]) > 65535) throw wrong(process, 'ready tcp', expected, value);
  return value;
}

/**
 * @param {any} value @param {string} process
 * @returns {ReadyCheck}
 */
function checkReady(value, process) {
  const expected = "an object like { http: 'http://127.0.0.1:3000/health', timeoutMs: 5000 }, with one of http, tcp and message";
  const given = checkObject(value, ['http', 'tcp', 'message', 'timeoutMs'], process, 'ready', expected);
  const named = ['http', 'tcp', 'message'].filter((name) => given[name] !== undefined);
  if (named.length !== 1) {
    throw check.problem('PANDORA_POLICY', `process "${process}": ready expects one of http, tcp and message, got ${named.join(' and ') || 'none'}`);
  }
  /** @type {ReadyCheck} */
  const ready = {};
  if (named[0] === 'http') {
    if (typeof given.http !== 'string' || !HTTP.test(given.http)) {
      throw wrong(process, 'ready http', "a URL like 'http://127.0.0.1:3000/health'", given.http);
    }
    ready.http = given.http;
  } else if (named[0] === 'tcp') {
    ready.tcp = checkTCP(given.tcp, process);
  } else {
    ready.message = checkMessage(given.message, process);
  }
  if (given.timeoutMs !== undefined) ready.timeoutMs = checkTime(given.timeoutMs, process, 'ready timeoutMs');
  return ready;
}

/**
 * @param {any} value what the worker says with process.send
 * @param {string} process
 * @returns {any} a copy
 */
function checkMessage(value, process) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch {
    text = undefined; // it refers to itself
  }
  if (text === undefined || text === 'null') throw wrong(process, 'ready message', 'a JSON value other than null', value);
  return JSON.parse(text);
}

/**
 * @param {any} value @param {string} process
 * @returns {{timeoutMs: number}}
 */
function checkLiveness(value, process) {
  const given = checkObject(value, ['timeoutMs'], process, 'liveness', 'an object like { timeoutMs: 30000 }');
  return { timeoutMs: checkTime(given.timeoutMs, process, 'liveness timeoutMs') };
}

/**
 * @param {any} count @param {any} windowMs
 * @param {string} process
 * @returns {{count: number, windowMs: number}}
 */
function checkMaxRestarts(count, windowMs, process) {
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 1e6) {
    throw wrong(process, 'maxRestarts', 'a whole number from 1 to 1000000', count);
  }
  return { count, windowMs: windowMs === undefined ? DEFAULT_WINDOW_MS : checkTime(windowMs, process, 'maxRestarts windowMs') };
}

/**
 * @param {any} value bytes, or a text with a unit
 * @param {string} process
 * @param {(warning: string) => void} warn
 * @returns {number} bytes
 */
function checkMaxMemory(value, process, warn) {
  let bytes = value;
  const match = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?\s*$/i.exec(value) : null;
  if (match) bytes = Math.round(Number(match[1]) * UNITS[/** @type {keyof typeof UNITS} */ (match[2].toLowerCase())]);
  if (typeof bytes !== 'number' || !Number.isInteger(bytes) || bytes < 1 || bytes > Number.MAX_SAFE_INTEGER) {
    throw wrong(process, 'maxMemory', "bytes, or a text like '512MB'", value);
  }
  if (bytes < NODE_BYTES) {
    warn(`process "${process}": maxMemory ${check.show(value)} is less than what Node needs for itself, about ${NODE_BYTES / 2 ** 20} MB: `
      + 'its workers will be replaced again and again');
  }
  return bytes;
}

/**
 * @param {any} value @param {string} process
 * @returns {NonNullable<Policy['timeouts']>}
 */
function checkTimeouts(value, process) {
  const members = ['startMs', 'drainMs', 'stopMs', 'graceMs'];
  const given = checkObject(value, members, process, 'timeouts', `an object of ${members.join(', ')}`);
  return Object.fromEntries(members.filter((name) => given[name] !== undefined)
    .map((name) => [name, checkTime(given[name], process, `timeouts ${name}`)]));
}

/**
 * @param {Policy} policy
 * @returns {{policy?: Record<string, any>}} without policy when nothing is set
 */
function record(policy) {
  const { balance, reload, ready, stdio, liveness, maxRestarts, maxMemory, timeouts = {} } = policy;
  const all = {
    balance, reload, ready: ready && { ...ready }, stdio, livenessTimeoutMs: liveness && liveness.timeoutMs,
    maxRestarts: maxRestarts && { ...maxRestarts }, maxMemoryBytes: maxMemory,
    startTimeoutMs: timeouts.startMs, drainTimeoutMs: timeouts.drainMs, stopTimeoutMs: timeouts.stopMs, graceMs: timeouts.graceMs,
  };
  const set = Object.entries(all).filter(([, value]) => value !== undefined);
  return set.length > 0 ? { policy: Object.fromEntries(set) } : {};
}

module.exports = {
  checkWord, checkFolder, checkReady, checkLiveness, checkMaxRestarts, checkMaxMemory, checkTimeouts, record,
};
