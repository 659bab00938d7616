'use strict';

// Writes down what the core modules that goja only imitates look like in this Node: names, kinds, plain values and
// prototypes, no behaviour. Usage: node record-shapes.js FOLDER, or, for the packages of Pandora.js 1.x that are installed
// in the node_modules of another folder: node record-shapes.js FOLDER FROM. See js/goja/shape.js for the reader.

const fs = require('node:fs');
const path = require('node:path');

const MODULES = [
  'async_hooks', 'child_process', 'cluster', 'constants', 'crypto', 'dgram', 'diagnostics_channel', 'dns', 'dns/promises', 'domain', 'http',
  'http2', 'https', 'inspector', 'net', 'perf_hooks', 'readline', 'readline/promises', 'repl', 'stream/web', 'tls',
  'trace_events', 'tty', 'v8', 'vm', 'wasi', 'worker_threads', 'zlib',
];
// Later ones export what earlier ones do, which is to be the same.
const PACKAGES = [
  'pandora-env', 'pandora-dollar', 'pandora-messenger', 'pandora-hub', 'pandora-service-logger', 'pandora-metrics', 'pandora-hook', 'pandora',
];
// Where a parent class may be named, first match first.
const PARENTS = ['events', 'stream', 'net', 'tls', 'http', 'readline'];
const THROWS = Symbol('throws');
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
    if (get) list.push(`:${key}`);
    else if (typeof value === 'function') list.push(`${key} ${value.length}`);
    else list.push(`=${key}`);
  }
  return list;
}

function describeClass(value, name, known, record) {
  const shape = { length: value.length, members: members(value.prototype) };
  if (isClassText(value)) shape.strict = true;
  if (value.name !== name.replace('~', '')) shape.called = value.name;
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
    else shape.statics[key] = isPlain(member) ? { value: member } : 'object';
  }
  return shape;
}

/** Whether an earlier package exports the value. */
const ofPackage = (known, value) => known.has(value) && known.get(value).startsWith('pandora');

function describe(module, exports, known) {
  const record = { module, names: new Map(), hidden: {} };
  const names = Object.getOwnPropertyNames(exports).filter((name) => typeof exports !== 'function' || !OWN.has(name))
    .filter((name) => !(LATE[module] || []).includes(name));
  const read = (name) => {
    try {
      return exports[name];
    } catch {
      return THROWS;
    }
  };
  for (const name of names) {
    const value = read(name);
    if (typeof value === 'function' && isConstructor(value) && !ofPackage(known, value) && !record.names.has(value)) record.names.set(value, name);
  }
  record.taken = new Set(names);
  const shape = { names: {}, classes: {} };
  if (Object.getPrototypeOf(exports) !== Object.prototype && Object.getPrototypeOf(exports) !== null) shape.emitter = typeof exports.on === 'function';
  for (const name of names) {
    const value = read(name);
    const hidden = Object.getOwnPropertyDescriptor(exports, name).enumerable ? '' : 'hidden ';
    if (value === THROWS) shape.names[name] = `${hidden}throws`;
    else if (ofPackage(known, value)) shape.names[name] = `${hidden}from ${known.get(value).replace('.', ' ')}`;
    else if (typeof value === 'function' && record.names.has(value)) {
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

/** Writes the shapes of the packages that are installed in from. */
function recordPackages(folder, from, known) {
  const load = require('node:module').createRequire(path.resolve(from, 'x.js'));
  for (const name of PACKAGES) {
    const exports = load(name);
    write(folder, name, describe(name, exports, known));
    for (const key of Object.getOwnPropertyNames(exports)) {
      const { value } = Object.getOwnPropertyDescriptor(exports, key);
      if (['function', 'object'].includes(typeof value) && value !== null && !known.has(value)) known.set(value, `${name}.${key}`);
    }
  }
}

function write(folder, name, shape) {
  // JSON has no infinity, but a number that is read as one.
  const text = JSON.stringify(shape, (_, value) => (value === Infinity ? '<infinity>' : value)).replaceAll('"<infinity>"', '1e999');
  fs.writeFileSync(path.join(folder, `${name.replace('/', '-')}.json`), `${text}\n`);
}

const [folder, from] = process.argv.slice(2);
const known = parents();
if (from) recordPackages(folder, from, known);
else for (const module of MODULES) write(folder, module, describe(module, require(`node:${module}`), known));
process.exit(0);
