'use strict';

const { inert } = require('pandora:loader');
const { inspect, format } = require('./inspect');

const tagOf = (value) => Object.prototype.toString.call(value).slice(8, -1);
const tagged = (...tags) => (value) => typeof value === 'object' && value !== null && tags.includes(tagOf(value));
const typed = ['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array', 'Int8Array', 'Int16Array', 'Int32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'];

const sourceOf = (value) => (typeof value === 'function' ? Function.prototype.toString.call(value) : '');

const types = {
  isDate: (value) => value instanceof Date,
  isRegExp: (value) => value instanceof RegExp,
  isNativeError: (value) => value instanceof Error,
  isPromise: (value) => value instanceof Promise,
  isMap: (value) => value instanceof Map,
  isSet: (value) => value instanceof Set,
  isWeakMap: (value) => value instanceof WeakMap,
  isWeakSet: (value) => value instanceof WeakSet,
  isArrayBuffer: (value) => value instanceof ArrayBuffer,
  isAnyArrayBuffer: (value) => value instanceof ArrayBuffer,
  isSharedArrayBuffer: () => false,
  isDataView: (value) => value instanceof DataView,
  isArrayBufferView: ArrayBuffer.isView,
  isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
  isAsyncFunction: (value) => /^async\b/.test(sourceOf(value)),
  isGeneratorFunction: (value) => /^(async\s+)?(function\s*\*|\*)/.test(sourceOf(value)),
  isGeneratorObject: tagged('Generator'),
  isMapIterator: tagged('Map Iterator'),
  isSetIterator: tagged('Set Iterator'),
  isArgumentsObject: tagged('Arguments'),
  isBoxedPrimitive: (value) => value instanceof String || value instanceof Number || value instanceof Boolean,
  isStringObject: (value) => value instanceof String,
  isNumberObject: (value) => value instanceof Number,
  isBooleanObject: (value) => value instanceof Boolean,
  isSymbolObject: (value) => typeof value === 'object' && tagOf(value) === 'Symbol',
  isBigIntObject: (value) => typeof value === 'object' && tagOf(value) === 'BigInt',
  isProxy: () => false,
  isExternal: () => false,
  isModuleNamespaceObject: () => false,
  isKeyObject: () => false,
  isCryptoKey: () => false,
};
for (const name of typed) types[`is${name}`] = (value) => ArrayBuffer.isView(value) && value[Symbol.toStringTag] === name;

const promisified = Symbol.for('nodejs.util.promisify.custom');

function checkFunction(value, name) {
  if (typeof value === 'function') return;
  throw Object.assign(new TypeError(`The "${name}" argument must be of type function. Received ${value === null ? 'null' : typeof value}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

function promisify(original) {
  checkFunction(original, 'original');
  if (original[promisified]) return original[promisified];
  const promise = function (...args) {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error, value) => (error ? reject(error) : resolve(value)));
    });
  };
  return Object.setPrototypeOf(promise, Object.getPrototypeOf(original));
}
promisify.custom = promisified;

function callbackify(original) {
  checkFunction(original, 'original');
  return function (...args) {
    const callback = args.pop();
    checkFunction(callback, 'last argument');
    original.apply(this, args).then((value) => callback(null, value), (error) => callback(error));
  };
}

function inherits(constructor, parent) {
  checkFunction(constructor, 'ctor');
  checkFunction(parent, 'superCtor');
  Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

function deprecate(original, message, code) {
  let warned = false;
  return function (...args) {
    if (!warned) process.emitWarning(`${code ? `[${code}] ` : ''}DeprecationWarning: ${message}`);
    warned = true;
    return new.target ? Reflect.construct(original, args, new.target) : original.apply(this, args);
  };
}

const debugs = new Map();
function debuglog(section) {
  const wanted = (process.env.NODE_DEBUG || '').toUpperCase().split(',').includes(String(section).toUpperCase());
  const log = (...args) => {
    if (wanted) console.error(`${String(section).toUpperCase()} ${process.pid}: ${format(...args)}`);
  };
  log.enabled = wanted;
  debugs.set(section, log);
  return log;
}

module.exports = {
  inspect, format, types, promisify, callbackify, inherits, deprecate, debuglog, debug: debuglog,
  formatWithOptions: (_, ...args) => format(...args),
  isDeepStrictEqual: (a, b) => require('./equal')(a, b, true),
  stripVTControlCharacters: (text) => String(text).replace(/\u001b\[[0-9;]*[A-Za-z]/g, ''),
  toUSVString: (text) => String(text),
  styleText: (_, text) => String(text),
  parseArgs: inert('util.parseArgs'),
  isArray: Array.isArray,
  isBoolean: (value) => typeof value === 'boolean',
  isBuffer: (value) => require('buffer').Buffer.isBuffer(value),
  isDate: types.isDate,
  isError: (value) => value instanceof Error,
  isFunction: (value) => typeof value === 'function',
  isNull: (value) => value === null,
  isNullOrUndefined: (value) => value === null || value === undefined,
  isNumber: (value) => typeof value === 'number',
  isObject: (value) => value !== null && typeof value === 'object',
  isPrimitive: (value) => value === null || (typeof value !== 'object' && typeof value !== 'function'),
  isRegExp: types.isRegExp,
  isString: (value) => typeof value === 'string',
  isSymbol: (value) => typeof value === 'symbol',
  isUndefined: (value) => value === undefined,
  log: (...args) => console.log(...args),
  _extend: (target, source) => Object.assign(target, source),
  get TextEncoder() { return TextEncoder; },
  get TextDecoder() { return TextDecoder; },
};
