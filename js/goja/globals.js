'use strict';

// Globals that Node has and goja has not.

const { Buffer } = require('buffer');

class TextEncoder {
  get encoding() { return 'utf-8'; }
  encodeInto(text, target) {
    let read = 0;
    let written = 0;
    for (const char of String(text)) {
      const bytes = Buffer.from(char, 'utf8');
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += char.length;
    }
    return { read, written };
  }
  encode(text = '') { return new Uint8Array(Buffer.from(String(text), 'utf8')); }
}

const encodings = {
  'utf-8': 'utf8', utf8: 'utf8', 'unicode-1-1-utf-8': 'utf8', 'utf-16le': 'utf16le', 'utf-16': 'utf16le', ucs2: 'utf16le', 'iso-8859-1': 'latin1', latin1: 'latin1',
  ascii: 'latin1', 'us-ascii': 'latin1', 'windows-1252': 'latin1',
};
const shown = { utf8: 'utf-8', utf16le: 'utf-16le', latin1: 'windows-1252' };

class TextDecoder {
  #decoder;
  #encoding;
  #fatal;
  #ignoreBOM;
  constructor(encoding = 'utf-8', options = {}) {
    this.#encoding = encodings[String(encoding).trim().toLowerCase()];
    if (!this.#encoding) throw Object.assign(new RangeError(`The "${encoding}" encoding is not supported`), { code: 'ERR_ENCODING_NOT_SUPPORTED' });
    this.#fatal = Boolean(options.fatal);
    this.#ignoreBOM = Boolean(options.ignoreBOM);
  }
  get encoding() { return shown[this.#encoding]; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }
  decode(given = new Uint8Array(0), options = {}) {
    if (!(given instanceof ArrayBuffer) && !ArrayBuffer.isView(given)) throw require('./errors').invalidArgument('list', 'an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView', given);
    const bytes = given instanceof ArrayBuffer ? Buffer.from(given) : Buffer.from(given.buffer, given.byteOffset, given.byteLength);
    const first = this.#decoder === undefined;
    this.#decoder ??= new (require('./string_decoder').StringDecoder)(this.#encoding);
    const decoder = this.#decoder;
    if (!options.stream) this.#decoder = undefined;
    const text = decoder.write(bytes) + (options.stream ? '' : decoder.end());
    if (this.#fatal && text.includes('\ufffd') && !bytes.includes('\ufffd')) throw Object.assign(new TypeError(`The encoded data was not valid for encoding ${this.encoding}`), { code: 'ERR_ENCODING_INVALID_ENCODED_DATA' });
    return first && !this.#ignoreBOM ? text.replace(/^\ufeff/, '') : text;
  }
}

const domCodes = ['IndexSizeError', , 'HierarchyRequestError', 'WrongDocumentError', 'InvalidCharacterError', , 'NoModificationAllowedError', 'NotFoundError', 'NotSupportedError', 'InUseAttributeError', 'InvalidStateError', 'SyntaxError', 'InvalidModificationError', 'NamespaceError', 'InvalidAccessError', , 'TypeMismatchError', 'SecurityError', 'NetworkError', 'AbortError', 'URLMismatchError', 'QuotaExceededError', 'TimeoutError', 'InvalidNodeTypeError', 'DataCloneError'];

class DOMException extends Error {
  #name;
  constructor(message = '', options = 'Error') {
    super(String(message));
    this.#name = typeof options === 'object' && options !== null ? String(options.name ?? 'Error') : String(options);
    if (typeof options === 'object' && options !== null && 'cause' in options) this.cause = options.cause;
  }
  get name() { return this.#name; }
  get code() { return domCodes.indexOf(this.#name) + 1; }
}

class Event {
  #stopped = false;
  constructor(type, options) {
    if (arguments.length === 0) throw Object.assign(new TypeError('The "type" argument must be specified'), { code: 'ERR_MISSING_ARGS' });
    this.type = String(type);
    this.bubbles = Boolean(options && options.bubbles);
    this.cancelable = Boolean(options && options.cancelable);
    this.composed = Boolean(options && options.composed);
    this.defaultPrevented = false;
    this.target = null;
    this.currentTarget = null;
    this.timeStamp = performance.now();
  }
  get returnValue() { return !this.defaultPrevented; }
  get cancelBubble() { return this.#stopped; }
  get isTrusted() { return false; }
  preventDefault() { this.defaultPrevented = this.cancelable; }
  stopPropagation() {}
  stopImmediatePropagation() { this.#stopped = true; }
  composedPath() { return this.currentTarget ? [this.currentTarget] : []; }
}

class CustomEvent extends Event {
  constructor(type, options) {
    super(type, options);
    this.detail = options && options.detail !== undefined ? options.detail : null;
  }
}

class EventTarget {
  #listeners = new Map();
  addEventListener(type, listener, options) {
    if (listener === null || listener === undefined) return;
    if (options && options.signal && options.signal.aborted) return;
    const list = this.#listeners.get(type) || [];
    if (!list.some((one) => one.listener === listener)) list.push({ listener, once: Boolean(options && options.once) });
    this.#listeners.set(type, list);
    if (options && options.signal) options.signal.addEventListener('abort', () => this.removeEventListener(type, listener));
  }
  removeEventListener(type, listener) {
    this.#listeners.set(type, (this.#listeners.get(type) || []).filter((one) => one.listener !== listener));
  }
  dispatchEvent(event) {
    if (!(event instanceof Event)) throw require('./errors').invalidArgument('event', 'an instance of Event', event);
    event.target = event.currentTarget = this;
    for (const { listener, once } of (this.#listeners.get(event.type) || []).slice()) {
      if (once) this.removeEventListener(event.type, listener);
      if (typeof listener === 'function') listener.call(this, event);
      else listener.handleEvent(event);
      if (event.cancelBubble) break;
    }
    event.currentTarget = null;
    return !event.defaultPrevented;
  }
  /** For events.getEventListeners. */
  [Symbol.for('pandora.listeners')](type) { return (this.#listeners.get(type) || []).map((one) => one.listener); }
}

const abortError = () => new DOMException('This operation was aborted', 'AbortError');
// An own key, so that only this file makes and aborts signals.
const key = Symbol('signal');

class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  onabort = null;
  constructor(given) {
    if (given !== key) throw Object.assign(new TypeError('Illegal constructor'), { code: 'ERR_ILLEGAL_CONSTRUCTOR' });
    super();
  }
  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
  [key](reason = abortError()) {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const event = new Event('abort');
    if (typeof this.onabort === 'function') this.onabort(event);
    this.dispatchEvent(event);
  }
  static abort(reason) {
    const signal = new AbortSignal(key);
    signal[key](reason);
    return signal;
  }
  /** Time does not pass while a structure is evaluated, but in a session it does. */
  static timeout(milliseconds) {
    const signal = new AbortSignal(key);
    if (require('pandora:binding').live) {
      const over = () => signal[key](new DOMException('The operation was aborted due to timeout', 'TimeoutError'));
      require('./livetimers').setTimeout(over, milliseconds);
    }
    return signal;
  }
  static any(signals) {
    const signal = new AbortSignal(key);
    for (const one of signals) {
      if (one.aborted) signal[key](one.reason);
      else one.addEventListener('abort', () => signal[key](one.reason));
    }
    return signal;
  }
}

class AbortController {
  #signal = new AbortSignal(key);
  get signal() { return this.#signal; }
  abort(reason) { this.#signal[key](reason); }
}
for (const Type of [Event, CustomEvent, CustomEvent, EventTarget, DOMException, AbortSignal, AbortController, DOMException]) {
  Object.defineProperty(Type.prototype, Symbol.toStringTag, { value: Type.name, configurable: true });
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
    throw new DOMException(`${String(value)} could not be cloned.`, 'DataCloneError');
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
  TextEncoder, TextDecoder, Event, CustomEvent, EventTarget, DOMException, AbortSignal, AbortController, WeakRef, FinalizationRegistry,
  structuredClone: (value) => clone(value, new Map()),
};
