'use strict';

// The body of a module that both engines run: loads one package and tells what it exports, to a depth of two, and what
// a small use of it gives. See zoo_test.go.

const { createRequire, builtinModules } = require('module');
const path = require('path');

const ofFunctions = new Set(['length', 'name', 'prototype', 'arguments', 'caller']);

/** Core modules stand for themselves: what they hold is not what is compared here. */
function coreNames() {
  const names = new Map();
  for (const name of builtinModules) {
    if (name.startsWith('_') || name.includes('/')) continue;
    const value = require(name);
    if ((typeof value === 'object' || typeof value === 'function') && !names.has(value)) names.set(value, name);
  }
  return names;
}

function read(holder, key) {
  try {
    return { value: holder[key] };
  } catch (error) {
    return { thrown: error };
  }
}

function walk(value, at, depth, found, core, seen) {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) {
    found[at] = value === null ? 'null' : typeof value;
    return;
  }
  if (core.has(value) && depth > 0) {
    found[at] = `core ${core.get(value)}`;
    return;
  }
  found[at] = Array.isArray(value) ? 'array' : typeof value;
  if (depth >= 2 || seen.has(value) || Array.isArray(value)) return;
  seen.add(value);
  for (const key of Object.getOwnPropertyNames(value)) {
    if (typeof value === 'function' && ofFunctions.has(key)) continue;
    const { value: member, thrown } = read(value, key);
    if (thrown) found[`${at}.${key}`] = 'throws';
    else walk(member, `${at}.${key}`, depth + 1, found, core, seen);
  }
  if (typeof value !== 'function' || typeof value.prototype !== 'object' || value.prototype === null) return;
  for (const key of Object.getOwnPropertyNames(value.prototype)) {
    const own = Object.getOwnPropertyDescriptor(value.prototype, key);
    if (key !== 'constructor') found[`${at}#${key}`] = own.get || own.set ? 'accessor' : typeof own.value;
  }
}

exports.zoo = ({ dir, name, check }) => {
  const load = createRequire(path.join(dir, 'main.js'));
  const start = process.hrtime();
  const loaded = load(name);
  const [seconds, nanos] = process.hrtime(start);
  const shape = {};
  walk(loaded, name, 0, shape, coreNames(), new Set());
  // A module of the zoo's folder, so that a use may load more of the package.
  const used = check ? new Function('m', 'require', `return ${check};`)(loaded, load) : null;
  return { ms: seconds * 1e3 + nanos / 1e6, shape, used };
};
