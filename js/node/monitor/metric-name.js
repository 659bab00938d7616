'use strict';

// The serialised name of a metric: key, tags and level in one string.

/**
 * @param {string} key as 'node.v8.heap'
 * @param {Record<string, string | number>} tags
 * @param {string} [level]
 * @returns {string}
 */
function nameKey(key, tags, level = 'NORMAL') {
  const list = Object.entries(tags).map(([tag, value]) => `${tag}%^&${value}`).sort();
  return `${key}@%^${list.join('!*&')}@%^${level}`;
}

module.exports = { nameKey };
