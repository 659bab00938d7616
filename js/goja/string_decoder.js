'use strict';

const { Buffer } = require('buffer');

const names = { utf8: 'utf8', 'utf-8': 'utf8', utf16le: 'utf16le', 'utf-16le': 'utf16le', ucs2: 'utf16le', 'ucs-2': 'utf16le', latin1: 'latin1', binary: 'latin1', base64: 'base64', base64url: 'base64url', ascii: 'ascii', hex: 'hex' };

/** How many bytes at the end begin a character that is not complete. */
function unfinished(bytes, encoding) {
  if (encoding === 'base64' || encoding === 'base64url') return bytes.length % 3;
  if (encoding === 'utf16le') {
    const odd = bytes.length % 2;
    const high = bytes.length - odd >= 2 ? bytes[bytes.length - odd - 1] : 0;
    return odd + (high >= 0xd8 && high <= 0xdb ? 2 : 0);
  }
  if (encoding !== 'utf8') return 0;
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? back : 0;
  }
  return 0;
}

/** Decodes whole characters; the bytes of an unfinished one wait for the next write. */
function StringDecoder(encoding) {
  const name = encoding === undefined || encoding === null ? 'utf8' : String(encoding).toLowerCase();
  if (!names[name]) throw Object.assign(new TypeError(`Unknown encoding: ${encoding}`), { code: 'ERR_UNKNOWN_ENCODING' });
  this.encoding = names[name];
  Object.defineProperty(this, 'rest', { value: Buffer.alloc(0), writable: true, enumerable: false });
}

StringDecoder.prototype.write = function write(chunk) {
  if (typeof chunk === 'string') return chunk;
  if (!ArrayBuffer.isView(chunk)) throw require('./errors').invalidArgument('buf', 'an instance of Buffer, TypedArray, or DataView', chunk);
  const bytes = Buffer.concat([this.rest, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)]);
  const keep = unfinished(bytes, this.encoding);
  this.rest = Buffer.from(bytes.subarray(bytes.length - keep));
  return bytes.toString(this.encoding, 0, bytes.length - keep);
};
StringDecoder.prototype.end = function end(chunk) {
  const text = chunk === undefined ? '' : this.write(chunk);
  const { rest } = this;
  this.rest = Buffer.alloc(0);
  if (this.encoding === 'utf8') return text + (rest.length > 0 ? '\ufffd' : '');
  if (this.encoding === 'utf16le') return text + rest.toString('utf16le', 0, rest.length - (rest.length % 2));
  return text + rest.toString(this.encoding);
};
StringDecoder.prototype.text = function text(chunk, offset) {
  this.rest = Buffer.alloc(0);
  return this.write(chunk.slice(offset));
};

module.exports = { StringDecoder };
