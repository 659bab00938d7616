'use strict';

// Selectors name clients of the hub, and objects that they have published.

/**
 * @typedef {{appName?: string, processName?: string, pid?: string, clientId?: string, objectName?: string, objectTag?: string}} Selector
 * @typedef {{name: string, tag?: string}} ObjectDescription
 */

const KEYS = /** @type {const} */ (['clientId', 'appName', 'processName', 'pid', 'objectName', 'objectTag']);

/**
 * @param {Selector} selector
 * @param {Selector} target
 * @returns {boolean} whether each value that selector has is the target's, too; who names an object means the one with
 *   just this tag, or without one
 */
function match(selector, target) {
  if (selector.objectName && (selector.objectTag || undefined) !== (target.objectTag || undefined)) return false;
  return KEYS.every((key) => !selector[key] || selector[key] === target[key]);
}

/**
 * @param {any} given a name, or a description
 * @returns {ObjectDescription}
 */
function describe(given) {
  const description = typeof given === 'string' ? { name: given } : given;
  if (typeof description?.name !== 'string' || description.name === '') {
    throw Object.assign(new Error(`an object of the hub expects a name, or { name, tag }, got ${require('node:util').inspect(given)}`),
      { code: 'PANDORA_HUB_DESCRIPTION' });
  }
  return description;
}

/**
 * @param {ObjectDescription} description
 * @returns {string} as name, or name:tag
 */
function idOf({ name, tag }) {
  return tag ? `${name}:${tag}` : name;
}

/**
 * @param {ObjectDescription} description
 * @returns {Selector}
 */
function selectorOf({ name, tag }) {
  return { objectName: name, objectTag: tag };
}

module.exports = { match, describe, idOf, selectorOf };
