'use strict';

// Writes down what the core modules that goja only imitates look like in this Node: names, kinds, plain values and
// prototypes, no behaviour. Usage: node record-shapes.js FOLDER [MODULE…]; see js/goja/shape.js for the reader.

const fs = require('node:fs');
const path = require('node:path');

const MODULES = [
  'async_hooks', 'child_process', 'cluster', 'constants', 'crypto', 'dgram', 'diagnostics_channel', 'dns', 'dns/promises', 'domain', 'http',
  'http2', 'https', 'inspector', 'net', 'perf_hooks', 'readline', 'readline/promises', 'repl', 'stream/web', 'tls',
  'trace_events', 'tty', 'v8', 'vm', 'wasi', 'worker_threads', 'zlib',
];
// Where a parent class may be named, first match first.
const PARENTS = ['events', 'stream', 'net', 'tls', 'http', 'readline'];
// Appears once tls is loaded.
const LATE = { constants: ['defaultCipherList'] };
const OWN = new Set(['length', 'name', 'prototype', 'caller', 'arguments']);

process.removeAllListeners('warning');
process.on('warning', () => {});

const isClassText = (value) => /^class\b/.test(Function.prototype.toString.call(value));

/** Whether a function is meant to be constructed: it is a class, or its prototype has members or a parent. */
function isConstructor(value) {
  const { prototype } = value;
  return typeof prototype === 'object' && prototype !== null && (isClassText(value) ||
    Reflect.ownKeys(prototype).length > 1 || Object.getPrototypeOf(prototype) !== Object.prototype);
}

function isPlain(value, depth = 0) {
  if (value === null || ['string', 'boolean'].includes(typeof value)) return true;
  if (typeof value === 'number') return !Number.isNaN(value);
  if (typeof value !== 'object' || depth > 3) return false;
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null && !Array.isArray(value)) return false;
  return Object.values(value).every((member) => isPlain(member, depth + 1));
}

/** Known classes: constructor → "module.name". */
function parents() {
  const known = new Map();
  for (const module of PARENTS) {
    const exports = require(`node:${module}`);
    for (const name of Object.getOwnPropertyNames(exports)) {
      const value = exports[name];
      if (typeof value === 'function' && isConstructor(value) && !known.has(value)) known.set(value, `${module}.${name}`);
    }
  }
  known.set(require('node:events'), 'events.EventEmitter');
  known.set(require('node:stream'), 'stream.Stream');
  return known;
}

function members(prototype) {
  const list = [];
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (key === 'constructor') continue;
    const { value, get } = Object.getOwnPropertyDescriptor(prototype, key);
    if (get) list.push(`get ${key}`);
    else if (typeof value === 'function') list.push(`${key} ${value.length}`);
    else list.push(`value ${key}`);
  }
  return list;
}

function describeClass(value, name, known, record) {
  const shape = { length: value.length, members: members(value.prototype) };
  if (isClassText(value)) shape.strict = true;
  const above = Object.getPrototypeOf(value.prototype);
  if (above && above !== Object.prototype) {
    const parent = above.constructor;
    if (record.names.has(parent) && record.names.get(parent) !== name) shape.parent = record.names.get(parent);
    else if (known.has(parent) && known.get(parent) !== `${record.module}.${name}`) shape.parent = known.get(parent);
    else if (typeof parent === 'function' && parent.prototype === above && parent.name) {
      // A base may be called like the exported class that is made of it.
      const base = record.taken.has(parent.name) ? `${parent.name}~` : parent.name;
      record.names.set(parent, base);
      record.hidden[base] = describeClass(parent, base, known, record);
      shape.parent = base;
    }
  }
  const statics = Object.getOwnPropertyNames(value).filter((key) => !OWN.has(key));
  for (const key of statics) {
    const member = value[key];
    shape.statics ??= {};
    if (typeof member === 'function') shape.statics[key] = `function ${member.length}`;
    else if (isPlain(member)) shape.statics[key] = { value: member };
  }
  return shape;
}

function describe(module, known) {
  const exports = require(`node:${module}`);
  const record = { module, names: new Map(), hidden: {} };
  const names = Object.getOwnPropertyNames(exports).filter((name) => typeof exports !== 'function' || !OWN.has(name))
    .filter((name) => !(LATE[module] || []).includes(name));
  for (const name of names) {
    const value = exports[name];
    if (typeof value === 'function' && isConstructor(value) && !record.names.has(value)) record.names.set(value, name);
  }
  record.taken = new Set(names);
  const shape = { names: {}, classes: {} };
  if (Object.getPrototypeOf(exports) !== Object.prototype && Object.getPrototypeOf(exports) !== null) shape.emitter = typeof exports.on === 'function';
  for (const name of names) {
    const value = exports[name];
    const hidden = Object.getOwnPropertyDescriptor(exports, name).enumerable ? '' : 'hidden ';
    if (typeof value === 'function' && record.names.has(value)) {
      const first = record.names.get(value);
      shape.names[name] = `${hidden}class ${first}`;
      if (first === name) shape.classes[name] = describeClass(value, name, known, record);
    } else if (typeof value === 'function') shape.names[name] = `${hidden}function ${value.length}`;
    else if (isPlain(value) && !(Array.isArray(value) && JSON.stringify(value).length > 4000)) shape.names[name] = hidden ? { value, hidden: true } : { value };
    else shape.names[name] = `${hidden}${typeof value}`;
  }
  Object.assign(shape.classes, record.hidden);
  return shape;
}

if (require.main === module) {
  const [folder, ...modules] = process.argv.slice(2);
  const known = parents();
  for (const module of modules.length > 0 ? modules : MODULES) {
    // JSON has no infinity, but a number that is read as one.
    const text = JSON.stringify(describe(module, known), (_, value) => (value === Infinity ? '<infinity>' : value)).replaceAll('"<infinity>"', '1e999');
    fs.writeFileSync(path.join(folder, `${module.replace('/', '-')}.json`), `${text}\n`);
  }
}
