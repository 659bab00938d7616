'use strict';

// Errors cross the hub as plain objects with all their members; here they are errors again.

/**
 * @param {any} error whatever was thrown
 * @returns {any} what is sent: of an error its members and its name, anything else as it is
 */
function flatten(error) {
  if (error instanceof Error) {
    /** @type {Record<string, any>} */
    const members = { name: error.name };
    for (const key of Object.getOwnPropertyNames(error)) members[key] = /** @type {any} */ (error)[key];
    return members;
  }
  // Nothing at all is no error to whoever receives it.
  return error || Object.assign(flatten(new Error(`${String(error)} was thrown`)), { code: 'PANDORA_HUB_THROWN' });
}

/** Members that tell who and where an error is; the rest is copied. */
const OWN = ['name', 'message', 'stack'];

/**
 * @param {any} sent
 * @returns {any} an Error with the members that were sent; what was no error as it is
 */
function revive(sent) {
  if (typeof sent !== 'object' || sent === null || typeof sent.message !== 'string') return sent;
  const error = new Error(sent.message);
  for (const key of OWN) {
    if (typeof sent[key] === 'string') {
      Object.defineProperty(error, key, { value: sent[key], writable: true, configurable: true, enumerable: false });
    }
  }
  for (const key of Object.keys(sent)) {
    if (!OWN.includes(key) && key !== '__proto__') /** @type {any} */ (error)[key] = sent[key];
  }
  return error;
}

module.exports = { flatten, revive };
