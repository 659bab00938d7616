'use strict';

function checkListener(listener) {
  if (typeof listener === 'function') return;
  throw Object.assign(new TypeError(`The "listener" argument must be of type function. Received ${listener === null ? 'null' : typeof listener}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** A plain function, because old code calls it without new. */
function EventEmitter() {
  EventEmitter.init.call(this);
}

EventEmitter.init = function () {
  if (this._events === undefined || this._events === Object.getPrototypeOf(this)._events) {
    this._events = Object.create(null);
    this._eventsCount = 0;
  }
};
EventEmitter.prototype._events = undefined;
EventEmitter.prototype._eventsCount = 0;
EventEmitter.prototype._maxListeners = undefined;

function listOf(emitter, name) {
  if (!emitter._events) EventEmitter.init.call(emitter);
  return emitter._events[name];
}

function add(emitter, name, listener, first) {
  checkListener(listener);
  const known = listOf(emitter, name);
  if (emitter._events.newListener) emitter.emit('newListener', name, listener.listener || listener);
  const list = known ? known.slice() : [];
  if (first) list.unshift(listener);
  else list.push(listener);
  if (!known) emitter._eventsCount += 1;
  emitter._events[name] = list;
  return emitter;
}

function onceWrapper(emitter, name, listener) {
  checkListener(listener);
  const wrapper = (...args) => {
    emitter.removeListener(name, wrapper);
    return listener.apply(emitter, args);
  };
  wrapper.listener = listener;
  return wrapper;
}

const methods = {
  on(name, listener) { return add(this, name, listener, false); },
  addListener(name, listener) { return add(this, name, listener, false); },
  prependListener(name, listener) { return add(this, name, listener, true); },
  once(name, listener) { return add(this, name, onceWrapper(this, name, listener), false); },
  prependOnceListener(name, listener) { return add(this, name, onceWrapper(this, name, listener), true); },
  off(name, listener) { return this.removeListener(name, listener); },
  removeListener(name, listener) {
    checkListener(listener);
    const list = listOf(this, name);
    const at = list ? list.findLastIndex((one) => one === listener || one.listener === listener) : -1;
    if (at < 0) return this;
    const rest = list.filter((_, i) => i !== at);
    if (rest.length > 0) this._events[name] = rest;
    else {
      delete this._events[name];
      this._eventsCount -= 1;
    }
    if (this._events.removeListener) this.emit('removeListener', name, listener);
    return this;
  },
  removeAllListeners(name) {
    if (name === undefined) {
      this._events = Object.create(null);
      this._eventsCount = 0;
    } else if (listOf(this, name)) {
      delete this._events[name];
      this._eventsCount -= 1;
    }
    return this;
  },
  emit(name, ...args) {
    const list = listOf(this, name);
    if (!list) {
      if (name !== 'error') return false;
      if (args[0] instanceof Error) throw args[0];
      throw Object.assign(new Error(`Unhandled error. (${String(args[0])})`), { code: 'ERR_UNHANDLED_ERROR', context: args[0] });
    }
    for (const listener of list) listener.apply(this, args);
    return true;
  },
  listeners(name) { return (listOf(this, name) || []).map((one) => one.listener || one); },
  rawListeners(name) { return (listOf(this, name) || []).slice(); },
  listenerCount(name) { return (listOf(this, name) || []).length; },
  eventNames() { return this._events ? Reflect.ownKeys(this._events) : []; },
  setMaxListeners(n) { this._maxListeners = n; return this; },
  getMaxListeners() { return this._maxListeners === undefined ? EventEmitter.defaultMaxListeners : this._maxListeners; },
};
for (const [name, value] of Object.entries(methods)) {
  Object.defineProperty(EventEmitter.prototype, name, { value, writable: true, configurable: true, enumerable: true });
}

EventEmitter.EventEmitter = EventEmitter;
EventEmitter.defaultMaxListeners = 10;
EventEmitter.usingDomains = false;
EventEmitter.captureRejectionSymbol = Symbol.for('nodejs.rejection');
EventEmitter.errorMonitor = Symbol('events.errorMonitor');
EventEmitter.listenerCount = (emitter, name) => emitter.listenerCount(name);
EventEmitter.getEventListeners = (emitter, name) => emitter.listeners(name);
EventEmitter.setMaxListeners = (n, ...emitters) => {
  if (emitters.length === 0) EventEmitter.defaultMaxListeners = n;
  for (const emitter of emitters) emitter.setMaxListeners(n);
};
EventEmitter.once = (emitter, name) => new Promise((resolve, reject) => {
  emitter.once(name, (...args) => resolve(args));
  if (name !== 'error') emitter.once('error', reject);
});

module.exports = EventEmitter;
