'use strict';

const { checkFunction, invalidArgument, outOfRange } = require('./errors');

const rejection = Symbol.for('nodejs.rejection');
const errorMonitor = Symbol('events.errorMonitor');
const capture = Symbol('kCapture');

/** A plain function, because old code calls it without new. */
function EventEmitter(options) {
  EventEmitter.init.call(this, options);
}

let defaultMaxListeners = 10;
let captureRejections = false;

EventEmitter.init = function (options) {
  if (this._events === undefined || this._events === Object.getPrototypeOf(this)._events) {
    this._events = Object.create(null);
    this._eventsCount = 0;
  }
  this._maxListeners = this._maxListeners || undefined;
  if (options && options.captureRejections !== undefined) {
    if (typeof options.captureRejections !== 'boolean') throw invalidArgument('options.captureRejections', 'of type boolean', options.captureRejections);
    Object.defineProperty(this, capture, { value: options.captureRejections, configurable: true, writable: true });
  }
};
EventEmitter.prototype._events = undefined;
EventEmitter.prototype._eventsCount = 0;
EventEmitter.prototype._maxListeners = undefined;

/** The listeners of an event as a list; one alone is kept as itself, as code that looks at _events expects. */
function listOf(emitter, name) {
  const events = emitter._events;
  const known = events === undefined ? undefined : events[name];
  return known === undefined ? [] : typeof known === 'function' ? [known] : known;
}

function keep(emitter, name, list) {
  if (list.length === 0) {
    delete emitter._events[name];
    emitter._eventsCount -= 1;
  } else emitter._events[name] = list.length === 1 ? list[0] : list;
}

function add(emitter, name, listener, first) {
  checkFunction(listener, 'listener');
  if (emitter._events === undefined) EventEmitter.init.call(emitter);
  if (emitter._events.newListener !== undefined) emitter.emit('newListener', name, listener.listener ?? listener);
  const known = listOf(emitter, name);
  if (known.length === 0) emitter._eventsCount += 1;
  const list = first ? [listener, ...known] : [...known, listener];
  keep(emitter, name, list);
  const limit = emitter.getMaxListeners();
  if (limit > 0 && list.length > limit && !known.warned) {
    const shown = emitter.constructor ? emitter.constructor.name : 'EventEmitter';
    const warning = new Error(`Possible EventEmitter memory leak detected. ${list.length} ${String(name)} listeners added to [${shown}]. MaxListeners is ${limit}. Use emitter.setMaxListeners() to increase limit`);
    process.emitWarning(Object.assign(warning, { name: 'MaxListenersExceededWarning', emitter, type: name, count: list.length }));
    list.warned = true;
  } else if (known.warned) list.warned = true;
  return emitter;
}

function onceWrapper(emitter, name, listener) {
  checkFunction(listener, 'listener');
  let fired = false;
  const wrapper = function (...args) {
    if (fired) return undefined;
    emitter.removeListener(name, wrapper);
    fired = true;
    return listener.apply(emitter, args);
  };
  wrapper.listener = listener;
  return wrapper;
}

function unhandled(args) {
  const [error] = args;
  if (error instanceof Error) return error;
  const shown = typeof error === 'object' || error === undefined || typeof error === 'function' || typeof error === 'symbol' ? require('./inspect').inspect(error) : typeof error === 'string' ? `'${error}'` : String(error);
  return Object.assign(new Error(`Unhandled error. (${shown})`), { code: 'ERR_UNHANDLED_ERROR', context: error });
}

function checkCount(n, name) {
  if (typeof n !== 'number') throw invalidArgument(name, 'of type number', n);
  if (!(n >= 0)) throw outOfRange(name, '>= 0', n);
}

const methods = {
  setMaxListeners(n) {
    checkCount(n, 'setMaxListeners');
    this._maxListeners = n;
    return this;
  },
  getMaxListeners() { return this._maxListeners === undefined ? defaultMaxListeners : this._maxListeners; },
  emit(name, ...args) {
    if (name === 'error' && listOf(this, errorMonitor).length > 0) this.emit(errorMonitor, ...args);
    const list = listOf(this, name);
    if (list.length === 0) {
      if (name !== 'error') return false;
      throw unhandled(args);
    }
    for (const listener of list.slice()) Reflect.apply(listener, this, args);
    return true;
  },
  addListener(name, listener) { return add(this, name, listener, false); },
  on: undefined,
  prependListener(name, listener) { return add(this, name, listener, true); },
  once(name, listener) {
    checkFunction(listener, 'listener');
    this.on(name, onceWrapper(this, name, listener));
    return this;
  },
  prependOnceListener(name, listener) {
    checkFunction(listener, 'listener');
    this.prependListener(name, onceWrapper(this, name, listener));
    return this;
  },
  removeListener(name, listener) {
    checkFunction(listener, 'listener');
    const list = listOf(this, name);
    const at = list.findLastIndex((one) => one === listener || one.listener === listener);
    if (at < 0) return this;
    const gone = list[at];
    keep(this, name, list.filter((_, i) => i !== at));
    if (this._events.removeListener !== undefined) this.emit('removeListener', name, list.length === 1 ? gone.listener ?? listener : listener);
    return this;
  },
  off: undefined,
  removeAllListeners(name) {
    if (this._events === undefined) return this;
    if (this._events.removeListener !== undefined) {
      const names = arguments.length === 0 ? Reflect.ownKeys(this._events).filter((key) => key !== 'removeListener').concat('removeListener') : [name];
      for (const key of names) for (const listener of listOf(this, key).slice().reverse()) this.removeListener(key, listener);
    } else if (arguments.length === 0) {
      this._events = Object.create(null);
      this._eventsCount = 0;
    } else if (this._events[name] !== undefined) keep(this, name, []);
    return this;
  },
  listeners(name) { return listOf(this, name).map((one) => one.listener ?? one); },
  rawListeners(name) { return listOf(this, name).slice(); },
  listenerCount(name, listener) {
    const list = listOf(this, name);
    return listener ? list.filter((one) => one === listener || one.listener === listener).length : list.length;
  },
  eventNames() { return this._eventsCount > 0 ? Reflect.ownKeys(this._events) : []; },
};
methods.on = methods.addListener;
methods.off = methods.removeListener;
Object.assign(EventEmitter.prototype, methods);

