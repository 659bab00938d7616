'use strict';

// The gauges node.v8.*: heap spaces and heap statistics of this process.

const v8 = require('node:v8');

/** One read of all gauges takes one sample. */
const SAMPLE_SECONDS = 0.5;

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

/**
 * @param {ReturnType<typeof import('./metrics-client').createMetricsClient>} client
 * @param {Record<string, string | number>} tags
 */
function registerV8Gauges(client, tags) {
  let values = sample();
  let at = process.uptime();
  for (const name of values.keys()) {
    client.registerGauge('node', `node.v8.${name}`, tags, {
      getValue() {
        const now = process.uptime(); // asking performance would load seven modules of Node
        if (now - at > SAMPLE_SECONDS) {
          values = sample();
          at = now;
        }
        return values.get(name);
      },
    });
  }
}

module.exports = { registerV8Gauges };
