'use strict';

const { inert } = require('pandora:loader');
const { Buffer } = require('pandora:binding').nodeBuffer();

// The parts of Buffer that the library leaves out.
const encodings = ['utf8', 'utf-8', 'hex', 'base64', 'base64url', 'latin1', 'binary', 'ascii', 'ucs2', 'ucs-2', 'utf16le', 'utf-16le'];
const bytesOf = (value, encoding) => (typeof value === 'string' ? Buffer.from(value, encoding) : value);
const view = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function compare(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  return Math.sign(a.length - b.length);
}

function indexOf(bytes, value, from = 0, encoding = undefined) {
  if (typeof value === 'number') return Uint8Array.prototype.indexOf.call(bytes, value & 255, from);
  const wanted = bytesOf(value, encoding);
  for (let i = from < 0 ? Math.max(bytes.length + from, 0) : from; i + wanted.length <= bytes.length; i += 1) {
    let same = 0;
    while (same < wanted.length && bytes[i + same] === wanted[same]) same += 1;
    if (same === wanted.length) return i;
  }
  return -1;
}

function define(target, members) {
  for (const [name, value] of Object.entries(members)) {
    if (!Object.prototype.hasOwnProperty.call(target, name)) Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

// Encodings that the library takes for UTF-8.
const narrow = { latin1: 0xff, binary: 0xff, ascii: 0x7f };
const wide = new Set(['ucs2', 'ucs-2', 'utf16le', 'utf-16le']);
const { from } = Buffer;
const { toString } = Buffer.prototype;

function known(encoding) {
  const name = encoding === undefined || encoding === null ? 'utf8' : String(encoding).toLowerCase();
  if (encodings.includes(name)) return name;
  throw Object.assign(new TypeError(`Unknown encoding: ${encoding}`), { code: 'ERR_UNKNOWN_ENCODING' });
}

function fromText(text, encoding) {
  const name = known(encoding);
  if (narrow[name]) return from(Array.from({ length: text.length }, (_, i) => text.charCodeAt(i) & 0xff));
  if (wide.has(name)) return from(Array.from({ length: text.length * 2 }, (_, i) => (text.charCodeAt(i >> 1) >> ((i & 1) * 8)) & 0xff));
  return from(text, name === 'base64url' ? 'base64' : name);
}

Object.defineProperty(Buffer, 'from', {
  value: (value, ...rest) => (typeof value === 'string' ? fromText(value, rest[0]) : from(value, ...rest)),
  writable: true,
  configurable: true,
});
Object.defineProperty(Buffer.prototype, 'toString', {
  value(encoding, start = 0, end = this.length) {
    const name = known(encoding);
    if (name === 'base64url') return toString.call(this, 'base64', start, end).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
    if (!narrow[name] && !wide.has(name)) return toString.call(this, name, start, end);
    let text = '';
    if (narrow[name]) for (let i = start; i < Math.min(end, this.length); i += 1) text += String.fromCharCode(this[i] & narrow[name]);
    else for (let i = start; i + 1 < Math.min(end, this.length); i += 2) text += String.fromCharCode(this[i] | (this[i + 1] << 8));
    return text;
  },
  writable: true,
  configurable: true,
});

define(Buffer, {
  isBuffer: (value) => value instanceof Buffer,
  isEncoding: (name) => typeof name === 'string' && encodings.includes(name.toLowerCase()),
  byteLength: (value, encoding) => (typeof value === 'string' ? Buffer.from(value, encoding).length : value.byteLength),
  allocUnsafe: (size) => Buffer.alloc(size),
  allocUnsafeSlow: (size) => Buffer.alloc(size),
  compare,
});
define(Buffer.prototype, {
  slice(start, end) { return view(new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(start, end)); },
  subarray(start, end) { return view(new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(start, end)); },
  compare(other) { return compare(this, other); },
  indexOf(value, from, encoding) { return indexOf(this, value, from, encoding); },
  includes(value, from, encoding) { return indexOf(this, value, from, encoding) >= 0; },
  copy(target, at = 0, start = 0, end = this.length) {
    const part = Uint8Array.prototype.slice.call(new Uint8Array(this.buffer, this.byteOffset, this.length), start, Math.min(end, start + target.length - at));
    target.set(part, at);
    return part.length;
  },
  toJSON() { return { type: 'Buffer', data: [...this] }; },
});
Object.defineProperty(Buffer.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value() {
    const more = this.length > 50 ? ` ... ${this.length - 50} more byte${this.length > 51 ? 's' : ''}` : '';
    return `<Buffer${[...this].slice(0, 50).map((byte) => ` ${byte.toString(16).padStart(2, '0')}`).join('')}${more}>`;
  },
  configurable: true,
});

const max = 2 ** 33;

module.exports = {
  Buffer,
  SlowBuffer: Buffer,
  INSPECT_MAX_BYTES: 50,
  kMaxLength: max,
  kStringMaxLength: 2 ** 29 - 24,
  constants: { MAX_LENGTH: max, MAX_STRING_LENGTH: 2 ** 29 - 24 },
  Blob: inert('buffer.Blob'),
  File: inert('buffer.File'),
  atob: (text) => Buffer.from(String(text), 'base64').toString('latin1'),
  btoa: (text) => Buffer.from(String(text), 'latin1').toString('base64'),
  transcode: inert('buffer.transcode'),
};
