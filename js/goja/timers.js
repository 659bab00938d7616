'use strict';

// A result is taken when the evaluated function returns, so nothing scheduled here ever runs.

function checkCallback(callback) {
  if (typeof callback === 'function') return;
  throw Object.assign(new TypeError(`The "callback" argument must be of type function. Received ${callback}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

let last = 0;

class Timeout {
  #id = (last += 1);
  #ref = true;
  ref() { this.#ref = true; return this; }
  unref() { this.#ref = false; return this; }
  hasRef() { return this.#ref; }
  refresh() { return this; }
  close() { return this; }
  [Symbol.toPrimitive]() { return this.#id; }
}

class Immediate extends Timeout {}

const schedule = (Type) => (callback) => {
  checkCallback(callback);
  return new Type();
};
const never = () => new Promise(() => {});
const promises = { setTimeout: never, setImmediate: never, setInterval: never, scheduler: { wait: never, yield: never } };

module.exports = {
  setTimeout: schedule(Timeout),
  setInterval: schedule(Timeout),
  setImmediate: schedule(Immediate),
  clearTimeout() {},
  clearInterval() {},
  clearImmediate() {},
  queueMicrotask: (callback) => checkCallback(callback),
  promises,
};
