'use strict';

// The modules about Node itself and its threads, terminals and codecs: known by name and shape, for the most part.

const native = require('pandora:binding');
const build = require('./shape');

const self = function () { return this; };
const quiet = () => {};

function makeCluster() {
  const EventEmitter = require('events');
  const cluster = new EventEmitter();
  function setupPrimary(options) {
    const exec = { args: process.argv.slice(2), exec: process.argv[1], execArgv: process.execArgv, silent: false };
    cluster.settings = { ...exec, ...cluster.settings, ...options };
  }
  return build('cluster', {
    target: cluster,
    exports: { setupPrimary, setupMaster: setupPrimary, disconnect: quiet },
    constructible: ['Worker'],
  });
}

function makeThreads() {
  const data = new Map();
  const listen = { on: self, once: self, off: self, addListener: self, removeListener: self, removeAllListeners: self };
  const threads = build('worker_threads', {
    exports: {
      SHARE_ENV: Symbol.for('nodejs.worker_threads.SHARE_ENV'),
      MessageChannel: class MessageChannel {
        constructor() {
          for (const name of ['port1', 'port2']) this[name] = Object.create(threads.MessagePort.prototype);
        }
      },
      markAsUntransferable: quiet,
      getEnvironmentData: (key) => data.get(key),
      setEnvironmentData(key, value) {
        if (value === undefined) data.delete(key);
        else data.set(key, value);
      },
    },
    methods: {
      // A message arrives after the evaluation.
      MessagePort: { postMessage: quiet, start: quiet, close: quiet, ref: quiet, unref: quiet, hasRef: () => false },
      NodeEventTarget: listen,
      EventTarget: { addEventListener: quiet, removeEventListener: quiet },
    },
  });
  return threads;
}

function makeVM() {
  const contexts = new WeakSet();
  const nameOf = (options) => (typeof options === 'string' ? options : options && options.filename) || 'evalmachine.<anonymous>';
  const scripts = new WeakMap();
  const vm = build('vm', {
    exports: {
      createContext(context = {}) {
        contexts.add(context);
        return context;
      },
      isContext: (context) => contexts.has(context),
      createScript: (source, options) => new vm.Script(source, options),
      runInThisContext: (source, options) => native.script(String(source), nameOf(options))(),
      compileFunction(source, params = [], options = {}) {
        if (options.parsingContext || options.contextExtensions) build.refuse('vm.compileFunction in a context');
        return native.script(`(function (${params.join(', ')}) {${source}\n})`, nameOf(options))();
      },
    },
    constructible: {
      Script(source, options) {
        scripts.set(this, native.script(String(source), nameOf(options), (options && options.lineOffset) || 0));
      },
    },
    methods: { Script: { runInThisContext() { return scripts.get(this)(); } } },
  });
  return vm;
}

function makeZlib() {
  const kinds = ['Deflate', 'Inflate', 'Gzip', 'Gunzip', 'DeflateRaw', 'InflateRaw', 'Unzip', 'BrotliCompress', 'BrotliDecompress'];
  const exports = {};
  for (const kind of kinds) exports[`create${kind}`] = (options) => new zlib[kind](options);
  const data = (value, name) => {
    if (typeof value === 'string') return Buffer.from(value);
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    if (ArrayBuffer.isView(value)) return value;
    const received = value === null || value === undefined ? String(value) : `type ${typeof value} (${require('./inspect').inspect(value)})`;
    throw Object.assign(new TypeError(`The "${name}" argument must be of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer. Received ${received}`), { code: 'ERR_INVALID_ARG_TYPE' });
  };
  // What was packed can be unpacked in one way only; packing is for Node.
  for (const [name, kind] of Object.entries({ gunzipSync: 'gzip', inflateSync: 'zlib', inflateRawSync: 'raw', unzipSync: 'any' })) {
    exports[name] = (value, options) => {
      const out = options === undefined ? native.inflate(kind, data(value, 'buffer')) : undefined;
      if (out === undefined) build.refuse(`zlib.${name} of this`);
      if (out === 'header') throw Object.assign(new Error('incorrect header check'), { errno: -3, code: 'Z_DATA_ERROR' });
      if (out === 'end') throw Object.assign(new Error('unexpected end of file'), { errno: -5, code: 'Z_BUF_ERROR' });
      return Buffer.from(out);
    };
  }
  exports.crc32 = (value, before = 0) => native.crc32(data(value, 'data'), before);
  const zlib = build('zlib', { exports, constructible: kinds, methods: { ZlibBase: { reset: quiet, close: quiet, params: quiet } } });
  return zlib;
}

