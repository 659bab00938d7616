'use strict';

const native = require('pandora:binding');
const { refuse } = require('pandora:loader');
const { invalidArgument, outOfRange, received } = require('./errors');

const names = {
  __proto__: null,
  utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', latin1: 'latin1', binary: 'latin1', ascii: 'ascii',
  ucs2: 'utf16le', 'ucs-2': 'utf16le', utf16le: 'utf16le', 'utf-16le': 'utf16le',
};
const maxLength = Number.parseInt(process.version.slice(1), 10) >= 22 ? 2 ** 53 - 1 : 2 ** 32;

function known(encoding) {
  if (encoding === undefined || encoding === null || encoding === '') return 'utf8';
  const name = names[String(encoding).toLowerCase()];
  if (name) return name;
  throw Object.assign(new TypeError(`Unknown encoding: ${encoding}`), { code: 'ERR_UNKNOWN_ENCODING' });
}

class FastBuffer extends Uint8Array {}

/** As in Node it may be called without new. */
function Buffer(value, encodingOrOffset, length) {
  if (typeof value === 'number') {
    if (typeof encodingOrOffset === 'string') throw invalidArgument('string', 'of type string', value);
    return Buffer.alloc(value);
  }
  return Buffer.from(value, encodingOrOffset, length);
}
Buffer.prototype = FastBuffer.prototype;
Object.setPrototypeOf(Buffer, Uint8Array);
Object.defineProperty(Buffer.prototype, 'constructor', { value: Buffer, writable: true, configurable: true, enumerable: false });
Object.defineProperty(Buffer, Symbol.species, { configurable: true, enumerable: false, get: () => FastBuffer });

const copyOf = (bytes) => {
  const copy = new FastBuffer(bytes.length);
  copy.set(bytes);
  return copy;
};
const fromText = (text, encoding) => new FastBuffer(native.encodeText(text, known(encoding)));
const isBuffer = (value) => value instanceof Buffer;

function fromObject(value) {
  if (value.length !== undefined || (value.buffer instanceof ArrayBuffer)) {
    if (typeof value.length !== 'number') return new FastBuffer(0);
    const bytes = new FastBuffer(value.length);
    for (let i = 0; i < value.length; i += 1) bytes[i] = value[i];
    return bytes;
  }
  if (value.type === 'Buffer' && Array.isArray(value.data)) return fromObject(value.data);
  return undefined;
}

