'use strict';

const native = require('pandora:binding');

let indent = '';
const counts = new Map();
const times = new Map();

function line(...args) {
  const text = require('./inspect').format(...args);
  native.write(`${indent}${indent ? text.replace(/\n/g, `\n${indent}`) : text}\n`);
}

const methods = {
  log: line, info: line, debug: line, warn: line, error: line,
  dir: (value, options) => line(require('./inspect').inspect(value, options)),
  dirxml: line,
  trace: (...args) => line(`Trace${args.length > 0 ? `: ${require('./inspect').format(...args)}` : ''}`),
  assert(condition, ...args) {
    if (!condition) line(args.length > 0 ? `Assertion failed: ${require('./inspect').format(...args)}` : 'Assertion failed');
  },
  group(...args) {
    if (args.length > 0) line(...args);
    indent += '  ';
  },
  groupEnd() { indent = indent.slice(2); },
  count(label = 'default') {
    counts.set(label, (counts.get(label) || 0) + 1);
    line(`${label}: ${counts.get(label)}`);
  },
  countReset(label = 'default') { counts.delete(label); },
  time(label = 'default') { times.set(label, native.now()); },
  timeLog(label = 'default') {
    if (times.has(label)) line(`${label}: ${(native.now() - times.get(label)).toFixed(3)}ms`);
  },
  timeEnd(label = 'default') {
    methods.timeLog(label);
    times.delete(label);
  },
  table: line,
  clear() {}, profile() {}, profileEnd() {}, timeStamp() {},
};
methods.groupCollapsed = methods.group;

class Console {
  constructor() { Object.assign(this, methods); }
}

module.exports = Object.assign({}, methods, { Console });