const interfaceMethods = {
  pause: self, resume: self, close: quiet,
  setPrompt(prompt) { this._prompt = prompt; },
  getPrompt() { return this._prompt; },
};
function initInterface(input, output) {
  const options = input && input.input ? input : { input, output };
  Object.assign(this, { input: options.input, output: options.output, terminal: Boolean(options.terminal), line: '', cursor: 0, _prompt: options.prompt === undefined ? '> ' : options.prompt });
}

function makeReadline() {
  const readline = build('readline', {
    exports: {
      createInterface: (...args) => new readline.Interface(...args), emitKeypressEvents: quiet,
      get promises() { return module.exports['readline/promises']; },
    },
    constructible: { Interface: initInterface },
    methods: { 'Interface~': interfaceMethods },
  });
  return readline;
}

function makeReadlinePromises() {
  const readline = build('readline/promises', {
    exports: { createInterface: (...args) => new readline.Interface(...args) },
    constructible: { Interface: initInterface },
    methods: { 'Interface~': interfaceMethods },
  });
  return readline;
}

function makeDomain() {
  const domain = build('domain', {
    exports: { create: () => new domain.Domain(), createDomain: () => new domain.Domain() },
    constructible: {
      Domain() { this.members = []; },
    },
    methods: {
      Domain: {
        enter: quiet, exit: quiet,
        add(member) { this.members.push(member); },
        remove(member) { this.members = this.members.filter((one) => one !== member); },
        run(callback, ...args) { return callback.apply(this, args); },
        bind: (callback) => callback,
        intercept: (callback) => (error, ...args) => (error ? undefined : callback(...args)),
      },
    },
  });
  return domain;
}

function makeV8() {
  return build('v8', {
    exports: {
      setFlagsFromString: quiet, takeCoverage: quiet, stopCoverage: quiet, setHeapSnapshotNearHeapLimit: quiet,
      startupSnapshot: {
        addDeserializeCallback: () => build.refuse('v8.startupSnapshot'), addSerializeCallback: () => build.refuse('v8.startupSnapshot'),
        setDeserializeMainFunction: () => build.refuse('v8.startupSnapshot'), isBuildingSnapshot: () => false,
      },
    },
  });
}

const makers = {
  cluster: makeCluster, worker_threads: makeThreads, vm: makeVM, zlib: makeZlib, readline: makeReadline,
  'readline/promises': makeReadlinePromises, domain: makeDomain, v8: makeV8,
  // Libraries of colours ask the prototype; what is printed while an application is described has none.
  tty: () => build('tty', {
    exports: { isatty: () => false },
    methods: { WriteStream: { hasColors: () => false, getColorDepth: () => 1 } },
  }),
  inspector: () => build('inspector', { exports: { url: () => undefined, close: quiet }, constructible: ['Session'] }),
  trace_events: () => build('trace_events', { exports: { getEnabledCategories: () => undefined } }),
  constants: () => build('constants'),
  repl: () => build('repl'),
  wasi: () => build('wasi'),
  'stream/web': () => build('stream/web'),
};
for (const [name, make] of Object.entries(makers)) build.lazily(module.exports, name, { configurable: true, enumerable: true }, make);
