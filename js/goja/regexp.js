'use strict';

// A RegExp that knows Unicode properties and the flags d and v. It takes the global's place when the first file is loaded
// in whose text such an expression may stand.

const native = require('pandora:binding');
const { refuse } = require('pandora:loader');

const Native = RegExp;
const { prototype } = Native;
const isRegExp = (value) => value instanceof Native;

function hide(object, name, value) {
  Object.defineProperty(object, name, { value, configurable: true, enumerable: false, writable: true });
}

function make(pattern, flags, target) {
  const source = isRegExp(pattern) ? pattern.source : pattern === undefined ? '(?:)' : String(pattern);
  const given = flags === undefined ? (isRegExp(pattern) ? pattern.flags : '') : String(flags);
  const wanted = /[uv]/.test(given) && /\\[pP]\{/.test(source);
  if (!wanted && !/[dv]/.test(given)) return Reflect.construct(Native, flags === undefined ? [pattern] : [pattern, flags], target);
  if (/(.).*\1/.test(given) || /u.*v|v.*u/.test(given)) throw new SyntaxError(`Invalid flags supplied to RegExp constructor '${given}'`);
  const text = /[uv]/.test(given) ? native.expandRegExp(source, given.includes('v')) : source;
  const known = typeof text === 'string';
  // With the flag u, goja's faster engine loses the names of groups in text beyond ASCII; a lookahead picks the other one.
  const accepted = !known ? '(?!)' : /\(\?<[^=!]/.test(text) ? `(?=)${text}` : text;
  const made = Reflect.construct(Native, [accepted, given.replace('d', '').replace('v', 'u')], target);
  hide(made, 'source', source === '' ? '(?:)' : source);
  hide(made, 'flags', [...given].sort().join(''));
  if (!known) for (const name of ['exec', 'test']) hide(made, name, () => refuse(text.refused));
  return made;
}

function Extended(pattern, flags) {
  if (new.target === undefined) {
    if (isRegExp(pattern) && flags === undefined && pattern.constructor === Extended) return pattern;
    return make(pattern, flags, Extended);
  }
  return make(pattern, flags, new.target);
}
Object.defineProperty(Extended, 'prototype', { value: prototype, writable: false });
hide(prototype, 'constructor', Extended);
Object.defineProperty(Extended, 'name', { value: 'RegExp', configurable: true });
Object.defineProperty(Extended, Symbol.species, { get() { return this; }, configurable: true });
for (const name of Object.getOwnPropertyNames(Native)) {
  if (!Object.prototype.hasOwnProperty.call(Extended, name)) Object.defineProperty(Extended, name, Object.getOwnPropertyDescriptor(Native, name));
}
hide(globalThis, 'RegExp', Extended);