const isTarget = (value) => Boolean(value) && typeof value.addEventListener === 'function';
const notEmitter = (value) => invalidArgument('emitter', 'an instance of EventEmitter or EventTarget', value);

function listen(emitter, name, listener) {
  if (typeof emitter.on === 'function') emitter.on(name, listener);
  else if (isTarget(emitter)) emitter.addEventListener(name, listener);
  else throw notEmitter(emitter);
}

class EventEmitterAsyncResource extends EventEmitter {
  get asyncId() { return 1; }
  get triggerAsyncId() { return 0; }
  get asyncResource() { return this; }
  emitDestroy() {}
}

const statics = {
  addAbortListener(signal, listener) {
    if (signal === undefined || !('aborted' in signal)) throw invalidArgument('signal', 'an instance of AbortSignal', signal);
    checkFunction(listener, 'listener');
    if (!signal.aborted) signal.addEventListener('abort', listener);
    return { [Symbol.for('nodejs.dispose')]() { signal.removeEventListener('abort', listener); } };
  },
  async once(emitter, name, options) {
    if (options && options.signal && options.signal.aborted) throw Object.assign(new Error('The operation was aborted', { cause: options.signal.reason }), { name: 'AbortError', code: 'ABORT_ERR' });
    return new Promise((resolve, reject) => {
      listen(emitter, name, function resolver(...args) {
        if (emitter.removeListener) emitter.removeListener(name, resolver);
        resolve(args);
      });
      if (name !== 'error' && typeof emitter.once === 'function') emitter.once('error', function errorListener(error) { reject(error); });
    });
  },
  /** Events to come, of which there are none within an evaluation. */
  on(emitter, name) {
    const waiting = [];
    listen(emitter, name, function (...args) { waiting.push(args); });
    if (name !== 'error' && typeof emitter.on === 'function') emitter.on('error', function errorHandler() {});
    return {
      next: () => (waiting.length > 0 ? Promise.resolve({ value: waiting.shift(), done: false }) : new Promise(() => {})),
      return: () => Promise.resolve({ value: undefined, done: true }),
      throw: (error) => Promise.reject(error),
      [Symbol.asyncIterator]() { return this; },
    };
  },
  getEventListeners(emitter, name) {
    if (emitter && typeof emitter.listeners === 'function') return emitter.listeners(name);
    const list = emitter && emitter[Symbol.for('pandora.listeners')];
    if (typeof list !== 'function') throw notEmitter(emitter);
    return list.call(emitter, name);
  },
  getMaxListeners(emitter) {
    if (emitter && typeof emitter.getMaxListeners === 'function') return emitter.getMaxListeners();
    if (isTarget(emitter)) return defaultMaxListeners;
    throw notEmitter(emitter);
  },
  setMaxListeners(n = defaultMaxListeners, ...emitters) {
    checkCount(n, 'setMaxListeners');
    if (emitters.length === 0) defaultMaxListeners = n;
    for (const emitter of emitters) if (typeof emitter.setMaxListeners === 'function') emitter.setMaxListeners(n);
  },
  listenerCount: (emitter, name) => (typeof emitter.listenerCount === 'function' ? emitter.listenerCount(name) : methods.listenerCount.call(emitter, name)),
};

module.exports = EventEmitter;
Object.assign(EventEmitter, statics, { EventEmitter, usingDomains: false, captureRejectionSymbol: rejection, EventEmitterAsyncResource, errorMonitor });
Object.defineProperties(EventEmitter, {
  defaultMaxListeners: {
    enumerable: true,
    get: () => defaultMaxListeners,
    set(n) {
      checkCount(n, 'defaultMaxListeners');
      defaultMaxListeners = n;
    },
  },
  captureRejections: {
    enumerable: true,
    configurable: true,
    get: () => captureRejections,
    set(value) { captureRejections = Boolean(value); },
  },
  kMaxEventTargetListeners: { value: Symbol('events.maxEventTargetListeners') },
  kMaxEventTargetListenersWarned: { value: Symbol('events.maxEventTargetListenersWarned') },
});
