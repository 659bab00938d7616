'use strict';

// The process that application code asks about: what `require('pandora')` and its kin answer from. It is known piece by
// piece while a worker starts; the facade reads it whenever it is asked, so that it may be required at any time.

/**
 * @typedef {object} Current
 * @property {any} context the process context, as services see it
 * @property {import('../../shared/environment').Environment} environment
 * @property {() => any} hub of this process, made when first asked for
 */

/**
 * @typedef {object} Facts
 * @property {string} [appName]
 * @property {string} [appDir]
 * @property {string} [processName]
 * @property {number} [workerCount] what scale 'auto' means
 * @property {any} [env]
 * @property {any} [environment]
 */

/** @type {Facts} */
let facts = {};
/** @type {Current | null} */
let now = null;
/** @type {(() => void)[]} */
const waiting = [];

/** Tells whoever waits. */
function changed() {
  for (const call of waiting) call();
}

/**
 * Before anything of the application is loaded.
 * @param {Facts} given
 */
function begin({ appName, appDir, processName, workerCount: count }) {
  facts = { appName, appDir, processName, workerCount: count };
  changed();
}

/**
 * Before services are loaded.
 * @param {import('../../shared/environment').Environment} environment
 */
function setEnvironment(environment) {
  facts = { ...facts, environment, env: typeof environment.get === 'function' ? environment.get('env') : undefined };
  changed();
}

/**
 * Before services are made.
 * @param {Current} given
 */
function enter(given) {
  now = given;
  changed();
}

/** @returns {Current | null} null before the process has a context, and outside any worker */
function current() {
  return now;
}

/** @returns {any} the process context, or what is known of it so far */
function known() {
  return now === null ? facts : now.context;
}

/** @returns {number | undefined} what scale 'auto' means in this application */
function workerCount() {
  return facts.workerCount;
}

/**
 * @param {() => void} call now, and whenever more is known
 */
function whenKnown(call) {
  waiting.push(call);
  call();
}

module.exports = { begin, setEnvironment, enter, current, known, workerCount, whenKnown };
