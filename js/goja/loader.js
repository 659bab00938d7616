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
    'path/posix': ['path'], 'path/win32': ['win32'], process: ['process'], querystring: ['querystring'], string_decoder: ['string_decoder'],
    punycode: ['punycode'], stream: ['stream'], 'stream/promises': ['stream', 'promises'], sys: ['util'], timers: ['timers'], 'timers/promises': ['timers', 'promises'], url: ['url'], util: ['util'],
    'util/types': ['util', 'types'], perf_hooks: ['perf_hooks'],
    async_hooks: ['async_hooks'], child_process: ['child_process'], crypto: ['crypto'], diagnostics_channel: ['diagnostics_channel'],
  };

  // In a session timers fire.
  if (native.live) for (const name of ['timers', 'timers/promises']) shims[name][0] = 'livetimers';

  // Modules that are known by their shape; each is a member of a file.
  for (const [file, names] of [
    ['network', ['net', 'tls', 'dns', 'dns/promises', 'dgram']],
    ['http', ['http', 'https', 'http2']],
    ['runtime', ['cluster', 'constants', 'domain', 'inspector', 'readline', 'readline/promises', 'repl', 'stream/web', 'trace_events', 'tty', 'v8', 'vm', 'wasi', 'worker_threads', 'zlib']],
  ]) for (const name of names) if (!shims[name]) shims[name] = [file, name];

  // And requests are made.
  if (native.live) for (const name of ['http', 'https']) shims[name][0] = 'livehttp';

  /** Ends up as an error of kind "unsupported", also when the user's code catches it. */
  function refuse(what) {
    const error = new Error(`${what} is not available ${native.live ? 'in a script host' : 'while the structure of an application is evaluated'}`);
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
      if (spec === 'pandora:loader' && dir === 'goja') return { refuse, inert, Module, requireCore, coreName, isPackage, dirname };
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
    } else exports = inert(name);
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

  Module._cache = Object.create(null);

  const main = new Module('.', null);
  main.filename = native.mainFile;
  main.loaded = true;

  function checkSpecifier(spec, name = 'request') {
    if (typeof spec === 'string') return;
    const error = new TypeError(`The "${name}" argument must be of type string. Received ${received(spec)}`);
    error.code = 'ERR_INVALID_ARG_TYPE';
    throw error;
  }

  const received = (value) => requireEmbedded('goja/errors.js').received(value);

  function requireStack(parent) {
    const stack = [];
    for (let at = parent; at && at !== main; at = at.parent) stack.push(at.filename || at.id);
    return stack;
  }

  const errorTypes = { __proto__: null, TypeError, SyntaxError };

  /** Folders that every bare name is looked up in after node_modules; known when first needed. */
  let globalPaths;
  function initPaths() {
    const { env, execPath } = requireCore('process');
    const home = env.HOME ? [`${env.HOME}/.node_modules`, `${env.HOME}/.node_libraries`] : [];
    const prefix = execPath.startsWith('/') ? [requireCore('path').join(execPath, '../../lib/node')] : [];
    globalPaths = [...(env.NODE_PATH || '').split(':').filter(Boolean), ...home, ...prefix];
    Module.globalPaths = globalPaths.slice();
  }

  /** Whether a specifier names a file by path. As in Node, "..x" does and ".x" does not. */
  const isRelative = (spec) => spec[0] === '.' && (spec.length === 1 || spec[1] === '.' || spec[1] === '/');

  Module._resolveLookupPaths = (spec, parent) => {
    if (core.has(spec.startsWith('node:') ? spec.slice(5) : spec)) return null;
    if (isRelative(spec)) {
      if (parent && parent.id && parent.filename) return [dirname(parent.filename)];
      return ['.', ...native.nodeModulePaths(native.dir)];
    }
    if (globalPaths === undefined) initPaths();
    const paths = parent && parent.paths && parent.paths.length > 0 ? parent.paths.concat(globalPaths) : globalPaths;
    return paths.length > 0 ? paths : null;
  };

  const usualExtensions = '.js,.json,.node';

  /** Undefined as long as nobody has registered more extensions than Node has. */
  function extensions() {
    const list = Object.keys(Module._extensions);
    return list.join() === usualExtensions ? undefined : list;
  }

  function fail(found, parent) {
    let { message } = found;
    const error = new (errorTypes[found.type] || Error)(message);
    Object.assign(error, found.properties);
    if (found.asked) {
      const stack = requireStack(parent);
      if (stack.length > 0) message += `\nRequire stack:\n- ${stack.join('\n- ')}`;
      error.message = message;
      error.requireStack = stack;
    }
    throw error;
  }

  Module._findPath = (spec, paths) => {
    const found = native.resolve(spec, '', spec.startsWith('/') ? [] : paths || [], extensions());
    if (typeof found === 'string') return found;
    return found.asked ? false : fail(found);
  };

  function lookupPaths(spec, parent, options) {
    if (typeof options !== 'object' || options === null || options.paths === undefined) return Module._resolveLookupPaths(spec, parent);
    if (!Array.isArray(options.paths)) {
      throw Object.assign(new TypeError(`The property 'options.paths' is invalid. Received ${requireCore('util').inspect(options.paths)}`), { code: 'ERR_INVALID_ARG_VALUE' });
    }
    if (spec.startsWith('./') || spec.startsWith('../')) return options.paths;
    const all = [];
    for (const path of options.paths) {
      const stand = new Module('', null);
      stand.paths = Module._nodeModulePaths(path);
      for (const folder of Module._resolveLookupPaths(spec, stand)) if (!all.includes(folder)) all.push(folder);
    }
    return all;
  }

  Module._resolveFilename = (spec, parent, isMain, options) => {
    checkSpecifier(spec);
    if (Module.isBuiltin(spec)) return spec;
    const paths = lookupPaths(spec, parent, options);
    const found = native.resolve(spec, (parent && parent !== main && parent.filename) || '', paths || [], extensions());
    if (typeof found === 'string') return found;
    return (typescript && found.asked && Module._findTypeScript(spec, parent, paths || [])) || fail(found, parent);
  };

  const typescriptExtensions = ['.ts', '.mts', '.cts', '.tsx'];
  let typescript = false; // set by the first such file: from then on names without extension may mean others
  /** The TypeScript file that a name stands for which no JavaScript file has: "./a" and, in TypeScript, "./a.js". */
  Module._findTypeScript = (spec, parent, paths, forImport) => {
    if (!typescript) return '';
    const file = (parent && parent.filename) || '';
    let found = native.resolve(spec, file, paths, typescriptExtensions, forImport);
    const written = typeof found !== 'string' && typescriptExtensions.includes(extname(file)) && /^(\.{1,2}\/.*)\.([mc]?)js$/.exec(spec);
    if (written) found = native.resolve(`${written[1]}.${written[2]}ts`, file, paths, []);
    return typeof found === 'string' ? found : '';
  };
  const extname = (filename) => /\.[^./]*$|$/.exec(filename)[0];

  function adopt(parent, child) {
    if (parent && parent.children && !parent.children.includes(child)) parent.children.push(child);
  }

  // What was asked for from a folder, as long as it is loaded: Node does not look again either.
  const resolved = Object.create(null);

  // The packages of Pandora.js work only in a Node of its own. Here they are known by their shape, installed or not.
  const packages = /^(?:dorapan|pandora(?:-(?:dollar|env|hook|hub|messenger|metrics|service-logger))?)$/;

  function isPackage(spec, parent) {
    if (!packages.test(spec)) return false;
    if (!requireEmbedded('goja/packages.js').PLAIN.includes(spec)) return true;
    try {
      Module._resolveFilename(spec, parent);
      return false;
    } catch {
      return true;
    }
  }

  function loadPackage(spec, parent) {
    const id = `pandora:packages/${spec}`;
    if (!Module._cache[id]) {
      const module = new Module(id);
      module.filename = id;
      module.exports = requireEmbedded('goja/packages.js').load(spec);
      module.loaded = true;
      Module._cache[id] = module;
    }
    adopt(parent, Module._cache[id]);
    return Module._cache[id].exports;
  }

  Module._load = (spec, parent, isMain) => {
    checkSpecifier(spec);
    if (isPackage(spec, parent)) return loadPackage(spec, parent);
    const place = parent && `${parent.path}\0${spec}`;
    const before = place && Module._cache[resolved[place]];
    if (before) {
      adopt(parent, before);
      return before.exports;
    }
    if (spec.startsWith('node:')) return requireCore(coreName(spec));
    const filename = Module._resolveFilename(spec, parent, isMain);
    const known = Module._cache[filename];
    if (known !== undefined) {
      adopt(parent, known);
      return known.exports;
    }
    if (coreName(filename)) return requireCore(coreName(filename));
    const module = new Module(filename, parent);
    Module._cache[filename] = module;
    if (place) resolved[place] = filename;
    let done = false;
    try {
      module.load(filename);
      done = true;
    } finally {
      if (!done) {
        delete Module._cache[filename];
        const siblings = parent && parent.children;
        if (Array.isArray(siblings) && siblings.includes(module)) siblings.splice(siblings.indexOf(module), 1);
      }
    }
    return module.exports;
  };

  /** The longest part of a file's name that an extension is registered for. */
  function extensionOf(filename) {
    const name = filename.slice(filename.lastIndexOf('/') + 1);
    for (let at = name.indexOf('.', 1); at > 0; at = name.indexOf('.', at + 1)) {
      if (Module._extensions[name.slice(at)]) return name.slice(at);
    }
    return '.js';
  }

  const run = (module, filename, wrapper, require) =>
    wrapper.call(module.exports, module.exports, require || makeRequire(module), module, filename, dirname(filename));

  /** Runs what the engine compiled; require is given where some of its answers are special. */
  function start(module, filename, compiled, require) {
    if (compiled.typescript) typescript = true;
    if (compiled.esm) requireEmbedded('goja/modules.js').run(module, compiled, require);
    else run(module, filename, compiled.wrapper, require && decorate(require, module));
  }

  function compile(source, filename) {
    return run(this, filename, native.compileSource(String(source), filename));
  }

  Module._extensions = {
    __proto__: null,
    '.js'(module, filename) {
      // Whoever has put a _compile of his own in the way wants to see the text.
      if (module._compile !== compile) module._compile(native.readSource(filename), filename);
      else start(module, filename, native.compileFile(filename));
    },
    '.json'(module, filename) {
      module.exports = native.parseJSON(filename);
    },
    '.node'(module, filename) {
      refuse(`the native addon ${filename}`);
    },
  };

  Module.prototype.require = function (spec) {
    checkSpecifier(spec, 'id');
    if (spec === '') throw Object.assign(new TypeError("The argument 'id' must be a non-empty string. Received ''"), { code: 'ERR_INVALID_ARG_VALUE' });
    return Module._load(spec, this, false);
  };
  Module.prototype.load = function (filename) {
    this.filename = filename;
    this.paths = Module._nodeModulePaths(dirname(filename));
    Module._extensions[extensionOf(filename)](this, filename);
    this.loaded = true;
  };
  Module.prototype._compile = compile;

  function makeRequire(module) {
    const require = function require(spec) { return module.require(spec); };
    return decorate(require, module);
  }

  function decorate(require, module) {
    require.resolve = function resolve(spec, options) {
      checkSpecifier(spec);
      return Module._resolveFilename(spec, module, false, options);
    };
    require.resolve.paths = function paths(spec) {
      checkSpecifier(spec);
      return Module._resolveLookupPaths(spec, module);
    };
    require.main = main;
    require.cache = Module._cache;
    require.extensions = Module._extensions;
    return require;
  }

  Module.Module = Module;
  Module._pathCache = Object.create(null);
  Module._preloadModules = () => {};
  Module._debug = () => {};
  Module.findSourceMap = () => undefined;
  Module.wrapper = ['(function (exports, require, module, __filename, __dirname) { ', '\n});'];
  for (const name of ['runMain', 'register', 'SourceMap']) Module[name] = { [name]() { return refuse(`module.${name}`); } }[name];
  Module._initPaths = initPaths;
  Module._nodeModulePaths = (dir) => native.nodeModulePaths(dir.startsWith('/') ? dir : requireCore('path').resolve(dir));
  Module.globalPaths = [];
  Module.builtinModules = coreNames;
  Module.isBuiltin = (spec) => core.has(spec) || (spec.startsWith('node:') && (core.has(spec.slice(5)) || prefixedNames.includes(spec.slice(5))));
  Module.wrap = (source) => `(function (exports, require, module, __filename, __dirname) { ${source}\n});`;
  Module.syncBuiltinESMExports = () => {};
  Module.createRequire = (from) => {
    let filename = typeof from === 'object' && from !== null ? from.href : String(from);
    if (filename.startsWith('file://')) filename = requireCore('url').fileURLToPath(filename);
    if (!filename.startsWith('/')) {
      throw requireEmbedded('goja/errors.js').invalidValue('filename', from, 'must be a file URL object, file URL string, or absolute path string');
    }
    const module = new Module(filename);
    module.filename = filename.endsWith('/') ? `${filename}noop.js` : filename;
    module.paths = Module._nodeModulePaths(dirname(module.filename));
    return makeRequire(module);
  };

  // Opaque bindings -----------------------------------------------------------------------------------------------

  const opaqueMark = Symbol.for('pandora.opaque');

  /** The value that stands for a module (or some exports of it) which is only ever handed on as an entry. */
  function opaque(request, file, found) {
    const value = {};
    if (found.esModule) Object.defineProperty(value, '__esModule', { value: true });
    for (const [exportName, hint] of Object.entries(found.exports)) {
      const record = Object.freeze({
        request, exportName, file, name: hint.name, dependencies: hint.dependencies && Object.freeze(hint.dependencies),
      });
      if (exportName === '') value[opaqueMark] = record;
      else value[exportName] = Object.freeze({ [opaqueMark]: record });
    }
    return Object.freeze(value);
  }

  const engine = {
    place: native.place, locate: native.locate, placeOfError: native.placeOfError, ...native.files,
    texts: { __proto__: null }, // by procfile what runs, where that is not what was written
    /** Loads a procfile; modules that it only hands on as entries are not executed. */
    requireProcfile(path) {
      const filename = Module._resolveFilename(path, undefined);
      if (Module._cache[filename]) return Module._cache[filename].exports;
      if (extname(filename) === '.json' || extname(filename) === '.node') return Module._load(filename, undefined);
      const module = new Module(filename, undefined);
      Module._cache[filename] = module;
      module.filename = filename;
      module.paths = native.nodeModulePaths(dirname(filename));
      let done = false;
      try {
        const compiled = native.compileProcfile(filename);
        engine.texts[path] = compiled.text;
        start(module, filename, compiled, procfileRequire(module, compiled));
        module.loaded = true;
        done = true;
      } finally {
        if (!done) delete Module._cache[filename];
      }
      return module.exports;
    },
  };

  /** The require of a procfile: a module that is only handed on is not run, if its text tells enough. */
  function procfileRequire(module, { esm, requests, ...compiled }) {
    const modules = esm && requireEmbedded('goja/modules.js');
    const plain = esm ? modules.importer(module, compiled) : (spec) => module.require(spec);
    const resolve = (request) => (esm ? modules.resolve(request, module) : Module._resolveFilename(request, module));
    const stands = new Map();
    return (spec) => {
      if (typeof spec !== 'string' || !spec.startsWith(native.opaquePrefix)) return plain(spec);
      const request = spec.slice(native.opaquePrefix.length);
      if (coreName(request) || isPackage(request, module)) return plain(request);
      if (!stands.has(request)) {
        const file = resolve(request);
        const found = !Module._cache[file] && native.declarations(file, requests[request], esm);
        stands.set(request, found ? opaque(request, file, found) : undefined);
      }
      return stands.get(request) || plain(request);
    };
  }

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
  for (const name of ['TextEncoder', 'TextDecoder', 'structuredClone', 'AbortController', 'AbortSignal', 'Event', 'EventTarget', 'CustomEvent', 'DOMException', 'WeakRef', 'FinalizationRegistry']) {
    lazy(name, () => requireEmbedded('goja/globals.js')[name]);
  }
  for (const name of ['MessageChannel', 'MessagePort', 'BroadcastChannel']) lazy(name, () => requireCore('worker_threads')[name]);
  for (const name of ['ReadableStream', 'WritableStream', 'TransformStream', 'ByteLengthQueuingStrategy', 'CountQueuingStrategy', 'CompressionStream', 'DecompressionStream', 'TextEncoderStream', 'TextDecoderStream', 'TransformStreamDefaultController', 'WritableStreamDefaultController', 'WritableStreamDefaultWriter', 'ReadableStreamDefaultReader', 'ReadableStreamBYOBReader', 'ReadableStreamBYOBRequest', 'ReadableByteStreamController', 'ReadableStreamDefaultController']) {
    lazy(name, () => requireCore('stream/web')[name]);
  }
  for (const name of ['PerformanceEntry', 'PerformanceMark', 'PerformanceMeasure', 'PerformanceObserver', 'PerformanceObserverEntryList', 'PerformanceResourceTiming']) {
    lazy(name, () => requireCore('perf_hooks')[name]);
  }
  lazy('Intl', () => requireEmbedded('goja/intl.js').Intl);
  lazy('__pandora_async_generator__', () => requireEmbedded('goja/asyncgen.js'));
  lazy('WebAssembly', () => requireEmbedded('goja/webassembly.js'));
  for (const name of ['fetch', 'Response', 'Request', 'Headers', 'FormData', 'Blob', 'MessageEvent']) {
    lazy(name, () => (native.live && ['fetch', 'Response', 'Headers'].includes(name) ? requireEmbedded('goja/livehttp.js')[name] : inert(name)));
  }
  /** A member that is looked up when it is first read. */
  function lazyMember(target, name, get) {
    const put = (value) => Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false });
    Object.defineProperty(target, name, { configurable: true, enumerable: false, get: () => put(get())[name], set: put });
  }
  const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const major = Number.parseInt(native.nodeVersion.slice(1), 10);
  // Node 18 has them only as members of modules.
  if (major >= 20) {
    lazy('crypto', () => requireCore('crypto').webcrypto);
    lazy('File', () => requireCore('buffer').File);
    for (const name of ['Crypto', 'CryptoKey', 'SubtleCrypto']) lazy(name, () => inert(name));
  }
  // By the Node that has them first: code that asks for them is to find what its own Node will answer.
  for (const [since, part, target, names] of [
    [20, 'string', String.prototype, ['isWellFormed', 'toWellFormed']],
    [21, 'object', Object, ['groupBy']],
    [21, 'map', Map, ['groupBy']],
    [21, 'arrayBuffer', ArrayBuffer.prototype, ['transfer']],
    [22, 'promise', Promise, ['withResolvers']],
    [22, 'array', Array, ['fromAsync']],
    [22, 'iterator', iteratorPrototype, ['map', 'filter', 'take', 'drop', 'flatMap', 'reduce', 'toArray', 'forEach', 'some', 'every', 'find']],
    [24, 'promise', Promise, ['try']],
    [24, 'regExp', RegExp, ['escape']],
  ]) {
    for (const name of names) if (major >= since && !(name in target)) lazyMember(target, name, () => requireEmbedded('goja/builtins.js')[part][name]);
  }
  function addMethods(target, members) {
    for (const name of Object.keys(members)) Object.defineProperty(target, name, { value: members[name], writable: true, configurable: true, enumerable: false });
  }
  const accessor = (object, name, part) => {
    for (let at = Object(object); at !== null; at = Object.getPrototypeOf(at)) {
      const own = Object.getOwnPropertyDescriptor(at, name);
      if (own) return own[part];
    }
    return undefined;
  };
  addMethods(Object.prototype, {
    __defineGetter__(name, get) { Object.defineProperty(this, name, { get, enumerable: true, configurable: true }); },
    __defineSetter__(name, set) { Object.defineProperty(this, name, { set, enumerable: true, configurable: true }); },
    __lookupGetter__(name) { return accessor(this, name, 'get'); },
    __lookupSetter__(name) { return accessor(this, name, 'set'); },
  });
  const numberText = function toLocaleString(locales, options) { return new Intl.NumberFormat(locales, options).format(this); };
  addMethods(Number.prototype, { toLocaleString: numberText });
  addMethods(BigInt.prototype, { toLocaleString: numberText });
  const dateText = (date, parts, given) => requireEmbedded('goja/intl.js').dateText(date, given[0], given[1], parts);
  addMethods(Date.prototype, {
    toLocaleString(...given) { return dateText(this, 'both', given); },
    toLocaleDateString(...given) { return dateText(this, 'date', given); },
    toLocaleTimeString(...given) { return dateText(this, 'time', given); },
  });
  Error.captureStackTrace = (object) => {
    const prepare = Error.prepareStackTrace;
    if (typeof prepare !== 'function' && object.stack) return;
    const value = typeof prepare === 'function' ? prepare(object, native.frames().map(requireEmbedded('goja/callsite.js').callSite)) : new Error(object.message).stack;
    Object.defineProperty(object, 'stack', { value, configurable: true, writable: true });
  };
  Error.stackTraceLimit = 10;
  if (!Symbol.asyncIterator) Object.defineProperty(Symbol, 'asyncIterator', { value: Symbol('Symbol.asyncIterator') });
  for (const name of ['dispose', 'asyncDispose']) if (!Symbol[name]) Object.defineProperty(Symbol, name, { value: Symbol(`nodejs.${name}`) });

  return {
    /** Adds something to the language before the first file that needs it. */
    extend(name) { requireEmbedded(`goja/${name}.js`); },
    /** Calls exports[name](argument) of an embedded module and gives the result as JSON text. */
    invoke(id, name, argument) {
      const exports = requireEmbedded(id);
      if (typeof exports[name] !== 'function') throw new Error(`pandora:${id} exports no function "${name}"`);
      const result = JSON.stringify(exports[name](argument === undefined ? undefined : JSON.parse(argument)));
      native.finish(result === undefined ? 'null' : result);
    },
    /** The same in a session, where the result may be a promise; id is that of the call to settle. */
    live(id, name, argument, call) {
      const { settle } = requireEmbedded('goja/session.js');
      settle(call, () => requireEmbedded(id)[name](argument === undefined ? undefined : JSON.parse(argument)));
    },
  };
})
