'use strict';

const native = require('pandora:binding');
const { refuse } = require('pandora:loader');
const { checkFunction, checkString, checkObject, invalidArgument, invalidValue } = require('./errors');
const { inspect, format, formatWithOptions, colors } = require('./inspect');

const tagOf = (value) => Object.prototype.toString.call(value).slice(8, -1);
const tagged = (...tags) => (value) => typeof value === 'object' && value !== null && tags.includes(tagOf(value));
const typed = ['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array', 'Int8Array', 'Int16Array', 'Int32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array'];

const sourceOf = (value) => (typeof value === 'function' ? Function.prototype.toString.call(value) : '');

/** Whether value has what only a real object of its class has. */
const branded = (probe) => (value) => {
  if (typeof value !== 'object' || value === null) return false;
  try {
    probe(value);
    return true;
  } catch {
    return false;
  }
};
const sizeOf = (Type) => Object.getOwnPropertyDescriptor(Type.prototype, 'size').get;

const types = {
  isDate: branded((value) => Date.prototype.getTime.call(value)),
  isRegExp: (value) => value instanceof RegExp,
  isNativeError: (value) => value instanceof Error,
  isPromise: (value) => value instanceof Promise,
  isMap: branded((value) => sizeOf(Map).call(value)),
  isSet: branded((value) => sizeOf(Set).call(value)),
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
  isBoxedPrimitive: (value) => ['isStringObject', 'isNumberObject', 'isBooleanObject', 'isSymbolObject', 'isBigIntObject'].some((name) => types[name](value)),
  isStringObject: (value) => value instanceof String,
  isNumberObject: (value) => value instanceof Number,
  isBooleanObject: (value) => value instanceof Boolean,
  isSymbolObject: (value) => typeof value === 'object' && tagOf(value) === 'Symbol',
  isBigIntObject: (value) => typeof value === 'object' && tagOf(value) === 'BigInt',
  isProxy: (value) => native.isProxy(value),
  isExternal: () => false,
  isModuleNamespaceObject: () => false,
  isKeyObject: () => false,
  isCryptoKey: () => false,
};
for (const name of typed) types[`is${name}`] = (value) => ArrayBuffer.isView(value) && value[Symbol.toStringTag] === name;

const promisified = Symbol.for('nodejs.util.promisify.custom');

function promisify(original) {
  checkFunction(original, 'original');
  if (original[promisified]) {
    checkFunction(original[promisified], 'util.promisify.custom');
    return Object.defineProperty(original[promisified], promisified, { value: original[promisified], enumerable: false, writable: false, configurable: true });
  }
  const promise = function (...args) {
    return new Promise((resolve, reject) => {
      Reflect.apply(original, this, [...args, (error, value) => (error ? reject(error) : resolve(value))]);
    });
  };
  Object.setPrototypeOf(promise, Object.getPrototypeOf(original));
  Object.defineProperty(promise, promisified, { value: promise, enumerable: false, writable: false, configurable: true });
  return Object.defineProperties(promise, Object.getOwnPropertyDescriptors(original));
}
promisify.custom = promisified;

function callbackify(original) {
  checkFunction(original, 'original');
  const callbackified = function (...args) {
    const callback = args.pop();
    checkFunction(callback, 'last argument');
    Reflect.apply(original, this, args).then((value) => callback(null, value), (error) => callback(error || Object.assign(new Error('Promise was rejected with a falsy value'), { code: 'ERR_FALSY_VALUE_REJECTION', reason: error })));
  };
  const own = Object.getOwnPropertyDescriptors(original);
  if (typeof own.length.value === 'number') own.length.value += 1;
  if (typeof own.name.value === 'string') own.name.value += 'Callbackified';
  return Object.defineProperties(callbackified, own);
}

