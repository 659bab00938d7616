'use strict';

// Secrets: variables whose values are kept outside of the project. They are read by who starts workers; here only where
// they come from is kept.

const path = require('path');
const check = require('./check');

/** @typedef {{name: string, file?: string, command?: string[], credential?: string, timeoutMs?: number, optional?: true}} Secret file: absolute */

/** Of one process; the same numbers as procfile.MaxSecrets and procfile.MaxSecretTimeoutMs. */
const MAX = 64;
const MAX_TIMEOUT_MS = 60000;

const SOURCES = ['file', 'command', 'credential'];

/** @param {string} message */
function problem(message) {
  return check.problem('PANDORA_SECRET', message);
}

/** @param {any} value */
function text(value) {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

/** @type {Record<string, (value: any, baseDir: string, what: string) => any>} */
const readers = {
  file(value, baseDir, what) {
    if (!text(value)) throw problem(`${what}: file expects a path like '/run/secrets/db', got ${check.show(value)}`);
    return path.resolve(baseDir, value);
  },

  command(value, baseDir, what) {
    if (!Array.isArray(value) || value.length === 0 || !text(value[0])
      || !value.every((part) => typeof part === 'string' && !part.includes('\0'))) {
      throw problem(`${what}: command expects a program and its arguments like ['pass', 'show', 'db'], got ${check.show(value)}; `
        + "for a line of shell, ['sh', '-c', '…']");
    }
    return value.slice();
  },

  credential(value, baseDir, what) {
    if (!text(value) || value.includes('/') || value === '.' || value === '..') {
      throw problem(`${what}: credential expects the name of a credential of systemd like 'db', got ${check.show(value)}`);
    }
    return value;
  },
};

/**
 * @param {string} name
 * @param {any} given where it comes from
 * @param {string} baseDir the folder that paths start from
 * @param {string} what e.g. 'pandora.secrets(): DB_PASSWORD'
 * @returns {Secret}
 */
function secret(name, given, baseDir, what) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw problem(`${what} expects where it comes from, { file }, { command } or { credential }, got ${check.show(given)}`);
  }
  const unknown = Object.keys(given).find((key) => ![...SOURCES, 'timeoutMs', 'optional'].includes(key));
  if (unknown !== undefined) {
    throw problem(`${what} has ${check.show(unknown)}; there are file, command, credential, timeoutMs and optional`);
  }
  const sources = SOURCES.filter((source) => given[source] !== undefined);
  if (sources.length !== 1) {
    throw problem(`${what} expects one of file, command and credential, got ${sources.length === 0 ? 'none' : sources.join(' and ')}`);
  }
  const { timeoutMs, optional } = given;
  const isCommand = sources[0] === 'command';
  /** @type {Secret} */
  const made = { name, [sources[0]]: readers[sources[0]](given[sources[0]], baseDir, what) };
  if (timeoutMs !== undefined) {
    if (!isCommand || !Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS) {
      throw problem(`${what}: timeoutMs expects 1 to ${MAX_TIMEOUT_MS}, beside a command, got ${check.show(timeoutMs)}`);
    }
    made.timeoutMs = timeoutMs;
  }
  if (![undefined, true, false].includes(optional) || optional && isCommand) {
    throw problem(`${what}: optional expects true or false, beside a file or a credential, got ${check.show(optional)}`);
  }
  if (optional) made.optional = true;
  return made;
}

/**
 * @param {readonly Secret[]} known
 * @param {any} given an object: names of variables, and where their values come from
 * @param {string} baseDir
 * @param {string} what e.g. 'pandora.secrets()'
 * @returns {Secret[]} a new list
 */
function add(known, given, baseDir, what) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw problem(`${what} expects an object like { DB_PASSWORD: { file: '/run/secrets/db' } }, got ${check.show(given)}`);
  }
  const added = Object.keys(given).map((name) => {
    if (name === '' || name.includes('=') || name.includes('\0')) {
      throw problem(`${what} has the impossible variable name ${check.show(name)}; a name is not empty, and has no = and no NUL in it`);
    }
    return secret(name, given[name], baseDir, `${what}: ${name}`);
  });
  return merge(known, added, what);
}

/**
 * @param {readonly Secret[]} weak
 * @param {readonly Secret[]} strong what counts where both have the same name
 * @param {string} what
 * @returns {Secret[]}
 */
function merge(weak, strong, what) {
  const all = weak.filter(({ name }) => !strong.some((other) => other.name === name)).concat(strong);
  if (all.length > MAX) throw problem(`${what}: there are ${all.length} secrets, at most ${MAX} can be read`);
  return all;
}

/**
 * The secrets of a process, for its record.
 * @param {readonly Secret[]} common of the application
 * @param {readonly Secret[] | undefined} own
 * @param {string} processName
 */
function record(common, own, processName) {
  return { secrets: merge(common, own || [], `process "${processName}": secrets`) };
}

/**
 * What a procfile reads: an object as it gave one, with absolute paths.
 * @param {readonly Secret[]} secrets
 */
function show(secrets) {
  return Object.fromEntries(secrets.map(({ name, ...source }) => [name, source]));
}

module.exports = { add, record, show };
