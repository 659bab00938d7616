'use strict';

// What ES modules need beyond the loader: import's way of finding files, namespaces, import.meta. The engine has turned
// their import statements into calls of the require that they are given here.

const native = require('pandora:binding');
const { Module, requireCore, coreName, isPackage, dirname, refuse } = require('pandora:loader');

/** @type {WeakMap<object, {raw: any, namespace: any}>} by module object; only ES modules have one */
const records = new WeakMap();
/** @type {Map<any, any>} namespaces of what is no ES module, by its exports */
const wrapped = new Map();

/** Specifiers of relative files are parts of URLs: with escapes, and perhaps a query, which makes another module. */
function pathOf(spec) {
  if (spec.startsWith('file:')) return requireCore('url').fileURLToPath(spec);
  if (/^[a-z][a-z0-9+.-]+:/i.test(spec)) refuse(`the import of "${spec}"`);
  if (!/^(\.{1,2})?\//.test(spec)) return spec;
  if (/[?#]/.test(spec)) refuse(`the import of "${spec}", a file with a query,`);
  return spec.includes('%') ? decodeURIComponent(spec) : spec;
}

function missing(spec, module, found) {
  if (!found.asked && !(found.properties && found.properties.code === 'MODULE_NOT_FOUND')) {
    const ErrorType = found.type === 'SyntaxError' ? SyntaxError : found.type === 'TypeError' ? TypeError : Error;
    throw Object.assign(new ErrorType(found.message), found.properties);
  }
  const byPath = /^(\.{0,2}\/|file:)/.test(spec);
  const what = byPath ? `module '${requireCore('path').resolve(dirname(module.filename), pathOf(spec))}'`
    : `package '${/^(@[^/]+\/)?[^/]*/.exec(spec)[0]}'`;
  throw Object.assign(new Error(`Cannot find ${what} imported from ${module.filename}`), { code: 'ERR_MODULE_NOT_FOUND' });
}

/** The file that an import statement of a module means. */
function resolve(spec, module) {
  const path = pathOf(spec);
  const relative = /^\.{1,2}\//.test(path);
  const paths = relative ? [dirname(module.filename)] : path.startsWith('/') ? [] : Module._nodeModulePaths(dirname(module.filename));
  // No extension is tried, except for the main file of a package.
  const whole = !relative && !path.startsWith('/') && /^(@[^/]+\/)?[^/]+$/.test(path);
  const found = native.resolve(path, module.filename, paths, whole ? undefined : [], true);
  if (typeof found === 'string') return found;
  return (found.asked && Module._findTypeScript(path, module, paths, true)) || missing(spec, module, found);
}

function member(namespace, key, get) {
  Object.defineProperty(namespace, key, { get, enumerable: true, configurable: false });
}

const named = (namespace) => Object.defineProperty(namespace, Symbol.toStringTag, { value: 'Module' });

/** Adds the exports that are known by now. */
function fill(record) {
  for (const key of Object.keys(record.raw).sort()) {
    if (!Object.prototype.hasOwnProperty.call(record.namespace, key)) member(record.namespace, key, () => record.raw[key]);
  }
}

/** What a CommonJS module gets that requires this one. */
function exportsOf(record) {
  const { raw, namespace } = record;
  if ('module.exports' in raw) return raw['module.exports'];
  if (!('default' in raw) || '__esModule' in raw) return namespace;
  const marked = Object.create(null);
  member(marked, '__esModule', () => true);
  for (const key of Object.keys(namespace)) member(marked, key, () => raw[key]);
  return Object.preventExtensions(named(marked));
}

/** The namespace of CommonJS: its exports as the default, and every member, or those given, by its name. */
function wrap(exports, given) {
  if (wrapped.has(exports)) return wrapped.get(exports);
  const namespace = Object.create(null);
  if ((typeof exports === 'object' && exports !== null) || typeof exports === 'function') {
    const keys = (given || Object.keys(exports)).filter((key) => key !== 'default');
    if (!given && Object.prototype.hasOwnProperty.call(exports, '__esModule') && !keys.includes('__esModule')) keys.push('__esModule');
    for (const key of keys.concat('default').sort()) member(namespace, key, key === 'default' ? () => exports : () => exports[key]);
  } else member(namespace, 'default', () => exports);
  wrapped.set(exports, Object.preventExtensions(named(namespace)));
  return namespace;
}

/** Throws for names that are imported and not exported, as Node does before it runs anything. */
function check(spec, filename, names, namespace, record) {
  for (const name of names) {
    if (!(name in namespace)) {
      if (record && !Object.isFrozen(record)) continue;
      throw new SyntaxError(`The requested module '${spec}' does not provide an export named '${name}'`);
    }
  }
  if (record || !filename) return;
  const hidden = native.hiddenExports(filename, names.filter((name) => name !== 'default' && name !== '__esModule'));
  // Node learns the names of CommonJS from its text. Whether it finds these there, only Node can tell.
  if (hidden !== undefined) refuse(`the export "${hidden}" of ${filename}, whose name does not stand plainly in its text,`);
}

/** The require of an ES module. */
function importer(module, compiled) {
  return (spec) => {
    const names = compiled.names[spec] || [];
    const core = coreName(spec);
    if (core) {
      const namespace = wrap(requireCore(core));
      const unknown = names.find((name) => !(name in namespace) && !(name in namespace.default));
      if (unknown !== undefined) refuse(`the export "${unknown}" of ${core}`);
      return names.every((name) => name in namespace) ? namespace : Object.assign(Object.create(namespace.default), { default: namespace.default });
    }
    if (isPackage(spec, module)) {
      const namespace = wrap(Module._load(spec, module));
      check(spec, '', names, namespace);
      return namespace;
    }
    const filename = resolve(spec, module);
    if (filename.endsWith('.json') && !compiled.typescript && !compiled.json.includes(spec)) {
      const old = Number.parseInt(requireCore('process').versions.node, 10) < 22;
      throw Object.assign(new TypeError(`Module "${fileURL(filename)}" needs an import attribute of ${old ? 'type "json"' : '"type: json"'}`), {
        code: old ? 'ERR_IMPORT_ASSERTION_TYPE_MISSING' : 'ERR_IMPORT_ATTRIBUTE_MISSING',
      });
    }
    const exports = Module._load(filename, module, false);
    const target = Module._cache[filename];
    const record = target && records.get(target);
    if (record) fill(record);
    const json = filename.endsWith('.json');
    const namespace = record ? record.namespace : json && !compiled.typescript ? wrap(exports, []) : wrap(exports);
    check(spec, json ? '' : filename, names, namespace, record);
    return namespace;
  };
}

/** A path as a file URL, escaped as Node does. */
function fileURL(path) {
  return `file://${path.replace(/[^!$&-;=@-Z[\]_a-z|~]/gu, (c) => (c === '^' ? c : encodeURIComponent(c)))}`;
}

function metaOf(module) {
  return Object.assign(Object.create(null), {
    dirname: dirname(module.filename),
    filename: module.filename,
    resolve: (spec) => {
      const core = coreName(spec);
      return core ? `node:${core}` : fileURL(resolve(spec, module));
    },
    url: fileURL(module.filename),
  });
}

/** Runs an ES module; require may be given for one whose imports are not all loaded. */
function run(module, compiled, require = importer(module, compiled)) {
  const record = { raw: {}, namespace: named(Object.create(null)) };
  records.set(module, record);
  module.exports = record.namespace;
  const own = {
    get exports() { return record.raw; },
    set exports(exports) {
      record.raw = exports;
      fill(record);
    },
  };
  compiled.wrapper.call(undefined, undefined, require, own, metaOf(module));
  const { raw } = record;
  if (typeof raw.default === 'function' && raw.default.name === 'module_default') {
    Object.defineProperty(raw.default, 'name', { value: 'default', configurable: true });
  }
  fill(record);
  Object.preventExtensions(record.namespace);
  module.exports = exportsOf(record);
  Object.freeze(record);
}

module.exports = { importer, resolve, run };
