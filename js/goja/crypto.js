'use strict';

// Digests and random numbers are real. Keys, ciphers and signatures are for Node.

const native = require('pandora:binding');
const build = require('./shape');
const { Buffer } = require('buffer');
const { inspect } = require('./inspect');

// The names that Node 20 lists; some are only known, not computed here.
const hashes = ('RSA-MD5 RSA-RIPEMD160 RSA-SHA1 RSA-SHA1-2 RSA-SHA224 RSA-SHA256 RSA-SHA3-224 RSA-SHA3-256 RSA-SHA3-384 RSA-SHA3-512 ' +
  'RSA-SHA384 RSA-SHA512 RSA-SHA512/224 RSA-SHA512/256 RSA-SM3 blake2b512 blake2s256 id-rsassa-pkcs1-v1_5-with-sha3-224 ' +
  'id-rsassa-pkcs1-v1_5-with-sha3-256 id-rsassa-pkcs1-v1_5-with-sha3-384 id-rsassa-pkcs1-v1_5-with-sha3-512 md5 md5-sha1 ' +
  'md5WithRSAEncryption ripemd ripemd160 ripemd160WithRSA rmd160 sha1 sha1WithRSAEncryption sha224 sha224WithRSAEncryption sha256 ' +
  'sha256WithRSAEncryption sha3-224 sha3-256 sha3-384 sha3-512 sha384 sha384WithRSAEncryption sha512 sha512-224 ' +
  'sha512-224WithRSAEncryption sha512-256 sha512-256WithRSAEncryption sha512WithRSAEncryption shake128 shake256 sm3 ' +
  'sm3WithRSAEncryption ssl3-md5 ssl3-sha1').split(' ');
const known = new Set(hashes.map((name) => name.toLowerCase()));

