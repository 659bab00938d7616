'use strict';

// Timers of a session: they fire. The interface is that of timers.js.

const { start, stop } = require('pandora:binding').live;

function checkCallback(callback) {
  if (typeof callback === 'function') return;
  throw require('./errors').invalidArgument('callback', 'of type function', callback);
}

const all = new Map();
let last = 0;

class Timeout {
  #id = (last += 1);
  #timer;
  #after;
  #fire;
  #repeat;
  #ref = true;
  constructor(fire, after, repeat) {
    this.#fire = fire;
    this.#after = after;
    this.#repeat = repeat;
    this.#arm();
  }
  #arm() {
    all.set(this.#id, this);
    this.#timer = start(this.#after, () => {
      if (this.#repeat) this.#arm();
      else all.delete(this.#id);
      this.#fire();
    });
  }
  ref() { this.#ref = true; return this; }
  unref() { this.#ref = false; return this; }
  hasRef() { return this.#ref; }
  refresh() { stop(this.#timer); this.#arm(); return this; }
  close() { stop(this.#timer); all.delete(this.#id); return this; }
  [Symbol.toPrimitive]() { return this.#id; }
}

class Immediate extends Timeout {}

/** At least a millisecond, as in Node. */
const delay = (after) => (after >= 1 && after <= 2147483647 ? Math.trunc(after) : 1);

const clear = (timer) => {
  const found = timer instanceof Timeout ? timer : all.get(Number(timer));
  if (found) found.close();
};

const later = (after, value) => new Promise((resolve) => { new Timeout(() => resolve(value), delay(after)); });
const promises = {
  setTimeout: later,
  setImmediate: (value) => later(0, value),
  setInterval: (after, value) => ({
    [Symbol.asyncIterator]: () => ({
      next: () => later(after).then(() => ({ value, done: false })),
      return: () => Promise.resolve({ value: undefined, done: true }),
    }),
  }),
  scheduler: { wait: (after) => later(after), yield: () => later(0) },
};

function setTimeout(callback, after, ...args) {
  checkCallback(callback);
  return new Timeout(() => callback(...args), delay(after));
}
function setInterval(callback, after, ...args) {
  checkCallback(callback);
  return new Timeout(() => callback(...args), delay(after), true);
}
function setImmediate(callback, ...args) {
  checkCallback(callback);
  return new Immediate(() => callback(...args), 1);
}
const custom = Symbol.for('nodejs.util.promisify.custom');
Object.defineProperty(setTimeout, custom, { value: promises.setTimeout });
Object.defineProperty(setImmediate, custom, { value: promises.setImmediate });

const queueMicrotask = (callback) => {
  checkCallback(callback);
  Promise.resolve().then(() => callback());
};

module.exports = {
  setTimeout, setInterval, setImmediate,
  clearTimeout: clear, clearInterval: clear, clearImmediate: clear,
  _unrefActive() {}, active() {}, unenroll() {}, enroll() {},
  promises,
};
Object.defineProperty(module.exports, 'queueMicrotask', { value: queueMicrotask, enumerable: false });
