'use strict';

// The order in which services start: by weight, in definition order within one weight. It stops in the reverse order of
// weights.

/** The dependency that stands for every other service of the process. */
const ALL = 'all';

/**
 * @typedef {object} Node
 * @property {string} name
 * @property {string[]} dependencies names, may contain 'all'
 */

/**
 * @param {string} message
 */
function fail(message) {
  throw Object.assign(new Error(message), { code: 'PANDORA_DEPENDENCY' });
}

/**
 * Weight 1 without dependencies, else one more than the heaviest dependency; with 'all' Infinity.
 * @param {Node[]} nodes unique names
 * @returns {Map<string, number>} weight by name
 * @throws with the original's texts: an unknown dependency, a cycle, a dependency on a service that depends on 'all'
 */
function weights(nodes) {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  /** @type {Map<string, number>} */
  const done = new Map();
  /**
   * @param {string} name
   * @param {string[]} chain from where the search began
   * @returns {number}
   */
  function weigh(name, chain) {
    const path = [...chain, name];
    if (chain.includes(name)) fail(`Service name: ${name} in a cyclic dependency chain: ${path.join(' -> ')}`);
    const node = byName.get(name);
    if (!node) fail(`Could not found service id: ${name}`);
    const known = done.get(name);
    if (known !== undefined) return known;
    let weight = 1;
    for (const dependency of /** @type {Node} */ (node).dependencies) {
      if (dependency === ALL && chain.length > 0) {
        fail(`Reserved service name '${ALL}' not allowed to contains within a dependency chain: ${[...path, ALL].join(' -> ')}`);
      }
      weight = Math.max(weight, dependency === ALL ? Infinity : 1 + weigh(dependency, path));
    }
    // One that depends on 'all' is looked at again: what leads to it is an error.
    if (weight !== Infinity) done.set(name, weight);
    return weight;
  }
  return new Map(nodes.map(({ name }) => [name, weigh(name, [])]));
}

/**
 * @template {Node} T
 * @param {T[]} nodes in definition order
 * @returns {{start: T[], stop: T[]}}
 */
function order(nodes) {
  const weight = weights(nodes);
  const of = (/** @type {T} */ node) => /** @type {number} */ (weight.get(node.name));
  // Infinity - Infinity is NaN, which would not be an order.
  const compare = (/** @type {T} */ a, /** @type {T} */ b) => (of(a) === of(b) ? 0 : of(a) - of(b));
  return {
    start: [...nodes].sort(compare),
    stop: [...nodes].sort((a, b) => compare(b, a)),
  };
}

module.exports = { order, ALL };
