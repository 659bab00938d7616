'use strict';

const tag = (value) => Object.prototype.toString.call(value);
const enumerable = (object, key) => Object.prototype.propertyIsEnumerable.call(object, key);

/** The primitive in an object such as new Number(1), or undefined. */
function boxed(value) {
  if (!/^\[object (Number|String|Boolean|Symbol|BigInt)\]$/.test(tag(value))) return undefined;
  const inner = value.valueOf();
  return typeof inner === 'object' ? undefined : { inner };
}

function keysOf(object, strict) {
  const symbols = strict ? Object.getOwnPropertySymbols(object).filter((key) => enumerable(object, key)) : [];
  return [...Object.keys(object), ...symbols];
}

/** Whether every member of a has its like among those of b that no other member has taken. */
function paired(a, b, same) {
  const left = [...b];
  for (const one of a) {
    const at = left.findIndex((other) => same(one, other));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return true;
}

function sameContent(a, b, strict, within) {
  if (a instanceof Date && a.getTime() !== b.getTime() && !(Number.isNaN(a.getTime()) && Number.isNaN(b.getTime()))) return false;
  if (a instanceof RegExp && (String(a) !== String(b) || a.lastIndex !== b.lastIndex)) return false;
  if (a instanceof Error && (a.message !== b.message || a.name !== b.name || !equal(a.cause, b.cause, strict, within))) return false;
  if (a instanceof WeakMap || a instanceof WeakSet || a instanceof Promise) return false;
  const left = boxed(a);
  const right = boxed(b);
  if (left && (!right || !Object.is(left.inner, right.inner))) return false;
  if (a instanceof ArrayBuffer) return equal([...new Uint8Array(a)], [...new Uint8Array(b)], strict, within);
  if (ArrayBuffer.isView(a)) {
    if (a.byteLength !== b.byteLength) return false;
    const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const other = bytes(b);
    return bytes(a).every((byte, i) => byte === other[i]);
  }
  if (a instanceof Set) return a.size === b.size && paired(a, b, (x, y) => equal(x, y, strict, within));
  if (a instanceof Map) return a.size === b.size && paired(a, b, ([k, v], [otherKey, otherValue]) => equal(k, otherKey, strict, within) && equal(v, otherValue, strict, within));
  return true;
}

/** Deep equality as assert.deepEqual (strict false) and assert.deepStrictEqual (strict true) mean it. */
function equal(a, b, strict, seen = []) {
  if (strict ? Object.is(a, b) : a == b || (a !== a && b !== b)) return true; // eslint-disable-line eqeqeq
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (tag(a) !== tag(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  for (const Type of [Date, RegExp, Error, Map, Set, ArrayBuffer]) if (a instanceof Type !== b instanceof Type) return false;
  if (Array.isArray(a) && a.length !== b.length) return false;
  if (seen.some(([x, y]) => x === a && y === b)) return true;
  const within = [...seen, [a, b]];
  if (!sameContent(a, b, strict, within)) return false;
  const keys = ArrayBuffer.isView(a) ? [] : keysOf(a, strict);
  if (keys.length !== (ArrayBuffer.isView(b) ? [] : keysOf(b, strict)).length) return false;
  return keys.every((key) => enumerable(b, key) && equal(a[key], b[key], strict, within));
}

module.exports = equal;
