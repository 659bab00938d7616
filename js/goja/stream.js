'use strict';

// Streams as far as they go without an event loop: classes to construct, extend and read or write at once. What Node
// does in a later turn (flowing, 'end', 'finish', 'close', callbacks of write) is after the evaluation, so never.

const EventEmitter = require('./events');
const { checkFunction, invalidArgument } = require('./errors');
const { refuse } = require('pandora:loader');

const inherits = (Type, Parent) => {
  Object.setPrototypeOf(Type.prototype, Parent.prototype);
  Object.setPrototypeOf(Type, Parent);
};
const hide = (target, members) => {
  for (const key of Reflect.ownKeys(members)) Object.defineProperty(target, key, { ...Object.getOwnPropertyDescriptor(members, key), enumerable: false });
};
const methods = (target, members) => Object.defineProperties(target, Object.getOwnPropertyDescriptors(members));
const bufferOf = (chunk, encoding) => require('buffer').Buffer.from(chunk, encoding);

let highWaterMark = (Number.parseInt(process.version.slice(1), 10) >= 22 ? 64 : 16) * 1024;
let objectHighWaterMark = 16;
const defaultMark = (objectMode) => (objectMode ? objectHighWaterMark : highWaterMark);

function Stream(options) {
  EventEmitter.call(this, options);
}
inherits(Stream, EventEmitter);
methods(Stream.prototype, {
  pipe(target, options) {
    this.on('data', (chunk) => {
      if (target.writable && target.write(chunk) === false && this.pause) this.pause();
    });
    target.on('drain', () => { if (this.readable && this.resume) this.resume(); });
    if (!options || options.end !== false) this.on('end', () => target.end());
    target.emit('pipe', this);
    return target;
  },
  eventNames() { return EventEmitter.prototype.eventNames.call(this); },
});

/** The hooks that a constructor's options may hold, for either side. */
function takeHooks(stream, options, names) {
  if (!options) return;
  for (const name of names) if (typeof options[name] === 'function') stream[`_${name}`] = options[name];
  if (typeof options.construct === 'function') stream._construct = options.construct;
  if (options.signal) addAbortSignal(options.signal, stream);
}

function sideMark(options, side, objectMode, duplex) {
  const mark = options && (duplex && options[`${side}HighWaterMark`] !== undefined ? options[`${side}HighWaterMark`] : options.highWaterMark);
  if (mark === undefined || mark === null) return defaultMark(objectMode);
  if (!Number.isInteger(mark) || mark < 0) throw require('./errors').invalidValue(`options.${duplex ? `${side}HighWaterMark` : 'highWaterMark'}`, mark);
  return mark;
}

class ReadableState {
  constructor(options, stream, duplex) {
    this.objectMode = Boolean(options && (options.objectMode || (duplex && options.readableObjectMode)));
    this.highWaterMark = sideMark(options, 'readable', this.objectMode, duplex);
    this.buffer = [];
    this.length = 0;
    this.pipes = [];
    this.flowing = null;
    Object.assign(this, { ended: false, endEmitted: false, reading: false, constructed: true, sync: true, needReadable: false, emittedReadable: false });
    Object.assign(this, { readableListening: false, resumeScheduled: false, errorEmitted: false, destroyed: false, closed: false, closeEmitted: false, readingMore: false, dataEmitted: false });
    this.emitClose = !options || options.emitClose !== false;
    this.autoDestroy = !options || options.autoDestroy !== false;
    this.errored = null;
    this.defaultEncoding = (options && options.defaultEncoding) || 'utf8';
    this.decoder = null;
    this.encoding = null;
    if (options && options.encoding) setEncoding(this, options.encoding);
  }
}

function setEncoding(state, encoding) {
  const { StringDecoder } = require('string_decoder');
  state.decoder = new StringDecoder(encoding);
  state.encoding = state.decoder.encoding;
}

function Readable(options) {
  if (!(this instanceof Readable)) return new Readable(options);
  this._readableState = new ReadableState(options, this, this instanceof Duplex);
  takeHooks(this, options, ['read', 'destroy']);
  Stream.call(this, options);
  return undefined;
}
inherits(Readable, Stream);

function failure(code, message, Type = Error) {
  return Object.assign(new Type(message), { code });
}

