'use strict';

// Contexts work as far as an evaluation goes: what is synchronous. Promises and timers never come back to one.

const build = require('./shape');

/** The running context: a map from each AsyncLocalStorage to its store. It is replaced, never changed. */
let current = new Map();

function within(context, callback, self, args) {
  const before = current;
  current = context;
  try {
    return callback.apply(self, args);
  } finally {
    current = before;
  }
}

function checkFunction(value, name) {
  if (typeof value === 'function') return;
  throw Object.assign(new TypeError(`The "${name}" argument must be of type function. Received ${value === null ? 'null' : typeof value}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

function bound(callback) {
  checkFunction(callback, 'fn');
  const context = current;
  return Object.defineProperty(function (...args) { return within(context, callback, this, args); }, 'length', { value: callback.length, configurable: true });
}

class AsyncLocalStorage {
  static bind(callback) { return bound(callback); }
  static snapshot() { return bound((callback, ...args) => callback(...args)); }
  disable() {
    current = new Map(current);
    current.delete(this);
  }
  _enable() {}
  _propagate() {}
  enterWith(store) { current = new Map(current).set(this, store); }
  run(store, callback, ...args) { return within(new Map(current).set(this, store), callback, undefined, args); }
  exit(callback, ...args) {
    const context = new Map(current);
    context.delete(this);
    return within(context, callback, undefined, args);
  }
  getStore() { return current.get(this); }
}

let ids = 1;
let running = 1;

class AsyncResource {
  #context = current;
  #id = (ids += 1);
  #trigger;
  constructor(type, options) {
    if (typeof type !== 'string') {
      throw Object.assign(new TypeError(`The "type" argument must be of type string. Received ${type === undefined ? 'undefined' : typeof type}`), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    const trigger = typeof options === 'number' ? options : options && options.triggerAsyncId;
    this.#trigger = trigger === undefined ? running : trigger;
  }
  static bind(callback, type, self) { return new AsyncResource(type || callback.name || 'bound-anonymous-fn').bind(callback, self); }
  runInAsyncScope(callback, self, ...args) {
    const before = running;
    running = this.#id;
    try {
      return within(this.#context, callback, self, args);
    } finally {
      running = before;
    }
  }
  emitDestroy() { return this; }
  asyncId() { return this.#id; }
  triggerAsyncId() { return this.#trigger; }
  bind(callback, self) {
    checkFunction(callback, 'fn');
    const resource = this;
    const wrapped = function (...args) { return resource.runInAsyncScope(callback, self === undefined ? this : self, ...args); };
    return Object.defineProperties(wrapped, { length: { value: callback.length, configurable: true }, asyncResource: { value: resource, writable: true, enumerable: true, configurable: true } });
  }
}

class AsyncHook {
  enable() { return this; }
  disable() { return this; }
}

const top = {};
module.exports = build('async_hooks', {
  exports: {
    AsyncLocalStorage, AsyncResource, executionAsyncId: () => running, triggerAsyncId: () => 0, executionAsyncResource: () => top,
    createHook(callbacks) {
      for (const name of ['init', 'before', 'after', 'destroy', 'promiseResolve']) {
        if (callbacks[name] !== undefined && typeof callbacks[name] !== 'function') {
          throw Object.assign(new TypeError(`hook.${name} must be a function`), { code: 'ERR_ASYNC_CALLBACK' });
        }
      }
      return new AsyncHook();
    },
  },
});
