'use strict';

// What newer engines have built in and goja has not; each is put in place when it is first read.

const define = (target, name, value) => Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });

function groups(items, keyOf, add) {
  if (items === null || items === undefined) throw new TypeError(`${items} is not iterable`);
  if (typeof keyOf !== 'function') throw new TypeError(`${String(keyOf)} is not a function`);
  let i = 0;
  for (const item of items) {
    add(keyOf(item, i), item);
    i += 1;
  }
}

const promise = {
  withResolvers() {
    const parts = {};
    parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
    return { promise: parts.promise, resolve: parts.resolve, reject: parts.reject };
  },
  try(callback, ...args) { return new this((resolve) => resolve(callback(...args))); },
};

const object = {
  groupBy(items, callback) {
    const result = Object.create(null);
    groups(items, callback, (key, item) => (result[key] ??= []).push(item));
    return result;
  },
};

const map = {
  groupBy(items, callback) {
    const result = new Map();
    groups(items, callback, (key, item) => (result.has(key) ? result.get(key).push(item) : result.set(key, [item])));
    return result;
  },
};

const array = {
  async fromAsync(items, change, self) {
    const Type = typeof this === 'function' ? this : Array;
    const result = new Type();
    const put = async (value) => { result[result.length] = await (change ? change.call(self, await value, result.length) : value); };
    const asynchronous = items[Symbol.asyncIterator];
    if (asynchronous) {
      const iterator = asynchronous.call(items);
      for (let step = await iterator.next(); !step.done; step = await iterator.next()) await put(step.value);
    } else for (const item of items[Symbol.iterator] ? items : Array.from(items)) await put(await item);
    return result;
  },
};

const lone = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const string = {
  isWellFormed() { return String(this).search(lone) < 0; },
  toWellFormed() { return String(this).replace(lone, '\ufffd'); },
};

const arrayBuffer = {
  transfer(length = this.byteLength) {
    const copy = new ArrayBuffer(length);
    new Uint8Array(copy).set(new Uint8Array(this, 0, Math.min(length, this.byteLength)));
    return copy;
  },
};

const regExp = {
  escape(text) {
    if (typeof text !== 'string') throw new TypeError('RegExp.escape needs a string');
    return text.replace(/[\^$\\.*+?()[\]{}|/]/g, '\\$&').replace(/[,\-=<>#&!%:;@~'`"\s]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`).replace(/^[0-9a-zA-Z]/, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  },
};

function* mapped(iterator, change) {
  let i = 0;
  for (const value of iterator) yield change(value, i++);
}
function* filtered(iterator, keep) {
  let i = 0;
  for (const value of iterator) if (keep(value, i++)) yield value;
}
function* taken(iterator, limit) {
  let left = limit;
  if (left > 0) {
    for (const value of iterator) {
      yield value;
      left -= 1;
      if (left <= 0) return;
    }
  }
}
function* dropped(iterator, limit) {
  let left = limit;
  for (const value of iterator) {
    if (left > 0) left -= 1;
    else yield value;
  }
}
function* flat(iterator, change) {
  let i = 0;
  for (const value of iterator) yield* change(value, i++);
}
/** The rest of an iterator that may have no Symbol.iterator of its own. */
const rest = (iterator) => ({ [Symbol.iterator]: () => iterator });

const iterator = {
  map(change) { return mapped(rest(this), change); },
  filter(keep) { return filtered(rest(this), keep); },
  take(limit) { return taken(rest(this), limit); },
  drop(limit) { return dropped(rest(this), limit); },
  flatMap(change) { return flat(rest(this), change); },
  reduce(join, ...first) { return [...rest(this)].reduce(join, ...first); },
  toArray() { return [...rest(this)]; },
  forEach(callback) {
    let i = 0;
    for (const value of rest(this)) callback(value, i++);
  },
  some(test) {
    let i = 0;
    for (const value of rest(this)) if (test(value, i++)) return true;
    return false;
  },
  every(test) { return !iterator.some.call(this, (value, i) => !test(value, i)); },
  find(test) {
    let i = 0;
    for (const value of rest(this)) if (test(value, i++)) return value;
    return undefined;
  },
};

module.exports = { define, promise, object, map, array, string, arrayBuffer, regExp, iterator };
