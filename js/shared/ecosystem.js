'use strict';

// Evaluates a process file of PM2 (ecosystem.config.js, pm2.json) to plain data: Goja's engine and Node's probe both call
// it. What the data means is decided in Go (procfile/pm2).

const { createHost } = require('./host');
const { problem, show } = require('./check');

/** Bounds of what a file may describe: far beyond any real one. */
const MAX_DEPTH = 16;
const MAX_VALUES = 50000;

/**
 * @typedef {object} Odd something that JSON cannot carry
 * @property {string} path such as 'apps[0].env.PORT'
 * @property {string} what
 */

/**
 * A copy of plain data. What processes and files cannot carry is left out and noted.
 * @param {any} value
 * @param {string} path
 * @param {{count: number, odd: Odd[], above: any[]}} state
 * @returns {any} undefined for what is left out
 */
function plain(value, path, state) {
  state.count += 1;
  if (state.count > MAX_VALUES) throw problem('PANDORA_PM2', `the file describes more than ${MAX_VALUES} values`);
  /** @param {string} what @returns {undefined} */
  const odd = (what) => { state.odd.push({ path, what }); };
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : odd(String(value));
  if (typeof value === 'bigint') return String(value);
  if (value === undefined) return undefined;
  if (typeof value !== 'object') return odd(show(value));
  if (value instanceof Date || value instanceof RegExp || value instanceof URL) return String(value instanceof Date ? value.toISOString() : value);
  if (state.above.includes(value)) return odd('an object that refers to itself');
  if (state.above.length >= MAX_DEPTH) return odd(`an object nested more than ${MAX_DEPTH} deep`);
  state.above.push(value);
  const copy = Array.isArray(value)
    ? Array.from(value, (each, index) => plain(each, `${path}[${index}]`, state) ?? null)
    : Object.fromEntries(Object.keys(value)
      .map((key) => [key, plain(value[key], path === '' ? key : `${path}.${key}`, state)])
      .filter(([, each]) => each !== undefined));
  state.above.pop();
  return copy;
}

/**
 * @param {string} file
 * @param {any} value what it exports
 * @returns {any} the configuration
 */
function exported(file, value) {
  const { default: own } = Object(value);
  const isModule = typeof value === 'object' && value !== null && !('apps' in value) && typeof own === 'object' && own !== null;
  const config = isModule ? own : value;
  if (typeof config === 'function' || typeof own === 'function') {
    throw problem('PANDORA_PM2', `${file} exports a function, which PM2 does not call either: export the object that it returns`);
  }
  if (typeof config !== 'object' || config === null) {
    throw problem('PANDORA_PM2', `${file} exports ${show(config)}, expected an object like { apps: [{ name, script }] }`);
  }
  if (typeof config.then === 'function') {
    throw problem('PANDORA_PM2', `${file} exports a promise, which PM2 does not wait for either: export the object that it resolves to`);
  }
  return config;
}

/**
 * PM2 reads a .json as a JavaScript expression: comments, trailing commas and single quotes are allowed.
 * @param {string} file
 * @param {string} text
 */
function expression(file, text) {
  try {
    return JSON.parse(text);
  } catch {
    if (text.trim() === '') throw problem('PANDORA_PM2', `${file} is empty, expected an object like { apps: [{ name, script }] }`);
    const { Script } = require('vm');
    // The parentheses are ours, and stand on lines that do not count.
    const options = { filename: file, lineOffset: -1 };
    try {
      return new Script(`(\n${text}\n)`, options).runInThisContext();
    } catch (error) {
      // Who forgot to close something is told of the end of the file, and not of our parenthesis.
      if (!(error instanceof SyntaxError) || !/Unexpected token '?\)/.test(error.message)) throw error;
      // Throws, or the file itself has closed ours.
      void new Script(`(\n${text.trimEnd()}`, options);
      throw problem('PANDORA_PM2', `${file} closes a parenthesis that it has not opened`);
    }
  }
}

/**
 * @param {{file: string, json?: boolean}} options file: absolute; json: it is read as an expression
 * @param {import('./host').Host} [host]
 * @returns {{config: any, odd: Odd[]}}
 */
function ecosystem({ file, json }, host = createHost()) {
  // A byte order mark is no part of an expression.
  const value = json ? expression(file, require('fs').readFileSync(file, 'utf8').replace(/^\ufeff/, '')) : host.requireProcfile(file);
  /** @type {{count: number, odd: Odd[], above: any[]}} */
  const state = { count: 0, odd: [], above: [] };
  return { config: plain(exported(file, value), '', state), odd: state.odd };
}

module.exports = { ecosystem };