function inherits(constructor, parent) {
  checkFunction(constructor, 'ctor');
  if (parent === undefined || parent === null) throw invalidArgument('superCtor', 'of type function', parent);
  if (parent.prototype === undefined) throw invalidArgument('superCtor.prototype', 'of type object', parent.prototype);
  Object.defineProperty(constructor, 'super_', { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

const warnedCodes = new Set();
function deprecate(original, message, code) {
  if (process.noDeprecation === true) return original;
  if (code !== undefined) checkString(code, 'code');
  let warned = false;
  const deprecated = function (...args) {
    if (!warned) {
      warned = true;
      if (code === undefined || !warnedCodes.has(code)) process.emitWarning(message, 'DeprecationWarning', code, deprecated);
      if (code !== undefined) warnedCodes.add(code);
    }
    return new.target ? Reflect.construct(original, args, new.target) : Reflect.apply(original, this, args);
  };
  Object.setPrototypeOf(deprecated, original);
  if (original.prototype) deprecated.prototype = original.prototype;
  return deprecated;
}

const debugs = new Map();
function debuglog(section, tell) {
  const name = String(section).toUpperCase();
  if (debugs.has(name)) return debugs.get(name);
  const patterns = (process.env.NODE_DEBUG || '').toUpperCase().split(',').map((one) => new RegExp(`^${one.trim().replace(/[|\\{}()[\]^$+?.]/g, '\\$&').replace(/\*/g, '.*')}$`));
  const wanted = patterns.some((pattern) => pattern.test(name));
  const log = function (...args) {
    if (wanted) console.error(`${name} ${process.pid}: ${format(...args)}`);
  };
  Object.defineProperty(log, 'enabled', { get: () => wanted, configurable: true, enumerable: true });
  debugs.set(name, log);
  if (typeof tell === 'function') tell(log);
  return log;
}

function styleText(style, text, options) {
  checkString(text, 'text');
  if (options !== undefined) checkObject(options, 'options');
  const names = Array.isArray(style) ? style : [style];
  const { validateStream = true, stream = process.stdout } = options ?? {};
  const forced = process.env.FORCE_COLOR !== undefined && !['0', 'false'].includes(process.env.FORCE_COLOR);
  const plain = validateStream && !forced && !(stream && stream.isTTY);
  let [open, close] = ['', ''];
  for (const name of names) {
    const codes = colors[name];
    if (!codes) throw Object.assign(new TypeError(`The argument 'format' must be one of: ${Object.keys(colors).map((one) => `'${one}'`).join(', ')}. Received ${inspect(name)}`), { code: 'ERR_INVALID_ARG_VALUE' });
    open += `\u001b[${codes[0]}m`;
    close = `\u001b[${codes[1]}m${close}`;
  }
  return plain ? text : `${open}${text}${close}`;
}

/** The text of a .env file as an object. */
function parseEnv(content) {
  checkString(content, 'content');
  const result = {};
  const line = /^[^\S\n]*(?:export\s+)?([^\s=#]+)[^\S\n]*=[^\S\n]*(?:'([^']*)'|"([^"]*)"|`([^`]*)`|([^#\n]*))?.*$/gm;
  for (const [, name, single, double, tick, plain = ''] of content.matchAll(line)) result[name] = single ?? (double === undefined ? undefined : double.replace(/\\n/g, '\n')) ?? tick ?? plain.trim();
  return result;
}

let numbersByCode;
function errnoNames() {
  numbersByCode ??= new Map(Object.entries(require('./numbers').errno).reverse().map(([name, number]) => [-number, name]));
  return numbersByCode;
}

function getSystemErrorName(number) {
  if (typeof number !== 'number') throw invalidArgument('err', 'of type number', number);
  if (number >= 0 || !Number.isInteger(number)) throw require('./errors').outOfRange('err', 'a negative integer', number);
  return errnoNames().get(number);
}

function errnoException(number, syscall, original) {
  const code = getSystemErrorName(number);
  return Object.assign(new Error(`${syscall} ${code}${original ? ` ${original}` : ''}`), { errno: number, code, syscall });
}

function exceptionWithHostPort(number, syscall, address, port, additional) {
  const code = getSystemErrorName(number);
  const where = port && port > 0 ? ` ${address}:${port}` : address ? ` ${address}` : '';
  return Object.assign(new Error(`${syscall} ${code}${where}${additional ? ` - Local (${additional})` : ''}`), { errno: number, code, syscall, address, ...(port ? { port } : {}) });
}

class MIMEType {
  constructor() { refuse('util.MIMEType'); }
}
class MIMEParams {
  constructor() { refuse('util.MIMEParams'); }
}

function stripVTControlCharacters(text) {
  checkString(text, 'str');
  return text.replace(/[\u001b\u009b][[\]()#;?]*(?:(?:(?:(?:;[-a-zA-Z\d/#&.:=?%@~_]+)*|[a-zA-Z\d]+(?:;[-a-zA-Z\d/#&.:=?%@~_]*)*)?(?:\u0007|\u001b\u005c|\u009c))|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]))/g, '');
}

module.exports = {
  _errnoException: errnoException,
  _exceptionWithHostPort: exceptionWithHostPort,
  _extend(target, source) {
    return source === null || typeof source !== 'object' ? target : Object.assign(target, source);
  },
  callbackify,
  debug: debuglog,
  debuglog,
  deprecate,
  format,
  styleText,
  formatWithOptions,
  getSystemErrorMap: () => refuse('util.getSystemErrorMap'),
  getSystemErrorName,
  inherits,
  inspect,
  isArray: Array.isArray,
  isBoolean: (value) => typeof value === 'boolean',
  isBuffer: (value) => require('buffer').Buffer.isBuffer(value),
  isDeepStrictEqual: (a, b) => require('./equal')(a, b, true),
  isNull: (value) => value === null,
  isNullOrUndefined: (value) => value === null || value === undefined,
  isNumber: (value) => typeof value === 'number',
  isString: (value) => typeof value === 'string',
  isSymbol: (value) => typeof value === 'symbol',
  isUndefined: (value) => value === undefined,
  isRegExp: types.isRegExp,
  isObject: (value) => value !== null && typeof value === 'object',
  isDate: types.isDate,
  isError: (value) => value instanceof Error,
  isFunction: (value) => typeof value === 'function',
  isPrimitive: (value) => value === null || (typeof value !== 'object' && typeof value !== 'function'),
  log: (...args) => console.log(...args),
  promisify,
  stripVTControlCharacters,
  toUSVString: (text) => String(text).replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd'),
  transferableAbortSignal: (signal) => signal,
  transferableAbortController: () => new AbortController(),
  aborted: async (signal) => new Promise((resolve) => { if (signal.aborted) resolve(); else signal.addEventListener('abort', () => resolve()); }),
  types,
  parseEnv,
  parseArgs: (config) => require('./parseargs')(config),
  get TextDecoder() { return TextDecoder; },
  get TextEncoder() { return TextEncoder; },
  MIMEType,
  MIMEParams,
};
