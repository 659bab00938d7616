'use strict';

function escape(text) {
  try {
    return encodeURIComponent(typeof text === 'object' ? String(text) : `${text}`);
  } catch {
    throw Object.assign(new URIError('URI malformed'), { code: 'ERR_INVALID_URI' });
  }
}

/** Decodes what it can, byte by byte. */
function unescapeBuffer(text, plus = false) {
  const { Buffer } = require('buffer');
  const bytes = Buffer.from(String(text), 'utf8').toString('latin1').replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plus ? bytes.replace(/\+/g, ' ') : bytes, 'latin1');
}

function unescape(text, plus) {
  try {
    return decodeURIComponent(text);
  } catch {
    return unescapeBuffer(text, plus).toString();
  }
}

const primitive = (value) => (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value)) ? String(value) : '');

function stringify(object, separator, equals, options) {
  const sep = separator || '&';
  const eq = equals || '=';
  if (typeof object !== 'object' || object === null) return '';
  const encode = (options && options.encodeURIComponent) || module.exports.escape;
  const pair = (key, value) => `${encode(key)}${eq}${encode(primitive(value))}`;
  return Object.keys(object)
    .flatMap((key) => (Array.isArray(object[key]) ? object[key].map((value) => pair(key, value)) : [pair(key, object[key])]))
    .join(sep);
}

function parse(text, separator, equals, options) {
  const sep = separator || '&';
  const eq = equals || '=';
  const result = Object.create(null);
  if (typeof text !== 'string' || text === '') return result;
  const decode = (options && options.decodeURIComponent) || module.exports.unescape;
  const max = options && typeof options.maxKeys === 'number' ? options.maxKeys : 1000;
  const pairs = text.split(sep);
  for (const pair of max > 0 ? pairs.slice(0, max) : pairs) {
    if (pair === '') continue;
    const cut = pair.indexOf(eq);
    const plain = (part) => decode(part.replace(/\+/g, ' '));
    const key = plain(cut < 0 ? pair : pair.slice(0, cut));
    const value = cut < 0 ? '' : plain(pair.slice(cut + eq.length));
    if (!(key in result)) result[key] = value;
    else if (Array.isArray(result[key])) result[key].push(value);
    else result[key] = [result[key], value];
  }
  return result;
}

module.exports = { unescapeBuffer, escape, unescape, stringify, parse, encode: stringify, decode: parse };
