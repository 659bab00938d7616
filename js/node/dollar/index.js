'use strict';

// The helpers of the package pandora-dollar, for an application that does not have it installed.

const fs = require('node:fs');
const path = require('node:path');

/** An expression in a template: {{name}}. */
const TemplatePattern = /{{([\s\S]+?)}}/g;

/** How many links may lead to each other. */
const LINKS = 40;

/**
 * Fills a template. What stands between braces is an expression over the members of options; what it gives is not
 * escaped, null and undefined are nothing.
 * @param {string} text
 * @param {Record<string, any>} [options]
 * @returns {string}
 */
function template(text, options = {}) {
  return String(text).replace(new RegExp(TemplatePattern), (_, expression) => {
    // A template is code of the application, as it is in the original.
    const value = new Function('obj', `with (obj) { return (${expression}\n); }`)(options);
    return value === null || value === undefined ? '' : String(value);
  });
}

/** The parts of a path: a name between dots, an index or a quoted name in brackets. */
const PART = /\[\s*(?:(["'])((?:\\.|(?!\1)[^\\])*)\1|([^\]]*))\s*\]|([^.[\]]+)|(?<=^|\.)(?=\.|$)/g;

/**
 * @param {string} text as 'a.b[0]["c"]'
 * @returns {string[]}
 */
function partsOf(text) {
  if (text === '') return [''];
  return Array.from(text.matchAll(PART), ([, quote, quoted, index, name]) => (quote ? quoted.replace(/\\(.)/g, '$1') : index ?? name ?? ''));
}

/**
 * @param {any} object
 * @param {string | number | symbol | ReadonlyArray<string | number | symbol>} where a path, or its parts
 * @param {any} [otherwise] instead of undefined
 * @returns {any}
 */
function getObjectByPath(object, where, otherwise = undefined) {
  /** @type {ReadonlyArray<string | number | symbol>} */
  let parts;
  if (Array.isArray(where)) parts = where;
  else if (typeof where === 'string' && !(object !== null && typeof object === 'object' && where in object)) parts = partsOf(where);
  else parts = [/** @type {any} */ (where)];
  let value = parts.length === 0 ? undefined : object;
  for (const part of parts) {
    if (value === null || value === undefined) return otherwise;
    value = value[part];
  }
  return value === undefined ? otherwise : value;
}

/**
 * @param {any} value
 * @returns {boolean}
 */
function isPlain(value) {
  if (value === null || typeof value !== 'object') return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/**
 * A copy where values may be changed later: plain objects and arrays all the way down, anything else as it is.
 * @param {any} value
 * @returns {any}
 */
function copy(value) {
  if (Array.isArray(value)) return value.map(copy);
  return isPlain(value) ? mergeProperties({}, value) : value;
}

/**
 * Gives an object what it does not have yet, at every depth.
 * @param {any} object changed and returned
 * @param {any} source
 * @returns {any}
 */
function mergeProperties(object, source) {
  const target = Object(object);
  // What is inherited counts too, as in the original.
  for (const key in source) {
    if (key === '__proto__') continue;
    // What every object inherits is not there: nothing may be merged into it.
    const there = key in Object.prototype && !Object.hasOwn(target, key) ? undefined : target[key];
    const value = source[key];
    if (there === undefined) target[key] = copy(value);
    else if ((isPlain(there) || Array.isArray(there)) && (isPlain(value) || Array.isArray(value))) mergeProperties(there, value);
  }
  return target;
}

/** @returns {string} a random UUID; the name is spelt as in the original */
function genereateUUID() {
  return require('node:crypto').randomUUID();
}

const promise = {
  /**
   * @param {(done: (error?: any, value?: any) => void) => void} call a function of Node's kind
   * @returns {Promise<any>}
   */
  fromCallback(call) {
    return new Promise((resolve, reject) => {
      call((error, value) => (error ? reject(error) : resolve(value)));
    });
  },

  /**
   * @param {number} ms
   * @returns {Promise<void>}
   */
  delay(ms) {
    return new Promise((resolve) => {
      setTimeout(resolve, ms);
    });
  },

  /** @returns {{promise: Promise<any>, resolve: (value?: any) => void, reject: (error?: any) => void}} */
  defer() {
    /** @type {any} */
    const deferred = {};
    deferred.promise = new Promise((resolve, reject) => Object.assign(deferred, { resolve, reject }));
    return deferred;
  },
};

/**
 * @param {string} dir
 * @returns {NodeJS.Require} a require that resolves as a module in that folder would
 */
function makeRequire(dir) {
  return require('node:module').createRequire(path.resolve(dir, 'pandora.js'));
}

/**
 * Follows a symbolic link to what is none; its folders may be links.
 * @param {string} target
 * @returns {string}
 */
function resolveSymlink(target) {
  let at = target;
  for (let link = 0; fs.lstatSync(at).isSymbolicLink(); link += 1) {
    if (link === LINKS) throw Object.assign(new Error(`ELOOP: too many symbolic links, follow '${target}'`), { code: 'ELOOP', path: target });
    at = path.resolve(path.dirname(at), fs.readlinkSync(at));
  }
  return at;
}

module.exports = { TemplatePattern, template, getObjectByPath, mergeProperties, genereateUUID, promise, makeRequire, resolveSymlink };
