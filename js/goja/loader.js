// The CommonJS loader: module objects, caches and require functions. What needs files or the parser is native.
// This file is one expression: a function that the engine calls with its native half.
(function (native) {
  'use strict';

  const coreNames = [
    'assert', 'assert/strict', 'async_hooks', 'buffer', 'child_process', 'cluster', 'console', 'constants', 'crypto',
    'dgram', 'diagnostics_channel', 'dns', 'dns/promises', 'domain', 'events', 'fs', 'fs/promises', 'http', 'http2',
    'https', 'inspector', 'module', 'net', 'os', 'path', 'path/posix', 'path/win32', 'perf_hooks', 'process',
    'punycode', 'querystring', 'readline', 'readline/promises', 'repl', 'stream', 'stream/promises', 'stream/web',
    'string_decoder', 'sys', 'timers', 'timers/promises', 'tls', 'trace_events', 'tty', 'url', 'util', 'util/types',
    'v8', 'vm', 'wasi', 'worker_threads', 'zlib',
  ];
  // Reachable with the node: prefix only.
  const prefixedNames = ['sea', 'sqlite', 'test', 'test/reporters'];
  const core = new Set(coreNames);

  // Names that are answered by a file of goja/, or by part of one.
  const shims = {
    __proto__: null,
    assert: ['assert'], 'assert/strict': ['assert', 'strict'], buffer: ['buffer'], console: ['console'],
    events: ['events'], fs: ['fs'], 'fs/promises': ['fs', 'promises'], os: ['os'], path: ['path'],
    'path/posix': ['path'], process: ['process'], querystring: ['querystring'], string_decoder: ['string_decoder'],
    sys: ['util'], timers: ['timers'], 'timers/promises': ['timers', 'promises'], url: ['url'], util: ['util'],
    'util/types': ['util', 'types'], perf_hooks: ['perf_hooks'],
  };

  /** Ends up as an error of kind "unsupported", also when the user's code catches it. */
  function refuse(what) {
    const error = new Error(`${what} is not available while the structure of an application is evaluated`);
    error.code = 'PANDORA_UNSUPPORTED';
    native.unsupported(error);
    throw error;
  }

  /** @type {Record<string, any>} */
  const embedded = Object.create(null);
  const natives = Object.create(null);

  /** Loads a file of the embedded tree, such as "goja/fs.js". */
  function requireEmbedded(id) {
    if (embedded[id]) return embedded[id].exports;
    const module = { id: `pandora:${id}`, filename: `pandora:${id}`, exports: {}, loaded: false };
    embedded[id] = module;
    const dir = id.slice(0, id.lastIndexOf('/'));
    const require = (spec) => {
      if (spec === 'pandora:binding' && dir === 'goja') return native;
      if (spec === 'pandora:loader' && dir === 'goja') return { refuse, inert };
      if (spec === 'pandora:engine') return engine;
      if (spec.startsWith('./') || spec.startsWith('../')) return requireEmbedded(join(dir, spec));
      const name = spec.startsWith('node:') ? spec.slice(5) : spec;
      if (core.has(name)) return requireCore(name);
      throw new Error(`${module.id} requires "${spec}", which is neither embedded nor part of Node`);
    };
    try {
      native.compileEmbedded(id).call(module.exports, module.exports, require, module, module.filename, dir);
    } catch (error) {
      delete embedded[id];
      throw error;
    }
    module.loaded = true;
    return module.exports;
  }

  /** Joins two names of the embedded tree. */
  function join(dir, spec) {
    const parts = dir.split('/');
    for (const part of spec.split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '.') parts.push(part);
    }
    const id = parts.join('/');
    return id.endsWith('.js') ? id : `${id}.js`;
  }

  const inert = (name, known) => requireEmbedded('goja/inert.js')(name, refuse, known);

  function requireCore(name) {
    if (name in natives) return natives[name];
    let exports;
    if (name === 'module') exports = Module;
    else if (shims[name]) {
      exports = requireEmbedded(`goja/${shims[name][0]}.js`);
      if (shims[name][1]) exports = exports[shims[name][1]];
    } else exports = inert(name, requireEmbedded('goja/misc.js')[name]);
    natives[name] = exports;
    return exports;
  }

  /** The name of the core module that a specifier means, or undefined. */
  function coreName(spec) {
    if (core.has(spec)) return spec;
    if (!spec.startsWith('node:')) return undefined;
    const name = spec.slice(5);
    if (core.has(name) || prefixedNames.includes(name)) return name;
    const error = new Error(`No such built-in module: ${spec}`);
    error.code = 'ERR_UNKNOWN_BUILTIN_MODULE';
    throw error;
  }

  const dirname = (path) => {
    const cut = path.lastIndexOf('/');
    return cut <= 0 ? '/' : path.slice(0, cut);
  };

  const cache = Object.create(null);

  function Module(id = '', parent = undefined) {
    this.id = id;
    this.path = dirname(id);
    this.exports = {};
    Object.defineProperty(this, 'parent', { value: parent, writable: true, configurable: true, enumerable: false });
    if (parent && parent.children) parent.children.push(this);
    this.filename = null;
    this.loaded = false;
    this.children = [];
    this.paths = [];
  }

  const main = new Module('.', null);
  main.filename = native.mainFile;
  main.loaded = true;

  function checkSpecifier(spec) {
    if (typeof spec === 'string') return;
    const error = new TypeError(`The "id" argument must be of type string. Received ${spec === null ? 'null' : `type ${typeof spec}`}`);
    error.code = 'ERR_INVALID_ARG_TYPE';
    throw error;
  }

  function requireStack(parent) {
    const stack = [];
    for (let at = parent; at && at !== main; at = at.parent) stack.push(at.filename || at.id);
    return stack;
  }

  const typeErrors = new Set(['ERR_INVALID_ARG_VALUE', 'ERR_PACKAGE_IMPORT_NOT_DEFINED']);

  function resolveFrom(spec, dir, parent, paths) {
    const found = native.resolve(spec, dir, paths);
    if (typeof found === 'string') return found;
    let message = found.message;
    const ErrorType = typeErrors.has(found.code) ? TypeError : Error;
    const error = new ErrorType(message);
    error.code = found.code;
    if (found.asked) {
      error.requireStack = requireStack(parent);
      if (error.requireStack.length > 0) message += `\nRequire stack:\n- ${error.requireStack.join('\n- ')}`;
      error.message = message;
    }
    throw error;
  }

  Module._resolveFilename = (spec, parent, isMain, options) => {
    checkSpecifier(spec);
    if (coreName(spec)) return spec;
    return resolveFrom(spec, parent && parent.filename ? dirname(parent.filename) : native.dir, parent, options && options.paths);
  };

  Module._load = (spec, parent) => {
    checkSpecifier(spec);
    const name = coreName(spec);
    if (name) return requireCore(name);
    const filename = Module._resolveFilename(spec, parent);
    const known = cache[filename];
    if (known) {
      if (parent && parent.children && !parent.children.includes(known)) parent.children.push(known);
      return known.exports;
    }
    const module = new Module(filename, parent);
    load(module, filename);
    return module.exports;
  };

  /** Runs a module that is not in the cache yet. */
  function load(module, filename) {
    cache[filename] = module;
    module.filename = filename;
    module.paths = native.nodeModulePaths(dirname(filename));
    let done = false;
    try {
      const cut = filename.lastIndexOf('.');
      const extension = cut > filename.lastIndexOf('/') + 1 ? filename.slice(cut) : '.js';
      (Module._extensions[extension] || Module._extensions['.js'])(module, filename);
      module.loaded = true;
      done = true;
    } finally {
      if (!done) {
        delete cache[filename];
        const siblings = module.parent && module.parent.children;
        if (siblings && siblings.includes(module)) siblings.splice(siblings.indexOf(module), 1);
      }
    }
  }

  const run = (module, filename, wrapper, require) =>
    wrapper.call(module.exports, module.exports, require || makeRequire(module), module, filename, dirname(filename));

  Module._extensions = {
    __proto__: null,
    '.js'(module, filename) {
      run(module, filename, native.compileFile(filename));
    },
    '.json'(module, filename) {
      module.exports = native.parseJSON(filename);
    },
    '.node'(module, filename) {
      refuse(`the native addon ${filename}`);
    },
  };

  Module.prototype.require = function (spec) {
    return Module._load(spec, this);
  };
  Module.prototype.load = function (filename) {
    load(this, filename);
  };
  Module.prototype._compile = function (source, filename) {
    return run(this, filename, native.compileSource(String(source), filename));
  };

  function makeRequire(module) {
    const require = (spec) => module.require(spec);
    return decorate(require, module);
  }

  function decorate(require, module) {
    require.resolve = (spec, options) => Module._resolveFilename(spec, module, false, options);
    require.resolve.paths = (spec) => {
      checkSpecifier(spec);
      if (coreName(spec)) return null;
      const dir = dirname(module.filename);
      return /^\.\.?(\/|$)/.test(spec) ? [dir] : native.nodeModulePaths(dir);
    };
    require.main = main;
    require.cache = cache;
    require.extensions = Module._extensions;
    return require;
  }

  Module.Module = Module;
  Module._cache = cache;
  Module._nodeModulePaths = (dir) => native.nodeModulePaths(dir);
  Module._resolveLookupPaths = (spec, parent) => makeRequire(parent || main).resolve.paths(spec);
  Module.globalPaths = [];
  Module.builtinModules = coreNames;
  Module.isBuiltin = (spec) => core.has(spec) || (spec.startsWith('node:') && (core.has(spec.slice(5)) || prefixedNames.includes(spec.slice(5))));
  Module.wrap = (source) => `(function (exports, require, module, __filename, __dirname) { ${source}\n});`;
  Module.syncBuiltinESMExports = () => {};
  Module.createRequire = (from) => {
    let filename = typeof from === 'object' && from !== null ? from.href : String(from);
    if (filename.startsWith('file://')) filename = requireCore('url').fileURLToPath(filename);
    if (!filename.startsWith('/')) {
      const error = new TypeError(`The argument 'filename' must be a file URL object, file URL string, or absolute path string. Received '${from}'`);
      error.code = 'ERR_INVALID_ARG_VALUE';
      throw error;
    }
    const module = new Module(filename);
    module.filename = filename.endsWith('/') ? `${filename}noop.js` : filename;
    module.paths = native.nodeModulePaths(dirname(module.filename));
    return makeRequire(module);
  };

  // Opaque bindings -----------------------------------------------------------------------------------------------

  const opaqueMark = Symbol.for('pandora.opaque');

  /** The value that stands for a module (or some exports of it) which is only ever handed on as an entry. */
  function opaque(request, file, found) {
    const value = {};
    for (const [exportName, hint] of Object.entries(found)) {
      const record = Object.freeze({
        request, exportName, file, name: hint.name, dependencies: hint.dependencies && Object.freeze(hint.dependencies),
      });
      if (exportName === '') value[opaqueMark] = record;
      else value[exportName] = Object.freeze({ [opaqueMark]: record });
    }
    return Object.freeze(value);
  }

  const engine = {
    /** Loads a procfile; modules that it only hands on as entries are not executed. */
    requireProcfile(path) {
      const filename = resolveFrom(path, native.dir, undefined);
      if (cache[filename]) return cache[filename].exports;
      if (!filename.endsWith('.js') && !filename.endsWith('.cjs')) return Module._load(filename, undefined);
      const module = new Module(filename, undefined);
      cache[filename] = module;
      module.filename = filename;
      module.paths = native.nodeModulePaths(dirname(filename));
      const { wrapper, requests } = native.compileProcfile(filename);
      const stands = new Map();
      const require = decorate((spec) => {
        if (typeof spec !== 'string' || !spec.startsWith(native.opaquePrefix)) return module.require(spec);
        const request = spec.slice(native.opaquePrefix.length);
        if (coreName(request)) return module.require(request);
        if (!stands.has(request)) {
          const file = Module._resolveFilename(request, module);
          const found = !cache[file] && native.declarations(file, requests[request]);
          stands.set(request, found ? opaque(request, file, found) : undefined);
        }
        return stands.get(request) || module.require(request);
      }, module);
      let done = false;
      try {
        run(module, filename, wrapper, require);
        module.loaded = true;
        done = true;
      } finally {
        if (!done) delete cache[filename];
      }
      return module.exports;
    },
  };

  // Globals -------------------------------------------------------------------------------------------------------

  function lazy(name, get) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get() {
        const value = get();
        Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
        return value;
      },
      set(value) {
        Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
      },
    });
  }
  lazy('global', () => globalThis);
  lazy('process', () => requireCore('process'));
  lazy('console', () => requireCore('console'));
  for (const name of ['Buffer', 'atob', 'btoa']) lazy(name, () => requireCore('buffer')[name]);
  for (const name of ['URL', 'URLSearchParams']) lazy(name, () => requireCore('url')[name]);
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate']) {
    lazy(name, () => requireCore('timers')[name]);
  }
  lazy('queueMicrotask', () => requireCore('timers').queueMicrotask);
  lazy('performance', () => requireCore('perf_hooks').performance);
  for (const name of ['TextEncoder', 'TextDecoder', 'structuredClone', 'AbortController', 'AbortSignal', 'Event', 'EventTarget', 'WeakRef', 'FinalizationRegistry']) {
    lazy(name, () => requireEmbedded('goja/globals.js')[name]);
  }
  for (const name of ['fetch', 'Intl', 'WebAssembly', 'crypto', 'MessageChannel', 'BroadcastChannel', 'Worker', 'Response', 'Request', 'Headers', 'FormData', 'Blob']) {
    lazy(name, () => inert(name));
  }
  class CallSite {
    #frame;
    constructor(frame) { this.#frame = frame; }
    getFileName() { return this.#frame.file; }
    getScriptNameOrSourceURL() { return this.#frame.file; }
    getLineNumber() { return this.#frame.line; }
    getColumnNumber() { return this.#frame.column; }
    getFunctionName() { return this.#frame.name || null; }
    getMethodName() { return null; }
    getTypeName() { return null; }
    getThis() { return undefined; }
    getFunction() { return undefined; }
    getEvalOrigin() { return undefined; }
    isNative() { return false; }
    isEval() { return false; }
    isToplevel() { return true; }
    isConstructor() { return false; }
    isAsync() { return false; }
    toString() { return `${this.#frame.name || '<anonymous>'} (${this.#frame.file}:${this.#frame.line}:${this.#frame.column})`; }
  }
  Error.captureStackTrace = (object) => {
    const prepare = Error.prepareStackTrace;
    if (typeof prepare !== 'function' && object.stack) return;
    const value = typeof prepare === 'function' ? prepare(object, native.frames().map((frame) => new CallSite(frame))) : new Error(object.message).stack;
    Object.defineProperty(object, 'stack', { value, configurable: true, writable: true });
  };
  Error.stackTraceLimit = 10;
  if (!Symbol.asyncIterator) Object.defineProperty(Symbol, 'asyncIterator', { value: Symbol('Symbol.asyncIterator') });

  return {
    /** Calls exports[name](argument) of an embedded module and gives the result as JSON text. */
    invoke(id, name, argument) {
      const exports = requireEmbedded(id);
      if (typeof exports[name] !== 'function') throw new Error(`pandora:${id} exports no function "${name}"`);
      const result = JSON.stringify(exports[name](argument === undefined ? undefined : JSON.parse(argument)));
      native.finish(result === undefined ? 'null' : result);
    },
  };
})
