'use strict';

// Whether a worker's evaluation of the procfile gave what the application is run by.

const { binding } = require('../shared/binding');

/** More than this is not sent; the guard then cannot say what differs. */
const MAX_BINDING = 64 * 1024;

/**
 * @typedef {object} Evaluation how the graph came about
 * @property {string} digest of what workers bind; '' when not known
 * @property {number} workerCount
 * @property {string[]} [globalArgs]
 * @property {string[]} [globalExecArgv]
 * @property {object} [source] what the application was started from, where that is no procfile
 */

/** @param {number} h */
function mix(h) {
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return ((h ^ (h >>> 16)) >>> 0).toString(16).padStart(8, '0');
}

/**
 * The same digits as the evaluation's own digest of a text.
 * @param {string} text
 * @returns {string} 16 hex digits
 */
function digest(text) {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(((b << 5) | (b >>> 27)) ^ unit, 0x9e3779b1);
  }
  return mix(a) + mix(b);
}

/**
 * @param {import('../shared/reconciler').Reconciler} r after discover()
 * @param {Evaluation} expected
 * @returns {{digest: string, binding?: string, failure?: string} | null} what to tell the guard; null when they agree
 */
function drift(r, expected) {
  if (!expected.digest) return null;
  let text;
  try {
    text = binding(r, r.structure({ globalArgs: expected.globalArgs, globalExecArgv: expected.globalExecArgv }));
  } catch (error) {
    return { digest: '', failure: String(error?.message ?? error).slice(0, 1000) };
  }
  const own = digest(text);
  if (own === expected.digest) return null;
  return text.length > MAX_BINDING ? { digest: own } : { digest: own, binding: text };
}

module.exports = { digest, drift };
