'use strict';

// Globals that Node has and goja has not.

const { Buffer } = require('buffer');

class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return new Uint8Array(Buffer.from(String(text), 'utf8')); }
}

class TextDecoder {
  #encoding;
  constructor(encoding = 'utf-8') { this.#encoding = String(encoding).toLowerCase(); }
  get encoding() { return this.#encoding; }
  decode(bytes = new Uint8Array(0)) {
    return Buffer.from(bytes instanceof ArrayBuffer ? bytes : new Uint8Array(bytes)).toString(this.#encoding.replace('utf-8', 'utf8')).replace(/^\ufeff/, '');
  }
}

class Event {
  constructor(type, options) {
    this.type = String(type);
    this.cancelable = Boolean(options && options.cancelable);
    this.defaultPrevented = false;
    this.target = null;
  }
  preventDefault() { this.defaultPrevented = this.cancelable; }
}

class EventTarget {
  #listeners = new Map();
  addEventListener(type, listener, options) {
    const list = this.#listeners.get(type) || [];
    if (!list.some((one) => one.listener === listener)) list.push({ listener, once: Boolean(options && options.once) });
    this.#listeners.set(type, list);
  }
  removeEventListener(type, listener) {
    this.#listeners.set(type, (this.#listeners.get(type) || []).filter((one) => one.listener !== listener));
  }
  dispatchEvent(event) {
    event.target = this;
    for (const { listener, once } of (this.#listeners.get(event.type) || []).slice()) {
      if (once) this.removeEventListener(event.type, listener);
      if (typeof listener === 'function') listener.call(this, event);
      else listener.handleEvent(event);
    }
    return !event.defaultPrevented;
  }
}

const abortError = () => Object.assign(new Error('This operation was aborted'), { name: 'AbortError', code: 20 });

class AbortSignal extends EventTarget {
  aborted = false;
  reason = undefined;
  onabort = null;
  throwIfAborted() {
    if (this.aborted) throw this.reason;
  }
  static abort(reason = abortError()) {
    return Object.assign(new AbortSignal(), { aborted: true, reason });
  }
  static timeout() { return new AbortSignal(); }
}

class AbortController {
  signal = new AbortSignal();
  abort(reason = abortError()) {
    if (this.signal.aborted) return;
    Object.assign(this.signal, { aborted: true, reason });
    const event = new Event('abort');
    if (typeof this.signal.onabort === 'function') this.signal.onabort(event);
    this.signal.dispatchEvent(event);
  }
}

/** Nothing is collected within one evaluation as far as a script can tell. */
class WeakRef {
  #target;
  constructor(target) {
    if ((typeof target !== 'object' && typeof target !== 'function') || target === null) throw new TypeError('WeakRef: target must be an object');
    this.#target = target;
  }
  deref() { return this.#target; }
}

class FinalizationRegistry {
  constructor(cleanup) {
    if (typeof cleanup !== 'function') throw new TypeError('FinalizationRegistry: cleanup must be callable');
  }
  register() {}
  unregister() { return false; }
}

function clone(value, seen) {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw Object.assign(new Error(`${String(value)} could not be cloned.`), { name: 'DataCloneError', code: 25 });
  }
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  if (value instanceof Date) return new Date(value.getTime());
  if (value instanceof RegExp) return new RegExp(value.source, value.flags);
  if (value instanceof ArrayBuffer) return value.slice(0);
  if (ArrayBuffer.isView(value)) return value.slice ? value.slice() : new DataView(value.buffer.slice(0), value.byteOffset, value.byteLength);
  let copy = {};
  if (Array.isArray(value)) copy = new Array(value.length);
  else if (value instanceof Map) copy = new Map();
  else if (value instanceof Set) copy = new Set();
  else if (value instanceof Error) copy = Object.assign(new Error(value.message), { name: value.name, stack: value.stack });
  seen.set(value, copy);
  if (value instanceof Map) for (const [k, v] of value) copy.set(clone(k, seen), clone(v, seen));
  else if (value instanceof Set) for (const v of value) copy.add(clone(v, seen));
  else if (!(value instanceof Error)) for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
  return copy;
}

module.exports = {
  TextEncoder, TextDecoder, Event, EventTarget, AbortSignal, AbortController, WeakRef, FinalizationRegistry,
  structuredClone: (value) => clone(value, new Map()),
};
