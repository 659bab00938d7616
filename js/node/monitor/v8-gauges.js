'use strict';

// The gauges node.v8.*: heap spaces and heap statistics of this process.

const v8 = require('node:v8');

/** One read of all gauges takes one sample. */
const SAMPLE_SECONDS = 0.5;

const PREFIX = 'node.v8.';
const SPACE_FIELDS = ['space_size', 'space_used_size', 'space_available_size', 'physical_space_size'];

/**
 * @returns {Map<string, number>} by name below node.v8, e.g. 'new_space.space_size' or 'used_heap_size'
 */
function sample() {
  /** @type {Map<string, number>} */
  const values = new Map();
  for (const space of v8.getHeapSpaceStatistics()) {
    for (const field of SPACE_FIELDS) {
      values.set(`${space.space_name}.${field}`, /** @type {any} */ (space)[field]);
    }
  }
  for (const [name, value] of Object.entries(v8.getHeapStatistics())) values.set(name, value);
  return values;
}

/** @returns {{names: () => string[], value: (name: string) => number | undefined}} a gauge for each name */
function v8Gauges() {
  /** @type {Map<string, number>} */
  let values = new Map();
  let at = -Infinity;
  /** @returns {Map<string, number>} no older than a moment */
  function now() {
    const seconds = process.uptime(); // asking performance would load seven modules of Node
    if (seconds - at > SAMPLE_SECONDS) {
      values = sample();
      at = seconds;
    }
    return values;
  }
  return { names: () => [...now().keys()].map((name) => PREFIX + name), value: (name) => now().get(name.slice(PREFIX.length)) };
}

module.exports = { v8Gauges };
