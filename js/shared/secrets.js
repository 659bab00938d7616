'use strict';

// Secrets that a procfile refers to: where their values are, never the values. Whoever starts a worker looks them up.

const path = require('path');
const check = require('./check');

/** @typedef {import('./host').Place} Place */
/** @typedef {{file?: string, command?: string[], credential?: string, timeoutMs?: number, at: string}} Secret */

/** Of one process; the same as procfile.MaxSecrets. */
const MAX = 256;
const MAX_TIMEOUT_MS = 60000;
const EXPECTED = "{ file: '/run/secrets/name' }, { command: ['program', 'argument'] } or { credential: 'name' }";

/** @param {string} message */
const wrong = (message) => check.problem('PANDORA_SECRET', message);

/** @param {any} value never shown when it may be the secret itself */
const kind = (value) => (typeof value === 'string' ? 'a string: the secret itself does not belong into a procfile' : check.show(value));

/** @param {any} value @returns {value is string} */
const isText = (value) => typeof value === 'string' && value !== '' && !value.includes('\0');

/**
 * @param {any} given @param {string} label e.g. 'process "web": secret DB_PASSWORD'
 * @param {string} baseDir the folder that paths of files start from
 * @param {Place | null} place
 * @returns {Secret}
 */
function secret(given, label, baseDir, place) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrong(`${label} expects ${EXPECTED}, got ${kind(given)}`);
  }
  const unknown = Object.keys(given).find((name) => !['file', 'command', 'credential', 'timeoutMs'].includes(name));
  if (unknown !== undefined) throw wrong(`${label} expects ${EXPECTED}; it has no ${check.show(unknown)}`);
  const named = ['file', 'command', 'credential'].filter((name) => given[name] !== undefined);
  if (named.length !== 1) throw wrong(`${label} expects one of file, command and credential, got ${named.join(' and ') || 'none'}`);
  /** @type {Secret} */
  const made = { at: place ? `${place.file}:${place.line}:${place.column}` : '' };
  if (named[0] === 'file') {
    if (!isText(given.file)) throw wrong(`${label}: file expects a path, got ${check.show(given.file)}`);
    made.file = path.resolve(baseDir, given.file);
  } else if (named[0] === 'credential') {
    if (!isText(given.credential) || given.credential.includes('/') || given.credential === '.' || given.credential === '..') {
      throw wrong(`${label}: credential expects the name of a credential of the daemon's systemd unit, got ${check.show(given.credential)}`);
    }
    made.credential = given.credential;
  } else {
    const list = given.command;
    if (!Array.isArray(list) || list.length === 0 || !isText(list[0]) || list.some((word) => typeof word !== 'string' || word.includes('\0'))) {
      throw wrong(`${label}: command expects a program and its arguments like ['pass', 'show', 'db'] (there is no shell), got ${check.show(list)}`);
    }
    // A program with a slash is one of the application; any other is looked up in PATH.
    made.command = [list[0].includes('/') ? path.resolve(baseDir, list[0]) : list[0], ...list.slice(1)];
  }
  if (given.timeoutMs !== undefined) {
    if (named[0] !== 'command' || !Number.isInteger(given.timeoutMs) || given.timeoutMs < 1 || given.timeoutMs > MAX_TIMEOUT_MS) {
      throw wrong(`${label}: timeoutMs expects whole milliseconds from 1 to ${MAX_TIMEOUT_MS}, and a command, got ${check.show(given.timeoutMs)}`);
    }
    made.timeoutMs = given.timeoutMs;
  }
  return made;
}

/**
 * @param {Readonly<Record<string, Secret>>} known
 * @param {any} given references by the names of variables
 * @param {string} baseDir @param {Place | null} place
 * @param {string} what e.g. 'process "web"'
 * @returns {Record<string, Secret>} a new object
 */
function add(known, given, baseDir, place, what) {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrong(`${what}: secrets expects an object like { DB_PASSWORD: { file: '/run/secrets/db' } }, got ${kind(given)}`);
  }
  const all = new Map(Object.entries(known));
  for (const name of Object.keys(given)) {
    if (!/^[^=\0\s]+$/.test(name)) throw wrong(`${what}: secrets has the impossible variable name ${check.show(name)}`);
    all.set(name, secret(given[name], `${what}: secret ${name}`, baseDir, place));
  }
  if (all.size > MAX) throw wrong(`${what} has ${all.size} secrets, at most ${MAX}`);
  return Object.fromEntries(all);
}

/**
 * The secrets of a process: its own over those of the application, without what --env says.
 * @param {Readonly<Record<string, Secret>>} ofApplication @param {Readonly<Record<string, Secret>>} own
 * @param {Record<string, any>} globalEnv
 * @returns {{secrets?: Record<string, Secret>}} without secrets when there are none
 */
function record(ofApplication, own, globalEnv) {
  const all = Object.entries({ ...ofApplication, ...own }).filter(([name]) => !Object.hasOwn(globalEnv, name));
  return all.length > 0 ? { secrets: Object.fromEntries(all) } : {};
}

module.exports = { add, record };