function from(value, encodingOrOffset, length) {
  if (typeof value === 'string') return fromText(value, encodingOrOffset);
  if (typeof value === 'object' && value !== null) {
    if (value instanceof ArrayBuffer) {
      const offset = Number(encodingOrOffset) || 0;
      if (offset > value.byteLength) throw Object.assign(new RangeError('"offset" is outside of buffer bounds'), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' });
      return new FastBuffer(value, offset, length === undefined ? undefined : Math.max(Number(length) || 0, 0));
    }
    const inner = value.valueOf && value.valueOf();
    if (inner !== null && inner !== undefined && inner !== value && (typeof inner === 'string' || typeof inner === 'object')) return from(inner, encodingOrOffset, length);
    const made = fromObject(value);
    if (made) return made;
    if (typeof value[Symbol.toPrimitive] === 'function') {
      const text = value[Symbol.toPrimitive]('string');
      if (typeof text === 'string') return fromText(text, encodingOrOffset);
    }
  }
  throw Object.assign(new TypeError(`The first argument must be of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object. Received ${received(value)}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

function checkSize(size) {
  if (typeof size !== 'number') throw invalidArgument('size', 'of type number', size);
  if (!(size >= 0 && size <= maxLength)) throw outOfRange('size', `>= 0 && <= ${maxLength}`, size);
}
const empty = (size) => {
  checkSize(size);
  return new FastBuffer(size);
};

function compare(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return Math.sign(a.length - b.length);
}
function checkBytes(value, name) {
  if (!(value instanceof Uint8Array)) throw invalidArgument(name, 'an instance of Buffer or Uint8Array', value);
}

function define(target, members) {
  for (const name of Object.keys(members)) Object.defineProperty(target, name, { value: members[name], writable: true, configurable: true, enumerable: true });
}

define(Buffer, {
  poolSize: 8192,
  from,
  copyBytesFrom(view, offset = 0, length = undefined) {
    if (!ArrayBuffer.isView(view)) throw invalidArgument('view', 'an instance of TypedArray', view);
    const part = view.subarray(offset, length === undefined ? undefined : offset + length);
    return copyOf(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  },
  of: (...items) => fromObject(items),
  alloc(size, fill, encoding) {
    const bytes = empty(size);
    return fill === undefined || fill === 0 ? bytes : bytes.fill(fill, 0, size, encoding);
  },
  allocUnsafe: (size) => empty(size),
  allocUnsafeSlow: (size) => empty(size),
  isBuffer,
  compare(a, b) {
    checkBytes(a, 'buf1');
    checkBytes(b, 'buf2');
    return compare(a, b);
  },
  isEncoding: (name) => typeof name === 'string' && name !== '' && names[name.toLowerCase()] !== undefined,
  concat(list, length) {
    if (!Array.isArray(list)) throw invalidArgument('list', 'an instance of Array', list);
    list.forEach((one, i) => {
      if (!(one instanceof Uint8Array)) throw invalidArgument(`list[${i}]`, 'an instance of Buffer or Uint8Array', one);
    });
    const total = length === undefined ? list.reduce((sum, one) => sum + one.length, 0) : length;
    const bytes = empty(total);
    let at = 0;
    for (const one of list) {
      if (at >= total) break;
      bytes.set(one.length > total - at ? one.subarray(0, total - at) : one, at);
      at += one.length;
    }
    return bytes;
  },
  byteLength(value, encoding) {
    if (typeof value === 'string') {
      const name = names[String(encoding ?? 'utf8').toLowerCase()] ?? 'utf8';
      if (name === 'utf16le') return value.length * 2;
      if (name === 'hex') return value.length >>> 1;
      if (name === 'latin1' || name === 'ascii') return value.length;
      if (name === 'utf8') return fromText(value).length;
      return Math.floor((value.replace(/={1,2}$/, '').length * 3) / 4);
    }
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength;
    throw invalidArgument('string', 'of type string or an instance of Buffer or ArrayBuffer', value);
  },
});

/** A position in length bytes; negative ones count from the end. */
function position(value, length, otherwise) {
  const n = value === undefined ? otherwise : Math.trunc(Number(value)) || 0;
  return n < 0 ? Math.max(length + n, 0) : Math.min(n, length);
}

function find(bytes, value, fromOrEncoding, encodingOr, backwards) {
  const encoding = typeof fromOrEncoding === 'string' ? fromOrEncoding : encodingOr;
  const given = typeof fromOrEncoding === 'string' || fromOrEncoding === undefined || Number.isNaN(Number(fromOrEncoding)) ? undefined : Math.trunc(Number(fromOrEncoding));
  if (typeof value !== 'string' && typeof value !== 'number' && !(value instanceof Uint8Array)) throw invalidArgument('value', 'one of type number or string or an instance of Buffer or Uint8Array', value);
  const wanted = typeof value === 'number' ? [value & 255] : typeof value === 'string' ? fromText(value, encoding) : value;
  const last = bytes.length - wanted.length;
  let at = given ?? (backwards ? bytes.length : 0);
  if (at < 0) at += bytes.length;
  if (backwards ? at < 0 : at > bytes.length) return backwards ? -1 : wanted.length === 0 ? bytes.length : -1;
  at = Math.max(at, 0);
  if (wanted.length === 0) return Math.min(at, bytes.length);
  for (let i = backwards ? Math.min(at, last) : at; backwards ? i >= 0 : i <= last; i += backwards ? -1 : 1) {
    let same = 0;
    while (same < wanted.length && bytes[i + same] === wanted[same]) same += 1;
    if (same === wanted.length) return i;
  }
  return -1;
}

function swap(bytes, width) {
  if (bytes.length % width !== 0) throw Object.assign(new RangeError(`Buffer size must be a multiple of ${width * 8}-bits`), { code: 'ERR_INVALID_BUFFER_SIZE' });
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
  return bytes;
}

define(Buffer.prototype, {
  toString(encoding, start, end) {
    if (arguments.length === 0) return native.decodeText(this, 'utf8', 0, this.length);
    const first = start === undefined || start <= 0 ? 0 : Math.trunc(start) || 0;
    const last = end === undefined || end > this.length ? this.length : Math.trunc(end) || 0;
    return last <= first ? '' : native.decodeText(this, known(encoding), first, last);
  },
  equals(other) {
    checkBytes(other, 'otherBuffer');
    return compare(this, other) === 0;
  },
  compare(target, targetStart = 0, targetEnd = target.length, start = 0, end = this.length) {
    checkBytes(target, 'target');
    return compare(this.subarray(start, end), target.subarray(targetStart, targetEnd));
  },
  indexOf(value, at, encoding) { return find(this, value, at, encoding, false); },
  lastIndexOf(value, at, encoding) { return find(this, value, at, encoding, true); },
  includes(value, at, encoding) { return find(this, value, at, encoding, false) >= 0; },
  fill(value, offset, end, encoding) {
    const [start, stop, as] = typeof offset === 'string' ? [0, this.length, offset] : typeof end === 'string' ? [offset ?? 0, this.length, end] : [offset ?? 0, end ?? this.length, encoding];
    if (start < 0 || start > this.length) throw outOfRange('offset', `>= 0 && <= ${this.length}`, start);
    if (stop < 0 || stop > this.length) throw outOfRange('end', `>= 0 && <= ${this.length}`, stop);
    const pattern = typeof value === 'string' ? fromText(value, as) : value instanceof Uint8Array ? value : [Number(value) & 255];
    if (typeof value === 'string' && value !== '' && pattern.length === 0) throw require('./errors').invalidValue('value', value);
    for (let i = start; i < stop; i += 1) this[i] = pattern.length === 0 ? 0 : pattern[(i - start) % pattern.length];
    return this;
  },
  write(text, offset, length, encoding) {
    if (typeof text !== 'string') throw invalidArgument('argument', 'of type string', text);
    const [at, room, as] = typeof offset === 'string' ? [0, undefined, offset] : typeof length === 'string' ? [offset ?? 0, undefined, length] : [offset ?? 0, length, encoding];
    if (at < 0 || at > this.length) throw outOfRange('offset', `>= 0 && <= ${this.length}`, at);
    const name = known(as);
    let bytes = fromText(text, name).subarray(0, Math.min(room ?? Infinity, this.length - at));
    // No half characters.
    if (name === 'utf8') while (bytes.length > 0 && bytes.length < fromText(text).length && !isBoundary(fromText(text), bytes.length)) bytes = bytes.subarray(0, -1);
    if (name === 'utf16le' && bytes.length % 2 === 1) bytes = bytes.subarray(0, -1);
    this.set(bytes, at);
    return bytes.length;
  },
  copy(target, at = 0, start = 0, end = this.length) {
    checkBytes(target, 'target');
    const part = new Uint8Array(this.buffer, this.byteOffset, this.length).slice(start, Math.min(end, start + Math.max(target.length - at, 0)));
    target.set(part, Math.min(at, target.length));
    return part.length;
  },
  toJSON() { return { type: 'Buffer', data: Array.from(this) }; },
  subarray(start, end) {
    const first = position(start, this.length, 0);
    return new FastBuffer(this.buffer, this.byteOffset + first, Math.max(position(end, this.length, this.length) - first, 0));
  },
  slice(start, end) { return this.subarray(start, end); },
  swap16() { return swap(this, 2); },
  swap32() { return swap(this, 4); },
  swap64() { return swap(this, 8); },
});
Buffer.prototype.toLocaleString = Buffer.prototype.toString;
const isBoundary = (bytes, at) => (bytes[at] & 0xc0) !== 0x80;

for (const [name, encoding] of Object.entries({ ascii: 'ascii', base64: 'base64', base64url: 'base64url', latin1: 'latin1', hex: 'hex', ucs2: 'utf16le', utf8: 'utf8' })) {
  Buffer.prototype[`${name}Slice`] = function (start, end) { return this.toString(encoding, start, end); };
  Buffer.prototype[`${name}Write`] = function (text, offset, length) { return this.write(text, offset, length, encoding); };
}
Object.defineProperty(Buffer.prototype, 'parent', { enumerable: true, get() { return isBuffer(this) ? this.buffer : undefined; } });
Object.defineProperty(Buffer.prototype, 'offset', { enumerable: true, get() { return isBuffer(this) ? this.byteOffset : undefined; } });

// Numbers -------------------------------------------------------------------------------------------------------------

function checkPlace(bytes, at, width) {
  if (typeof at !== 'number') throw invalidArgument('offset', 'of type number', at);
  if (!Number.isInteger(at)) throw outOfRange('offset', 'an integer', at);
  if (bytes.length < width) throw Object.assign(new RangeError('Attempt to access memory outside buffer bounds'), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' });
  if (at < 0 || at + width > bytes.length) throw outOfRange('offset', `>= 0 and <= ${bytes.length - width}`, at);
}
const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function limits(name, bits) {
  const big = name.startsWith('Big');
  const signed = !/U/.test(name);
  if (big) return signed ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  return signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
}
function checkNumber(value, [low, high], bits) {
  if (typeof low === 'bigint' && typeof value !== 'bigint') throw invalidArgument('value', 'of type bigint', value);
  if (value > high || value < low) {
    const shown = bits > 32 ? (low < 0 ? `>= -(2${typeof low === 'bigint' ? 'n' : ''} ** ${bits - 1}${typeof low === 'bigint' ? 'n' : ''}) and < 2${typeof low === 'bigint' ? 'n' : ''} ** ${bits - 1}${typeof low === 'bigint' ? 'n' : ''}` : `>= 0${typeof low === 'bigint' ? 'n' : ''} and < 2${typeof low === 'bigint' ? 'n' : ''} ** ${bits}${typeof low === 'bigint' ? 'n' : ''}`) : `>= ${low} and <= ${high}`;
    throw outOfRange('value', shown, value);
  }
}

function number(name, width, method, littleEndian) {
  const integer = !/Float|Double/.test(name);
  const bounds = integer ? limits(name, width * 8) : undefined;
  Buffer.prototype[`read${name}`] = function (offset = 0) {
    checkPlace(this, offset, width);
    return view(this)[`get${method}`](offset, littleEndian);
  };
  Buffer.prototype[`write${name}`] = function (given, offset = 0) {
    const value = typeof given === 'bigint' ? given : Number(given);
    if (integer) checkNumber(typeof bounds[0] === 'bigint' ? given : value, bounds, width * 8);
    checkPlace(this, offset, width);
    view(this)[`set${method}`](offset, value, littleEndian);
    return offset + width;
  };
}
for (const [suffix, little] of [['LE', true], ['BE', false]]) {
  for (const [names_, width, method] of [
    [['UInt16', 'Uint16'], 2, 'Uint16'], [['Int16'], 2, 'Int16'], [['UInt32', 'Uint32'], 4, 'Uint32'], [['Int32'], 4, 'Int32'], [['Float'], 4, 'Float32'], [['Double'], 8, 'Float64'],
    [['BigUInt64', 'BigUint64'], 8, 'BigUint64'], [['BigInt64'], 8, 'BigInt64'],
  ]) for (const name of names_) number(`${name}${suffix}`, width, method, little);
  const order = (length) => Array.from({ length }, (_, i) => (little ? length - 1 - i : i));
  for (const [name, signed] of [['UInt', false], ['Uint', false], ['Int', true]]) {
    Buffer.prototype[`read${name}${suffix}`] = function (offset, length) {
      if (offset === undefined) throw invalidArgument('offset', 'of type number', offset);
      if (!(length >= 1 && length <= 6)) throw typeof length === 'number' ? outOfRange('byteLength', '>= 1 and <= 6', length) : invalidArgument('byteLength', 'of type number', length);
      checkPlace(this, offset, length);
      const value = order(length).reduce((sum, i) => sum * 256 + this[offset + i], 0);
      return signed && value >= 2 ** (length * 8 - 1) ? value - 2 ** (length * 8) : value;
    };
    Buffer.prototype[`write${name}${suffix}`] = function (given, offset, length) {
      const value = Number(given);
      if (!(length >= 1 && length <= 6)) throw typeof length === 'number' ? outOfRange('byteLength', '>= 1 and <= 6', length) : invalidArgument('byteLength', 'of type number', length);
      checkNumber(value, limits(signed ? 'Int' : 'UInt', length * 8), length * 8);
      checkPlace(this, offset, length);
      let rest = value < 0 ? value + 2 ** (length * 8) : value;
      for (const i of order(length).reverse()) {
        this[offset + i] = rest % 256;
        rest = Math.floor(rest / 256);
      }
      return offset + length;
    };
  }
}
number('UInt8', 1, 'Uint8');
number('Uint8', 1, 'Uint8');
number('Int8', 1, 'Int8');

Buffer.prototype[Symbol.for('nodejs.util.inspect.custom')] = function inspect() {
  const more = this.length > 50 ? ` ... ${this.length - 50} more byte${this.length > 51 ? 's' : ''}` : '';
  return `<Buffer${Array.from(this.subarray(0, 50), (byte) => ` ${byte.toString(16).padStart(2, '0')}`).join('')}${more}>`;
};
Buffer.prototype.inspect = Buffer.prototype[Symbol.for('nodejs.util.inspect.custom')];

const invalidCharacter = () => new DOMException('The string to be decoded is not correctly encoded.', 'InvalidCharacterError');
function atob(input) {
  const text = String(input).replace(/[\t\n\f\r ]/g, '');
  const bare = text.length % 4 === 0 ? text.replace(/={1,2}$/, '') : text;
  if (bare.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(bare)) throw invalidCharacter();
  return fromText(bare, 'base64').toString('latin1');
}
function btoa(input) {
  const text = String(input);
  if (/[^\0-\xff]/.test(text)) throw new DOMException('Invalid character', 'InvalidCharacterError');
  return fromText(text, 'latin1').toString('base64');
}
const narrow = { latin1: 0xff, ascii: 0x7f };

const inertClass = (name) => ({ [name]: class { constructor() { refuse(`buffer.${name}`); } } })[name];

module.exports = {
  Buffer,
  SlowBuffer: function SlowBuffer(size) { return Buffer.allocUnsafeSlow(size); },
  transcode(source, fromEncoding, toEncoding) {
    const text = from(source).toString(fromEncoding);
    const to = known(toEncoding);
    return fromText(narrow[to] ? Array.from(text, (char) => (char.codePointAt(0) > narrow[to] ? '?' : char)).join('') : text, to);
  },
  isUtf8: (bytes) => from(bytes).equals(fromText(from(bytes).toString())),
  isAscii: (bytes) => from(bytes).every((byte) => byte < 128),
  kMaxLength: maxLength,
  kStringMaxLength: 2 ** 29 - 24,
  btoa,
  atob,
  constants: { MAX_LENGTH: maxLength, MAX_STRING_LENGTH: 2 ** 29 - 24 },
  INSPECT_MAX_BYTES: 50,
  Blob: inertClass('Blob'),
  resolveObjectURL: () => refuse('buffer.resolveObjectURL'),
  File: inertClass('File'),
};
