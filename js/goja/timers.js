'use strict';

// A result is taken when the evaluated function returns, so nothing scheduled here ever runs.

function checkCallback(callback) {
  if (typeof callback === 'function') return;
  throw require('./errors').invalidArgument('callback', 'of type function', callback);
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

const schedule = (Type, promised) => {
  const start = (callback) => {
    checkCallback(callback);
    return new Type();
  };
  if (promised) Object.defineProperty(start, Symbol.for('nodejs.util.promisify.custom'), { value: promised });
  return start;
};
const never = () => new Promise(() => {});
const promises = { setTimeout: never, setImmediate: never, setInterval: never, scheduler: { wait: never, yield: never } };

/** Not a member of the module in Node, only a global. */
const queueMicrotask = (callback) => checkCallback(callback);

module.exports = {
  setTimeout: schedule(Timeout, promises.setTimeout),
  setInterval: schedule(Timeout),
  setImmediate: schedule(Immediate, promises.setImmediate),
  clearTimeout() {},
  clearInterval() {},
  clearImmediate() {},
  _unrefActive() {},
  active() {},
  unenroll() {},
  enroll() {},
  promises,
};
Object.defineProperty(module.exports, 'queueMicrotask', { value: queueMicrotask, enumerable: false });