function addChunk(stream, given, encoding, first) {
  const state = stream._readableState;
  let chunk = given;
  if (chunk === null) {
    state.reading = false;
    state.ended = true;
    return false;
  }
  if (!state.objectMode) {
    if (typeof chunk === 'string') {
      const from = encoding || state.defaultEncoding;
      if (state.encoding !== from) chunk = state.encoding ? bufferOf(chunk, from).toString(state.encoding) : bufferOf(chunk, from);
    } else if (chunk !== undefined && !(chunk instanceof Uint8Array)) {
      stream.destroy(invalidArgument('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk));
      return false;
    } else if (chunk && state.decoder) chunk = state.decoder.write(chunk);
  }
  state.reading = false;
  if (!state.objectMode && !(chunk && chunk.length > 0)) return !state.ended && state.length < state.highWaterMark;
  if (state.ended && !first) {
    stream.destroy(failure('ERR_STREAM_PUSH_AFTER_EOF', 'stream.push() after EOF'));
    return false;
  }
  if (state.flowing && state.length === 0 && !state.sync && stream.listenerCount('data') > 0) {
    state.dataEmitted = true;
    stream.emit('data', chunk);
  } else {
    state.length += state.objectMode ? 1 : chunk.length;
    if (first) state.buffer.unshift(chunk);
    else state.buffer.push(chunk);
  }
  return !state.ended && (state.length < state.highWaterMark || state.length === 0);
}

/** Takes n units from the buffer; all of them if n is undefined. */
function take(state, n) {
  if (state.objectMode) {
    state.length -= 1;
    return state.buffer.shift();
  }
  const all = typeof state.buffer[0] === 'string' ? state.buffer.join('') : require('buffer').Buffer.concat(state.buffer);
  const taken = n === undefined ? all : all.slice(0, n);
  const rest = n === undefined ? '' : all.slice(n);
  state.buffer = rest.length > 0 ? [rest] : [];
  state.length = rest.length;
  return taken;
}

methods(Readable.prototype, {
  destroy(error, callback) { return destroyStream(this, error, callback); },
  _destroy(error, callback) { callback(error); },
  push(chunk, encoding) { return addChunk(this, chunk, encoding, false); },
  unshift(chunk, encoding) { return addChunk(this, chunk, encoding, true); },
  isPaused() { return this._readableState.flowing === false; },
  setEncoding(encoding) {
    const state = this._readableState;
    setEncoding(state, encoding);
    const text = state.buffer.map((chunk) => state.decoder.write(chunk)).join('');
    state.buffer = text === '' ? [] : [text];
    state.length = text.length;
    return this;
  },
  read(size) {
    const state = this._readableState;
    const n = size === undefined || Number.isNaN(size) ? undefined : Number(size);
    if (n > state.highWaterMark) state.highWaterMark = n;
    const short = state.length === 0 || state.length < state.highWaterMark || (n !== undefined && state.length < n);
    if (short && !state.ended && !state.reading && !state.destroyed && !state.errored) {
      state.reading = true;
      state.sync = true;
      try {
        this._read(state.highWaterMark);
      } catch (error) {
        this.destroy(error);
      }
      state.sync = false;
    }
    if (n === 0 || state.length === 0 || (n !== undefined && !state.objectMode && n > state.length && !state.ended)) {
      state.needReadable = true;
      return null;
    }
    const chunk = take(state, n === undefined || n >= state.length ? undefined : n);
    if (chunk !== null && !state.errored) {
      state.dataEmitted = true;
      this.emit('data', chunk);
    }
    return chunk;
  },
  _read() { throw failure('ERR_METHOD_NOT_IMPLEMENTED', 'The _read() method is not implemented'); },
  pipe(target, options) {
    const state = this._readableState;
    state.pipes.push(target);
    this.on('data', (chunk) => { if (target.write(chunk) === false) this.pause(); });
    if (!options || options.end !== false) this.once('end', () => target.end());
    target.emit('pipe', this);
    if (!state.flowing) this.resume();
    return target;
  },
  unpipe(target) {
    const state = this._readableState;
    const gone = target === undefined ? state.pipes : state.pipes.filter((one) => one === target);
    state.pipes = state.pipes.filter((one) => !gone.includes(one));
    for (const one of gone) one.emit('unpipe', this, { hasUnpiped: false });
    return this;
  },
  on(name, listener) {
    const result = Stream.prototype.on.call(this, name, listener);
    const state = this._readableState;
    if (name === 'data' && state.flowing !== false) this.resume();
    if (name === 'readable' && !state.endEmitted) Object.assign(state, { readableListening: true, needReadable: true, flowing: false });
    return result;
  },
  removeListener(name, listener) { return Stream.prototype.removeListener.call(this, name, listener); },
  removeAllListeners(...names) { return Stream.prototype.removeAllListeners.apply(this, names); },
  resume() {
    const state = this._readableState;
    if (!state.flowing) Object.assign(state, { flowing: !state.readableListening, resumeScheduled: true });
    return this;
  },
  pause() {
    if (this._readableState.flowing !== false) {
      this._readableState.flowing = false;
      this.emit('pause');
    }
    return this;
  },
  wrap(old) {
    old.on('data', (chunk) => { if (!this.push(chunk) && old.pause) old.pause(); });
    old.on('end', () => this.push(null));
    this._read = () => { if (old.resume) old.resume(); };
    return this;
  },
  iterator() { return refuse('iterating over a stream'); },
  get readable() {
    const state = this._readableState;
    return Boolean(state) && state.readable !== false && !state.destroyed && !state.errored && !state.endEmitted;
  },
  set readable(value) { if (this._readableState) this._readableState.readable = Boolean(value); },
  get readableDidRead() { return this._readableState.dataEmitted; },
  get readableAborted() { return Boolean((this._readableState.destroyed || this._readableState.errored) && !this._readableState.endEmitted); },
  get readableHighWaterMark() { return this._readableState.highWaterMark; },
  get readableBuffer() { return this._readableState.buffer; },
  get readableFlowing() { return this._readableState.flowing; },
  set readableFlowing(value) { if (this._readableState) this._readableState.flowing = value; },
  get readableLength() { return this._readableState.length; },
  get readableObjectMode() { return this._readableState ? this._readableState.objectMode : false; },
  get readableEncoding() { return this._readableState ? this._readableState.encoding : null; },
  get readableEnded() { return this._readableState ? this._readableState.endEmitted : false; },
  get errored() { return this._readableState ? this._readableState.errored : null; },
  get closed() { return this._readableState ? this._readableState.closed : false; },
  get destroyed() { return this._readableState ? this._readableState.destroyed : false; },
  set destroyed(value) { if (this._readableState) this._readableState.destroyed = value; },
});
Readable.prototype.addListener = Readable.prototype.on;
Readable.prototype.off = Readable.prototype.removeListener;
for (const name of ['asIndexedPairs', 'compose', 'drop', 'every', 'filter', 'find', 'flatMap', 'forEach', 'map', 'reduce', 'some', 'take', 'toArray']) {
  Readable.prototype[name] = { [name]() { return refuse(`stream.Readable#${name}`); } }[name];
}
hide(Readable.prototype, { [Symbol.asyncIterator]() { return this.iterator(); }, [Symbol.for('nodejs.rejection')](error) { this.destroy(error); } });

class WritableState {
  constructor(options, stream, duplex) {
    this.objectMode = Boolean(options && (options.objectMode || (duplex && options.writableObjectMode)));
    this.highWaterMark = sideMark(options, 'writable', this.objectMode, duplex);
    this.decodeStrings = !options || options.decodeStrings !== false;
    this.defaultEncoding = (options && options.defaultEncoding) || 'utf8';
    Object.assign(this, { finalCalled: false, needDrain: false, ending: false, ended: false, finished: false, destroyed: false, length: 0, writing: false, corked: 0, sync: true, bufferProcessing: false });
    Object.assign(this, { buffered: [], pendingcb: 0, constructed: true, prefinished: false, errorEmitted: false, closed: false, closeEmitted: false, errored: null });
    this.emitClose = !options || options.emitClose !== false;
    this.autoDestroy = !options || options.autoDestroy !== false;
  }
  getBuffer() { return this.buffered.slice(); }
  get bufferedRequestCount() { return this.buffered.length; }
}

function Writable(options) {
  const duplex = this instanceof Duplex;
  if (!duplex && !Function.prototype[Symbol.hasInstance].call(Writable, this)) return new Writable(options);
  this._writableState = new WritableState(options, this, duplex);
  takeHooks(this, options, ['write', 'writev', 'destroy', 'final']);
  Stream.call(this, options);
  return undefined;
}
inherits(Writable, Stream);
Object.defineProperty(Writable, Symbol.hasInstance, {
  value(object) {
    if (Function.prototype[Symbol.hasInstance].call(this, object)) return true;
    return this === Writable && Boolean(object) && object._writableState instanceof WritableState;
  },
});

/** Hands the next chunk to _write, unless one is on its way. */
function writeNext(stream) {
  const state = stream._writableState;
  while (!state.writing && !state.corked && !state.destroyed && state.buffered.length > 0) {
    const { chunk, encoding } = state.buffered.shift();
    const size = state.objectMode ? 1 : chunk.length;
    state.writing = true;
    stream._write(chunk, encoding, (error) => {
      state.writing = false;
      state.length -= size;
      state.pendingcb -= 1;
      if (error) stream.destroy(error);
      else writeNext(stream);
    });
  }
}

methods(Writable.prototype, {
  pipe() { this.destroy(failure('ERR_STREAM_CANNOT_PIPE', 'Cannot pipe, not readable')); },
  write(given, encodingOrCallback, callback) {
    const state = this._writableState;
    let chunk = given;
    let encoding = typeof encodingOrCallback === 'string' ? encodingOrCallback : state.defaultEncoding;
    if (chunk === null) throw failure('ERR_STREAM_NULL_VALUES', 'May not write null values to stream', TypeError);
    if (!state.objectMode) {
      if (typeof chunk === 'string') {
        if (state.decodeStrings) {
          chunk = bufferOf(chunk, encoding);
          encoding = 'buffer';
        }
      } else if (chunk instanceof Uint8Array) encoding = 'buffer';
      else throw invalidArgument('chunk', 'of type string or an instance of Buffer, TypedArray, or DataView', chunk);
    }
    if (state.ending || state.destroyed) {
      const error = state.ending ? failure('ERR_STREAM_WRITE_AFTER_END', 'write after end') : failure('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed');
      this.destroy(error);
      return false;
    }
    state.pendingcb += 1;
    state.length += state.objectMode ? 1 : chunk.length;
    state.buffered.push({ chunk, encoding, callback: typeof encodingOrCallback === 'function' ? encodingOrCallback : callback });
    writeNext(this);
    const room = state.length < state.highWaterMark;
    if (!room) state.needDrain = true;
    return room && !state.errored && !state.destroyed;
  },
  cork() { this._writableState.corked += 1; },
  uncork() {
    const state = this._writableState;
    if (state.corked > 0) state.corked -= 1;
    writeNext(this);
  },
  setDefaultEncoding(encoding) {
    if (!require('buffer').Buffer.isEncoding(encoding)) throw failure('ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`, TypeError);
    this._writableState.defaultEncoding = encoding.toLowerCase();
    return this;
  },
  _write(chunk, encoding, callback) {
    if (!this._writev) throw failure('ERR_METHOD_NOT_IMPLEMENTED', 'The _write() method is not implemented');
    this._writev([{ chunk, encoding }], callback);
  },
  _writev: null,
  end(chunk, encoding) {
    const state = this._writableState;
    if (chunk !== null && chunk !== undefined && typeof chunk !== 'function') this.write(chunk, encoding);
    if (state.corked) {
      state.corked = 1;
      this.uncork();
    }
    state.ending = true;
    state.ended = true;
    return this;
  },
  destroy(error, callback) { return destroyStream(this, error, callback); },
  _destroy(error, callback) { callback(error); },
  get closed() { return this._writableState ? this._writableState.closed : false; },
  get destroyed() { return this._writableState ? this._writableState.destroyed : false; },
  set destroyed(value) { if (this._writableState) this._writableState.destroyed = value; },
  get writable() {
    const state = this._writableState;
    return Boolean(state) && state.writable !== false && !state.destroyed && !state.errored && !state.ending && !state.ended;
  },
  set writable(value) { if (this._writableState) this._writableState.writable = Boolean(value); },
  get writableFinished() { return this._writableState ? this._writableState.finished : false; },
  get writableObjectMode() { return this._writableState ? this._writableState.objectMode : false; },
  get writableBuffer() { return this._writableState && this._writableState.getBuffer(); },
  get writableEnded() { return this._writableState ? this._writableState.ending : false; },
  get writableNeedDrain() { return Boolean(this._writableState) && !this._writableState.destroyed && !this._writableState.ending && this._writableState.needDrain; },
  get writableHighWaterMark() { return this._writableState && this._writableState.highWaterMark; },
  get writableCorked() { return this._writableState ? this._writableState.corked : 0; },
  get writableLength() { return this._writableState && this._writableState.length; },
  get errored() { return this._writableState ? this._writableState.errored : null; },
  get writableAborted() { return Boolean(this._writableState.writable !== false && (this._writableState.destroyed || this._writableState.errored) && !this._writableState.finished); },
});
hide(Writable.prototype, { [Symbol.for('nodejs.rejection')](error) { this.destroy(error); } });

function Duplex(options) {
  if (!(this instanceof Duplex)) return new Duplex(options);
  Readable.call(this, options);
  Writable.call(this, options);
  this.allowHalfOpen = !options || options.allowHalfOpen !== false;
  if (options && options.readable === false) Object.assign(this._readableState, { readable: false, ended: true, endEmitted: true });
  if (options && options.writable === false) Object.assign(this._writableState, { writable: false, ending: true, ended: true, finished: true });
  return undefined;
}
inherits(Duplex, Readable);
for (const name of Object.getOwnPropertyNames(Writable.prototype)) {
  if (name in Duplex.prototype && !/^(destroyed|closed|errored)$/.test(name)) continue;
  Object.defineProperty(Duplex.prototype, name, Object.getOwnPropertyDescriptor(Writable.prototype, name));
}
Object.defineProperty(Duplex.prototype, 'destroyed', {
  configurable: true,
  get() { return Boolean(this._readableState && this._writableState && this._readableState.destroyed && this._writableState.destroyed); },
  set(value) { if (this._readableState && this._writableState) this._readableState.destroyed = this._writableState.destroyed = value; },
});

function Transform(options) {
  if (!(this instanceof Transform)) return new Transform(options);
  Duplex.call(this, options);
  this._readableState.sync = false;
  takeHooks(this, options, ['transform', 'flush']);
  return undefined;
}
inherits(Transform, Duplex);
methods(Transform.prototype, {
  _transform() { throw failure('ERR_METHOD_NOT_IMPLEMENTED', 'The _transform() method is not implemented'); },
  _write(chunk, encoding, callback) {
    this._transform(chunk, encoding, (error, value) => {
      if (!error && value !== null && value !== undefined) this.push(value);
      callback(error);
    });
  },
  _read() {},
  _final(callback) {
    if (typeof this._flush === 'function') this._flush(callback);
    else callback();
  },
});

function PassThrough(options) {
  if (!(this instanceof PassThrough)) return new PassThrough(options);
  Transform.call(this, options);
  return undefined;
}
inherits(PassThrough, Transform);
PassThrough.prototype._transform = function (chunk, encoding, callback) { callback(null, chunk); };

function destroyStream(stream, error) {
  const states = [stream._readableState, stream._writableState].filter(Boolean);
  if (states.some((state) => state.destroyed)) return stream;
  for (const state of states) {
    state.destroyed = true;
    if (error) state.errored ??= error;
  }
  stream._destroy(error || null, (failed) => {
    for (const state of states) {
      state.closed = true;
      if (failed) state.errored ??= failed;
    }
  });
  return stream;
}

function addAbortSignal(signal, stream) {
  if (typeof signal !== 'object' || signal === null || !('aborted' in signal)) throw invalidArgument('signal', 'an instance of AbortSignal', signal);
  const abort = () => stream.destroy(Object.assign(new Error('The operation was aborted', { cause: signal.reason }), { name: 'AbortError', code: 'ABORT_ERR' }));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort);
  return stream;
}

const isStream = (value) => Boolean(value) && typeof value === 'object' && (Boolean(value._readableState) || Boolean(value._writableState) || (typeof value.on === 'function' && (typeof value.write === 'function' || typeof value.pipe === 'function')));

/** Nothing ends within an evaluation, so the callback is never due. */
function finished(stream, options, callback) {
  checkFunction(typeof options === 'function' ? options : callback, 'callback');
  if (!isStream(stream)) throw invalidArgument('stream', 'an instance of ReadableStream, WritableStream, or Stream', stream);
  return () => {};
}

function pipeline(...given) {
  const callback = given.pop();
  checkFunction(callback, 'streams[stream.length - 1]');
  const streams = given.length === 1 && Array.isArray(given[0]) ? given[0] : given;
  if (streams.length < 2) throw failure('ERR_MISSING_ARGS', 'The "streams" argument must be specified', TypeError);
  if (!streams.every(isStream)) refuse('stream.pipeline of something that is not a stream');
  return streams.reduce((from, to) => from.pipe(to));
}

/** Two streams, each of which reads what the other is written. */
function duplexPair(options) {
  const sides = [0, 1].map((at) => new Duplex({
    ...options,
    read() {},
    write(chunk, encoding, callback) {
      sides[1 - at].push(chunk);
      callback();
    },
  }));
  return sides;
}

const never = (check) => (...args) => {
  check(...args);
  return new Promise(() => {});
};
const promises = {
  pipeline: never((...args) => pipeline(...args.filter((one) => isStream(one) || Array.isArray(one)), () => {})),
  finished: never((stream) => finished(stream, () => {})),
};

methods(Readable, {
  ReadableState,
  _fromList: (n, state) => take(state, n),
  from(iterable, options) {
    const readable = new Readable({ objectMode: true, highWaterMark: 1, read() {}, ...options });
    if (typeof iterable === 'string' || iterable instanceof Uint8Array) {
      readable.push(iterable);
      readable.push(null);
      return readable;
    }
    if (!iterable || (typeof iterable[Symbol.iterator] !== 'function' && typeof iterable[Symbol.asyncIterator] !== 'function')) throw invalidArgument('iterable', 'an instance of Iterable', iterable);
    if (typeof iterable[Symbol.iterator] !== 'function') return readable;
    const iterator = iterable[Symbol.iterator]();
    readable._read = () => {
      const { value, done } = iterator.next();
      readable.push(done ? null : value);
    };
    return readable;
  },
  fromWeb: () => refuse('stream.Readable.fromWeb'),
  toWeb: () => refuse('stream.Readable.toWeb'),
  wrap: (old, options) => new Readable({ objectMode: old.readableObjectMode ?? old.objectMode ?? true, ...options }).wrap(old),
});
methods(Writable, { WritableState, fromWeb: () => refuse('stream.Writable.fromWeb'), toWeb: () => refuse('stream.Writable.toWeb') });
methods(Duplex, {
  fromWeb: () => refuse('stream.Duplex.fromWeb'),
  toWeb: () => refuse('stream.Duplex.toWeb'),
  from: (source) => (isStream(source) ? source : refuse('stream.Duplex.from')),
});

Object.assign(Stream, {
  Stream, Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished, addAbortSignal, duplexPair,
  compose: () => refuse('stream.compose'),
  destroy: (stream, error) => destroyStream(stream, error),
  isDestroyed: (stream) => (isStream(stream) ? Boolean(stream.destroyed) : null),
  isDisturbed: (stream) => Boolean(stream && stream._readableState && (stream.readableDidRead || stream.readableAborted)),
  isErrored: (stream) => Boolean(stream && stream.errored),
  isReadable: (stream) => (stream && stream._readableState ? stream.readable : null),
  isWritable: (stream) => (stream && stream._writableState ? stream.writable : null),
  getDefaultHighWaterMark: defaultMark,
  setDefaultHighWaterMark(objectMode, value) {
    if (objectMode) objectHighWaterMark = value;
    else highWaterMark = value;
  },
  _isUint8Array: (value) => value instanceof Uint8Array,
  _isArrayBufferView: (value) => ArrayBuffer.isView(value),
  _uint8ArrayToBuffer: (value) => require('buffer').Buffer.from(value.buffer, value.byteOffset, value.byteLength),
});
Object.defineProperty(Stream, 'promises', { configurable: true, enumerable: true, get: () => promises });

module.exports = Stream;
