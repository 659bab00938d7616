'use strict';

// Punycode as RFC 3492 defines it, with the names of Node's module.

const base = 36;
const tMin = 1;
const tMax = 26;
const skew = 38;
const damp = 700;
const firstBias = 72;
const firstCode = 128;
const maxInt = 0x7fffffff;

const fail = (what) => { throw new RangeError(what); };

function adapt(given, points, first) {
  let delta = first ? Math.floor(given / damp) : given >> 1;
  delta += Math.floor(delta / points);
  let k = 0;
  for (; delta > ((base - tMin) * tMax) >> 1; k += base) delta = Math.floor(delta / (base - tMin));
  return k + Math.floor(((base - tMin + 1) * delta) / (delta + skew));
}

const threshold = (k, bias) => Math.min(Math.max(k - bias, tMin), tMax);
const digitOf = (code) => (code >= 48 && code < 58 ? code - 22 : code >= 65 && code < 91 ? code - 65 : code >= 97 && code < 123 ? code - 97 : base);
const charOf = (digit) => String.fromCharCode(digit < 26 ? digit + 97 : digit + 22);

const ucs2 = {
  decode: (text) => Array.from(text, (char) => char.codePointAt(0)),
  encode: (points) => String.fromCodePoint(...points),
};

function decode(text) {
  const cut = Math.max(text.lastIndexOf('-'), 0);
  const output = Array.from(text.slice(0, cut), (char) => (char.charCodeAt(0) < 128 ? char.charCodeAt(0) : fail('Illegal input >= 0x80 (not a basic code point)')));
  let code = firstCode;
  let bias = firstBias;
  let i = 0;
  for (let at = cut > 0 ? cut + 1 : 0; at < text.length;) {
    const before = i;
    for (let weight = 1, k = base; ; k += base) {
      if (at >= text.length) fail('Invalid input');
      const digit = digitOf(text.charCodeAt(at));
      at += 1;
      if (digit >= base) fail('Invalid input');
      if (digit > Math.floor((maxInt - i) / weight)) fail('Overflow: input needs wider integers to process');
      i += digit * weight;
      if (digit < threshold(k, bias)) break;
      weight *= base - threshold(k, bias);
    }
    const length = output.length + 1;
    bias = adapt(i - before, length, before === 0);
    code += Math.floor(i / length);
    i %= length;
    output.splice(i, 0, code);
    i += 1;
  }
  return ucs2.encode(output);
}

function encode(text) {
  const points = ucs2.decode(text);
  const basic = points.filter((point) => point < firstCode);
  let output = String.fromCharCode(...basic) + (basic.length > 0 ? '-' : '');
  let code = firstCode;
  let bias = firstBias;
  let delta = 0;
  for (let done = basic.length; done < points.length;) {
    const next = Math.min(...points.filter((point) => point >= code));
    if (next - code > Math.floor((maxInt - delta) / (done + 1))) fail('Overflow: input needs wider integers to process');
    delta += (next - code) * (done + 1);
    code = next;
    for (const point of points) {
      if (point < code) delta += 1;
      if (point !== code) continue;
      let q = delta;
      for (let k = base; q >= threshold(k, bias); k += base) {
        const t = threshold(k, bias);
        output += charOf(t + ((q - t) % (base - t)));
        q = Math.floor((q - t) / (base - t));
      }
      output += charOf(q);
      bias = adapt(delta, done + 1, done === basic.length);
      delta = 0;
      done += 1;
    }
    delta += 1;
    code += 1;
  }
  return output;
}

/** Applies change to each label of a domain, or of the domain in an address. */
function labels(input, change) {
  const at = input.indexOf('@');
  const head = at >= 0 ? input.slice(0, at + 1) : '';
  const domain = at >= 0 ? input.slice(at + 1) : input;
  return head + domain.replace(/[\u3002\uff0e\uff61]/g, '.').split('.').map(change).join('.');
}

module.exports = {
  version: '2.1.0',
  ucs2,
  decode,
  encode,
  toASCII: (input) => labels(input, (label) => (/[^\0-\x7f]/.test(label) ? `xn--${encode(label)}` : label)),
  toUnicode: (input) => labels(input, (label) => (label.startsWith('xn--') ? decode(label.slice(4).toLowerCase()) : label)),
};