const coded = (ErrorType, code, message) => Object.assign(new ErrorType(message), { code });
function shown(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return `an instance of ${(value.constructor && value.constructor.name) || 'Object'}`;
  return `type ${typeof value} (${inspect(value)})`;
}
const typeError = (name, expected, value) => coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "${name}" argument must be ${expected}. Received ${shown(value)}`);
const rangeError = (name, expected, value) => coded(RangeError, 'ERR_OUT_OF_RANGE', `The value of "${name}" is out of range. It must be ${expected}. Received ${value}`);

function dataOf(data, encoding) {
  if (typeof data === 'string') return Buffer.from(data, encoding && Buffer.isEncoding(encoding) ? encoding : 'utf8');
  if (ArrayBuffer.isView(data)) return data;
  throw typeError('data', 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

function output(bytes, encoding) {
  const buffer = Buffer.from(bytes);
  return encoding && encoding !== 'buffer' && Buffer.isEncoding(encoding) ? buffer.toString(encoding) : buffer;
}

const handles = new WeakMap();
const finalized = () => coded(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');

function startHash(algorithm, options) {
  if (algorithm instanceof module.exports.Hash) {
    const { handle } = handles.get(algorithm);
    if (!handle) throw finalized();
    return handle.copy();
  }
  if (typeof algorithm !== 'string') throw typeError('algorithm', 'of type string', algorithm);
  if (options && options.outputLength !== undefined) build.refuse('crypto.createHash with outputLength');
  const handle = native.digest(algorithm, undefined);
  if (handle) return handle;
  if (known.has(algorithm.toLowerCase())) build.refuse(`crypto.createHash('${algorithm}')`);
  throw new Error('Digest method not supported');
}

function startHmac(algorithm, key, options) {
  if (typeof algorithm !== 'string') throw typeError('hmac', 'of type string', algorithm);
  let bytes = key;
  if (typeof key === 'string') bytes = Buffer.from(key, options && options.encoding);
  else if (key instanceof ArrayBuffer) bytes = new Uint8Array(key);
  else if (!ArrayBuffer.isView(key)) {
    throw typeError('key', 'of type string or an instance of ArrayBuffer, Buffer, TypedArray, DataView, KeyObject, or CryptoKey', key);
  }
  const handle = native.digest(algorithm, bytes);
  if (handle) return handle;
  if (known.has(algorithm.toLowerCase())) build.refuse(`crypto.createHmac('${algorithm}')`);
  throw coded(TypeError, 'ERR_CRYPTO_INVALID_DIGEST', `Invalid digest: ${algorithm}`);
}

const methods = {
  update(data, encoding) {
    const state = handles.get(this);
    if (!state.handle) throw finalized();
    state.handle.update(dataOf(data, encoding));
    return this;
  },
  digest(encoding) {
    const state = handles.get(this);
    if (!state.handle) {
      // An Hmac answers a second time, with nothing.
      if (state.hmac) return output(new ArrayBuffer(0), encoding);
      throw finalized();
    }
    const bytes = state.handle.digest();
    state.handle = null;
    return output(bytes, encoding);
  },
};

function size(value, name = 'size') {
  if (typeof value !== 'number') throw typeError(name, 'of type number', value);
  if (Number.isNaN(value) || value < 0 || value > 2147483647) throw rangeError(name, '>= 0 && <= 2147483647', value);
  return Math.trunc(value);
}

function random(count, what) {
  const bytes = native.random(count);
  return bytes === undefined ? build.refuse(`${what} of ${count} bytes`) : bytes;
}

/** The answer of a callback comes after the evaluation: only the arguments are checked. */
function later(callback) {
  if (typeof callback !== 'function') throw typeError('callback', 'of type function', callback);
  require('timers').setImmediate(callback);
}

function randomBytes(count, callback) {
  const wanted = size(count);
  if (callback !== undefined) return later(callback);
  return Buffer.from(random(wanted, 'crypto.randomBytes'));
}

function randomFillSync(target, offset = 0, count = undefined) {
  if (!(target instanceof ArrayBuffer) && !ArrayBuffer.isView(target)) throw typeError('buf', 'an instance of ArrayBuffer or ArrayBufferView', target);
  const bytes = target instanceof ArrayBuffer ? new Uint8Array(target) : new Uint8Array(target.buffer, target.byteOffset, target.byteLength);
  const unit = target.BYTES_PER_ELEMENT || 1;
  const from = size(offset, 'offset') * unit;
  const length = count === undefined ? bytes.length - from : size(count) * unit;
  if (from + length > bytes.length) throw rangeError('size + offset', `<= ${bytes.length}`, from + length);
  bytes.set(new Uint8Array(random(length, 'crypto.randomFillSync')), from);
  return target;
}

function randomInt(min, max, callback) {
  let [low, high, done] = [min, max, callback];
  if (high === undefined || typeof high === 'function') [low, high, done] = [0, min, max];
  const integer = (value, name) => {
    if (!Number.isSafeInteger(value)) throw typeError(name, 'a safe integer', value);
  };
  integer(low, 'min');
  integer(high, 'max');
  if (high <= low) throw rangeError('max', `greater than the value of "min" (${low})`, high);
  const range = high - low;
  if (range >= 2 ** 48) throw rangeError(max === undefined ? 'max' : 'max - min', `<= ${2 ** 48 - 1}`, range);
  if (done !== undefined) return later(done);
  // Numbers above the last multiple of the range would make small results likelier.
  const limit = 2 ** 48 - (2 ** 48 % range);
  for (;;) {
    const value = new Uint8Array(random(6, 'crypto.randomInt')).reduce((sum, byte) => sum * 256 + byte, 0);
    if (value < limit) return (value % range) + low;
  }
}

function randomUUID() {
  const bytes = new Uint8Array(random(16, 'crypto.randomUUID'));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Buffer.from(bytes.buffer).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function viewOf(value, name) {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw coded(TypeError, 'ERR_INVALID_ARG_TYPE', `The "${name}" argument must be an instance of ArrayBuffer, Buffer, TypedArray, or DataView.`);
}

function timingSafeEqual(first, second) {
  const [a, b] = [viewOf(first, 'buf1'), viewOf(second, 'buf2')];
  if (a.length !== b.length) throw coded(RangeError, 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', 'Input buffers must have the same byte length');
  return a.every((byte, i) => byte === b[i]);
}

function getRandomValues(target) {
  const webError = (name, code, message) => Object.assign(new Error(message), { name, code });
  if (!ArrayBuffer.isView(target) || target instanceof DataView || target instanceof Float32Array || target instanceof Float64Array) {
    throw webError('TypeMismatchError', 17, 'The data argument must be an integer-type TypedArray');
  }
  if (target.byteLength > 65536) throw webError('QuotaExceededError', 22, 'The requested length exceeds 65,536 bytes');
  return randomFillSync(target);
}

const webcrypto = Object.create({ get [Symbol.toStringTag]() { return 'Crypto'; } }, {
  getRandomValues: build.hidden(getRandomValues),
  randomUUID: build.hidden(randomUUID),
});
build.lazily(webcrypto, 'subtle', { configurable: true, enumerable: false }, () => build.inertObject('crypto.subtle'));

// Its being a stream is left out: Node, too, makes that only when it is used as one.
const startedBy = (start, hmac) => Object.assign(function (...args) {
  handles.set(this, { handle: start(...args), hmac });
}, { alone: true });

module.exports = build('crypto', {
  exports: {
    createHash: (algorithm, options) => new module.exports.Hash(algorithm, options),
    createHmac: (algorithm, key, options) => new module.exports.Hmac(algorithm, key, options),
    hash: (algorithm, data, encoding = 'hex') => {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      return new module.exports.Hash(algorithm).update(bytes).digest(encoding);
    },
    getHashes: () => hashes.slice(),
    getFips: () => 0,
    fips: 0,
    randomBytes, randomFillSync, randomInt, randomUUID, timingSafeEqual, getRandomValues, webcrypto,
    pseudoRandomBytes: randomBytes, prng: randomBytes, rng: randomBytes,
    randomFill: (target, ...rest) => {
      randomFillSync(target, ...rest.slice(0, -1));
      later(rest[rest.length - 1]);
    },
    get subtle() { return webcrypto.subtle; },
  },
  constructible: { Hash: startedBy(startHash, false), Hmac: startedBy(startHmac, true) },
  methods: {
    Hash: {
      ...methods,
      copy(options) { return new module.exports.Hash(this, options); },
    },
    Hmac: methods,
    // As streams they would answer later, for the most part.
    LazyTransform: Object.fromEntries(['write', 'end', 'read', 'pipe', 'on', 'once'].map((name) => [name, () => build.refuse('crypto.Hash as a stream')])),
  },
});
