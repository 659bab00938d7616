'use strict';

// Entries: what a service, applet, environment or configurator is made from. Making one loads nothing.

const { problem, show } = require('./check');

/**
 * Under this key Goja's loader puts what it knows of a class that it did not load, because the procfile only ever hands
 * it over as an entry. In Node no value has it.
 */
const OPAQUE = Symbol.for('pandora.opaque');

/**
 * @typedef {object} Entry
 * @property {'path' | 'class' | 'inline' | 'function' | 'none' | 'builtin' | 'cluster'} kind
 *   a function is 'class' here; classify() tells the kinds of functions apart
 * @property {string} name the class' or function's name, or the built-in's; '' when not known
 * @property {string} path the module path as written; '' for other kinds
 * @property {string | null} baseDir the folder a path is resolved from
 * @property {any} value the class or function; undefined for a path
 * @property {string | null} procfile the procfile that gave it
 * @property {import('./host').Place | null} [place] where it was given; of environments and configurators only
 */

/**
 * @param {any} value
 * @returns {{request: string, exportName: string | null, file: string | null, name: string | null,
 *   dependencies: string[] | null} | undefined}
 */
function opaque(value) {
  return typeof value === 'object' && value !== null ? value[OPAQUE] : undefined;
}

/**
 * The export rule of modules: the value itself if it is a function, else its default export.
 * @param {any} value
 * @returns {any}
 */
function unwrap(value) {
  if (typeof value !== 'object' || value === null || opaque(value)) return value;
  return typeof value.default === 'function' || opaque(value.default) ? value.default : value;
}

/**
 * @param {any} given what the procfile gave
 * @param {{baseDir: string | null, file: string | null}} where
 * @param {string} what for errors, e.g. 'service "a"'
 * @returns {Entry}
 */
function makeEntry(given, where, what) {
  const value = unwrap(given);
  const entry = { name: '', path: '', baseDir: where.baseDir, procfile: where.file };
  if (value === undefined || value === null) return { ...entry, kind: 'none', value: undefined };
  if (typeof value === 'string' && value !== '') return { ...entry, kind: 'path', path: value, value: undefined };
  if (typeof value === 'function' || opaque(value)) return { ...entry, kind: 'class', value };
  throw problem('PANDORA_ENTRY',
    `${what}: the entry expects a class, or a module path like './a' (a non-empty string), got ${show(given)}`);
}

/**
 * The real value behind an opaque one; loads its module.
 * @param {Entry} entry
 * @param {import('./host').Host} host
 * @param {string} what
 * @returns {any}
 */
function load(entry, host, what) {
  const mark = opaque(entry.value);
  if (!mark) return entry.value;
  const exported = mark.file === null
    ? host.requireFrom(entry.baseDir, mark.request)
    : host.requireFrom(host.dirname(mark.file), mark.file);
  const value = unwrap(mark.exportName ? exported[mark.exportName] : exported);
  if (typeof value === 'function') return value;
  if (typeof value === 'string') return value;
  throw problem('PANDORA_ENTRY',
    `${what}: the entry expects a class, or a module path like './a' (a non-empty string), got ${show(value)}`);
}

/**
 * The name of the class, function or opaque class; '' when anonymous.
 * @param {Entry} entry
 * @param {import('./host').Host} host
 * @param {string} what
 * @returns {string}
 */
function classNameOf(entry, host, what) {
  if (entry.kind === 'builtin') return entry.name;
  if (entry.value === undefined) return '';
  const mark = opaque(entry.value);
  if (mark && mark.name !== null && mark.name !== undefined) return mark.name;
  const value = load(entry, host, what);
  // A static member may shadow the class' name.
  return typeof value === 'function' && typeof value.name === 'string' ? value.name : '';
}

/**
 * The name that an entry has by itself: a path's file name without extension, or the class' name.
 * @param {Entry} entry
 * @param {import('./host').Host} host
 * @param {string} what
 * @returns {string}
 */
function defaultName(entry, host, what) {
  if (entry.path !== '') return host.nameOfPath(entry.baseDir, entry.path);
  return classNameOf(entry, host, what);
}

/**
 * The static `dependencies` of a class; a path is not loaded for them.
 * @param {Entry} entry
 * @param {import('./host').Host} host
 * @param {string} what
 * @returns {string[]}
 */
function staticDependencies(entry, host, what) {
  if (entry.kind === 'cluster') return ['all'];
  if (entry.value === undefined) return [];
  const mark = opaque(entry.value);
  if (mark && Array.isArray(mark.dependencies)) return mark.dependencies.slice();
  const value = load(entry, host, what);
  const list = typeof value === 'function' ? value.dependencies : undefined;
  return Array.isArray(list) ? list.filter((name) => typeof name === 'string') : [];
}

/**
 * Tells where a function came from: 'class' from another module, 'inline' a class written in a procfile, 'function'
 * any other function.
 * @param {Entry} entry
 * @param {import('./host').Host} host
 * @param {string[]} procfiles the procfiles applied
 * @returns {Entry['kind']}
 */
function classify(entry, host, procfiles) {
  if (entry.kind !== 'class' || opaque(entry.value)) return entry.kind;
  const value = entry.value;
  if (host.isExported(value, procfiles)) return 'class';
  const text = Function.prototype.toString.call(value);
  if (!/^class\b/.test(text)) return 'function';
  return procfiles.some((file) => host.textOf(file).includes(text)) ? 'inline' : 'class';
}

/** The entry that is a command, as in pandora.fork('web', 'pandora:command').args(['npm', 'start']): no file has this name. */
const COMMAND = 'pandora:command';

module.exports = { COMMAND, OPAQUE, opaque, unwrap, makeEntry, load, classNameOf, defaultName, staticDependencies, classify };
