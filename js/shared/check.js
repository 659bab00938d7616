'use strict';

// The checks of values that a procfile gives. Each throws an error that names the thing, what was expected, and what
// came; the code is for programs.

/** More workers of one process than this are taken as a mistake; the same number as procfile.MaxScale. */
const MAX_SCALE = 1024;

/**
 * @param {string} code e.g. 'PANDORA_SCALE'
 * @param {string} message
 * @returns {Error & {code: string}}
 */
function problem(code, message) {
  return Object.assign(new Error(message), { code });
}

/**
 * A problem that the original finds with assert().
 * @param {string} code
 * @param {string} message
 */
function assertion(code, message) {
  return Object.assign(problem(code, message), { name: 'AssertionError' });
}

/**
 * Describes a value for an error: short, and never running code of the value.
 * @param {any} value
 * @returns {string}
 */
function show(value) {
  if (typeof value === 'string') {
    return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
  }
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'bigint') return `${value}n`;
  return String(value);
}

/**
 * @param {any} value a name given for a process, service or applet
 * @param {string} what e.g. 'pandora.fork()'
 * @returns {string}
 */
function checkName(value, what) {
  if (typeof value !== 'string' || value === '') {
    throw problem('PANDORA_NAME', `${what} expects a name (a non-empty string), got ${show(value)}`);
  }
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(value) || value.length > 200) {
    throw problem('PANDORA_NAME',
      `${what} expects a name of at most 200 characters without control characters, got ${show(value)}`);
  }
  return value;
}

/**
 * @param {any} value
 * @param {string} process the process' name
 * @param {(warning: string) => void} warn
 * @returns {number | 'auto'}
 */
function checkScale(value, process, warn) {
  if (value === 'auto') return value;
  let scale = value;
  if (typeof value === 'string' && /^\s*[0-9]+\s*$/.test(value)) {
    scale = Number(value);
    warn(`process "${process}": scale ${show(value)} is a string; it is taken as the number ${scale}`);
  }
  if (typeof scale === 'number' && Number.isInteger(scale) && scale >= 1 && scale <= MAX_SCALE) return scale;
  throw problem('PANDORA_SCALE',
    `process "${process}": scale expects a whole number from 1 to ${MAX_SCALE}, or 'auto', got ${show(value)}`);
}

/**
 * @param {any} value
 * @param {string} process
 * @returns {number}
 */
function checkOrder(value, process) {
  const order = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof order === 'number' && Number.isFinite(order)) return order;
  throw problem('PANDORA_ORDER', `process "${process}": order expects a number, got ${show(value)}`);
}

/**
 * @param {any} value
 * @param {string} process
 * @returns {'plain' | 'worker'}
 */
function checkKind(value, process) {
  if (value === 'plain' || value === 'worker') return value;
  throw problem('PANDORA_KIND', `process "${process}": kind expects 'plain' or 'worker', got ${show(value)}`);
}

/**
 * @param {any} value
 * @param {string} process
 * @returns {Record<string, any>}
 */
function checkEnv(value, process) {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw problem('PANDORA_ENV', `process "${process}": env expects an object like { NAME: 'value' }, got ${show(value)}`);
}

/**
 * @param {any} value
 * @param {string} what e.g. 'args'
 * @param {string} process
 * @param {(warning: string) => void} warn
 * @returns {any[]} the same array, so that it stays live
 */
function checkList(value, what, process, warn) {
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') {
    warn(`process "${process}": ${what} expects an array of strings; the string is taken as its only element`);
    return [value];
  }
  throw problem('PANDORA_ARGS', `process "${process}": ${what} expects an array of strings, got ${show(value)}`);
}

/**
 * @param {any} value a process' entry
 * @param {string} process
 * @returns {string}
 */
function checkEntryFile(value, process) {
  if (typeof value === 'string' && value !== '') return value;
  throw problem('PANDORA_ENTRY',
    `process "${process}": the entry expects a module path like './app.js' (a non-empty string), got ${show(value)}`);
}

/**
 * What the original's structure record, which is JSON, makes of a value: a date becomes its ISO string, NaN null.
 * @param {any} value
 * @returns {any} undefined for what JSON drops
 */
function throughJSON(value) {
  if (typeof value === 'bigint') return value;
  try {
    const text = JSON.stringify(value);
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return value; // it refers to itself
  }
}

/**
 * The environment as a child process sees it: strings. What JSON drops (undefined, functions, symbols) is dropped.
 * @param {any} env
 * @param {string} process
 * @param {(warning: string) => void} warn
 * @returns {Record<string, string>}
 */
function envStrings(env, process, warn) {
  /** @type {Map<string, string>} by name, for one may be `__proto__` */
  const strings = new Map();
  for (const name of Object.keys(checkEnv(env, process))) {
    const value = throughJSON(env[name]);
    if (value === undefined) continue;
    if (name === '' || name.includes('=') || name.includes('\0')) {
      throw problem('PANDORA_ENV', `process "${process}": env has the impossible variable name ${show(name)}; a name is not empty, and has no = and no NUL in it`);
    }
    if (typeof value === 'object' && value !== null) {
      warn(`process "${process}": env ${name} is ${show(value)}; the process sees it as the string ${show(String(value))}`);
    }
    const text = String(value);
    if (text.includes('\0')) {
      throw problem('PANDORA_ENV', `process "${process}": env ${name} contains a NUL character`);
    }
    strings.set(name, text);
  }
  return Object.fromEntries(strings);
}

/**
 * @param {any} list
 * @param {string} what
 * @param {string} process
 * @param {(warning: string) => void} warn
 * @returns {string[]}
 */
function listStrings(list, what, process, warn) {
  return Array.from(checkList(list, what, process, warn), (element) => {
    if (typeof element === 'string' && !element.includes('\0')) return element;
    if (typeof element === 'number' || typeof element === 'boolean') return String(element);
    throw problem('PANDORA_ARGS', `process "${process}": ${what} expects strings without NUL, got ${show(element)}`);
  });
}

module.exports = {
  MAX_SCALE, problem, assertion, show, checkName, checkScale, checkOrder, checkKind, checkEnv, checkList, checkEntryFile,
  envStrings, listStrings,
};
