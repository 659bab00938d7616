'use strict';

/**
 * Loads the global configuration: a list of modules, each exporting an object, merged one over the other.
 *
 * @typedef {{ base: string, modules: string[] }} ConfigRequest folder that names are resolved from, and names or paths
 * @typedef {{ config: object, paths: string[], layers: object[], warnings: string[] }} ConfigAnswer merged JSON, what was
 *   loaded, what each of these said, sentences
 */

const { createRequire } = require('module');
const path = require('path');
const { show } = require('./check');

/** What is wrong with a module as a whole, and has no place in it. */
class NoObject extends TypeError {}

/**
 * Loads and merges; a module that cannot be loaded is a warning, as in 1.x. Functions and classes are left out, but that a
 * reporter or an EndPoint is a class is told: its target is {class: the name}.
 * @param {ConfigRequest} request
 * @returns {ConfigAnswer}
 */
function load(request) {
  return loadAs(request, (value) => withClasses(plain(value, []), value));
}

/**
 * The same with functions and classes, for who calls them.
 * @param {ConfigRequest} request
 * @returns {ConfigAnswer}
 */
function loadWhole(request) {
  return loadAs(request, (value) => value);
}

/**
 * @param {ConfigRequest} request
 * @param {(value: any) => any} take what is used of a module
 * @returns {ConfigAnswer}
 */
function loadAs(request, take) {
  const from = createRequire(path.join(request.base, 'pandora-config.js'));
  /** @type {ConfigAnswer} */
  const answer = { config: {}, paths: [], layers: [], warnings: [] };
  for (const name of request.modules) {
    try {
      const file = resolve(from, request.base, name);
      let value = from(file);
      if (value && value.default !== undefined) value = value.default;
      if (!isObject(value)) throw new NoObject('it exports no object');
      const layer = take(value);
      answer.config = merge(answer.config, layer);
      answer.paths.push(file);
      answer.layers.push(layer);
    } catch (error) {
      const place = placeOf(error);
      answer.warnings.push(`Can't find config from ${name} (${place}${whyOf(error, place, request.base)}); what it says is left out`);
    }
  }
  return answer;
}

/**
 * @param {any} error what a module has thrown
 * @returns {string} the place in a file of the user that it comes from, with a colon behind it, or nothing
 */
function placeOf(error) {
  if (!(error instanceof Error) || error instanceof NoObject) return '';
  const own = ownEngine();
  if (own) {
    const place = own.placeOfError(error);
    return place && `${place}: `;
  }
  for (const line of String(error.stack).split('\n').slice(0, 20)) {
    const frame = /^\s*(?:at (?:[^\s(]+ \()?)?(?:file:\/\/)?(\/[^\s():]+\.[cm]?[jt]s:\d+(?::\d+)?)/.exec(line);
    if (frame) return `${frame[1]}: `;
  }
  return '';
}

/** @returns {{placeOfError: (error: Error) => string} | null} Goja's, which knows the places of what it compiled; null in Node */
function ownEngine() {
  try {
    // Not a literal argument: no such module is installed anywhere, and type checks should not look for it.
    const name = 'pandora:engine';
    return require(name);
  } catch {
    return null;
  }
}

/**
 * @param {any} error what a module has thrown
 * @param {string} place where, see placeOf
 * @param {string} base the folder that the names of the modules are resolved from
 * @returns {string} one line
 */
function whyOf(error, place, base) {
  if (!(error instanceof Error)) return `it throws ${show(error)}`;
  const file = place.replace(/(:\d+)*: $/, ': ');
  // Of a file that is no code the message begins with its path.
  const message = file !== '' && error.message.startsWith(file) ? error.message.slice(file.length) : error.message;
  const why = error instanceof SyntaxError ? `SyntaxError: ${message}` : message || `${error.name} without a message`;
  // What no module asks for, the variable does.
  const asked = place === '' && /** @type {any} */ (error).code === 'MODULE_NOT_FOUND' ? ` from the folder ${base}` : '';
  return why.split('\n')[0] + asked;
}

/**
 * Adds the names of the classes that are reporters, EndPoints and resources.
 * @param {any} copy what JSON can hold of the configuration
 * @param {any} config
 * @returns {any} the copy
 */
function withClasses(copy, config) {
  for (const section of ['reporter', 'reporters']) {
    for (const [name, spec] of Object.entries(isObject(copy[section]) ? copy[section] : {})) {
      for (const key of ['target', 'reporter']) {
        const target = config[section][name]?.[key];
        if (typeof target === 'function') spec[key] = { class: String(target.name) };
      }
    }
  }
  for (const section of ['endPoint', 'endPoints']) {
    const points = isObject(copy.actuator) ? copy.actuator[section] : undefined;
    for (const [name, spec] of Object.entries(isObject(points) ? points : {})) {
      for (const key of ['target', 'resource']) {
        const given = config.actuator[section][name]?.[key];
        if (isObject(spec) && typeof given === 'function') spec[key] = { class: String(given.name) };
      }
    }
  }
  return copy;
}

/**
 * A package name, or a path relative to the base folder, with or without `./`.
 * @param {any} from
 * @param {string} base
 * @param {string} name
 * @returns {string}
 */
function resolve(from, base, name) {
  try {
    return from.resolve(name);
  } catch (error) {
    try {
      return from.resolve(path.resolve(base, name));
    } catch {
      throw error;
    }
  }
}

/**
 * @param {any} value
 * @returns {boolean}
 */
function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/**
 * Copies what JSON can hold.
 * @param {any} value
 * @param {any[]} above the objects it lies in, so that a circle is left out
 * @returns {any} undefined for what JSON cannot hold
 */
function plain(value, above) {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'object' || above.includes(value)) return undefined;
  if (typeof value.toJSON === 'function') return plain(value.toJSON(), [...above, value]);
  const inside = [...above, value];
  if (Array.isArray(value)) {
    return value.map((item) => {
      const copy = plain(item, inside);
      return copy === undefined ? null : copy;
    });
  }
  /** @type {Record<string, any>} */
  const copy = {};
  for (const key of Object.keys(value)) {
    const item = key === '__proto__' ? undefined : plain(value[key], inside);
    if (item !== undefined) copy[key] = item;
  }
  return copy;
}

/**
 * Lays one value over another: objects key by key, arrays index by index.
 * @param {any} base
 * @param {any} over
 * @returns {any}
 */
function merge(base, over) {
  if (Array.isArray(base) && Array.isArray(over)) {
    const merged = base.slice();
    over.forEach((item, i) => {
      merged[i] = i in merged ? merge(merged[i], item) : item;
    });
    return merged;
  }
  if (!isObject(base) || !isObject(over)) return over;
  const merged = { ...base };
  for (const key of Object.keys(over)) {
    merged[key] = key in merged ? merge(merged[key], over[key]) : over[key];
  }
  return merged;
}

module.exports = { load, loadWhole, resolve };
