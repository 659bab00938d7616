'use strict';

const { Buffer } = require('buffer');

/** Decodes whole UTF-8 characters; the bytes of an unfinished one wait for the next write. */
class StringDecoder {
  #rest = [];
  constructor(encoding = 'utf8') {
    this.encoding = String(encoding).toLowerCase().replace(/^utf-8$/, 'utf8');
  }
  write(chunk) {
    if (typeof chunk === 'string') return chunk;
    const bytes = [...this.#rest, ...chunk];
    let keep = 0;
    if (this.encoding === 'utf8') {
      for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
        const byte = bytes[bytes.length - back];
        if ((byte & 0xc0) === 0x80) continue;
        const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        if (size > back) keep = back;
        break;
      }
    }
    this.#rest = bytes.slice(bytes.length - keep);
    return Buffer.from(bytes.slice(0, bytes.length - keep)).toString(this.encoding);
  }
  end(chunk) {
    const text = (chunk === undefined ? '' : this.write(chunk)) + (this.#rest.length > 0 ? '\ufffd' : '');
    this.#rest = [];
    return text;
  }
}

module.exports = { StringDecoder };
