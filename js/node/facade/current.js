'use strict';

// The process that application code asks about: what `require('pandora')` and its kin answer from. Set once, before the
// first service is made; the facade reads it whenever it is asked, so that it may be required earlier.

/**
 * @typedef {object} Current
 * @property {any} context the process context, as services see it
 * @property {import('../../shared/environment').Environment} environment
 * @property {() => any} hub of this process, made when first asked for
 */

/** @type {Current | null} */
let now = null;
/** @type {(() => void)[]} */
const waiting = [];

/**
 * @param {Current} given
 */
function enter(given) {
  now = given;
  for (const call of waiting) call();
}

/** @returns {Current | null} null before the process has a context, and outside any worker */
function current() {
  return now;
}

/**
 * @param {() => void} call now, if there is a context, and at each enter()
 */
function whenEntered(call) {
  waiting.push(call);
  if (now !== null) call();
}

module.exports = { enter, current, whenEntered };
