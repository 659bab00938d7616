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

/** A console that writes to streams of the caller's. */
function Console(options, stderr) {
  if (!(this instanceof Console)) return new Console(options, stderr);
  const { stdout, stderr: errors = stdout } = options && typeof options.write === 'function' ? { stdout: options, stderr } : options ?? {};
  if (!stdout || typeof stdout.write !== 'function') throw Object.assign(new TypeError('Console expects a writable stream instance for stdout'), { code: 'ERR_CONSOLE_WRITABLE_STREAM' });
  const to = (stream) => (...args) => { stream.write(`${require('./inspect').format(...args)}\n`); };
  const [out, err] = [to(stdout), to(errors)];
  Object.assign(this, methods, { log: out, info: out, debug: out, dirxml: out, warn: err, error: err });
  return undefined;
}

module.exports = Object.assign({}, methods, { Console });
for (const name of ['stdout', 'stderr']) Object.defineProperty(module.exports, `_${name}`, { get: () => process[name], configurable: true });
