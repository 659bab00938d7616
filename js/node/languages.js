'use strict';

// Which files of an application need to be transformed before Node can require() them: TypeScript on every Node, ES
// modules where require() does not take them. Nothing is registered before the first such file, so that an application
// in plain CommonJS sees a Node that nobody touched.

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');

/**
 * @typedef {object} Transformer
 * @property {string} command the pandora program
 * @property {string} [cache] a folder for what was transformed; none means to keep nothing
 */

/** In the order in which a name without extension is completed. */
const TYPESCRIPT = ['.ts', '.mts', '.cts', '.tsx'];

/** What require says of a module that only import() can load. */
const ESM_ONLY = new Set(['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE']);

/** @type {Transformer | null} */
let transformer = null;

/**
 * Says how files are transformed; without it they are left to Node.
 * @param {Transformer | undefined} given
 */
function useTransformer(given) {
  transformer = given && typeof given.command === 'string' && given.command !== '' ? given : null;
}

/** @returns {boolean} whether this Node's require() loads ES modules */
function requiresModules() {
  return Boolean(/** @type {any} */ (process.features).require_module);
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function isFile(file) {
  try {
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * Whether Node takes the file for an ES module by its name and the nearest package.json.
 * @param {string} file
 * @returns {boolean}
 */
function isModuleFile(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  // Nothing is joined, and nothing thrown, for a package.json that is not there: in a worker's start that is much.
  for (let end = file.lastIndexOf('/'); end >= 0; end = file.lastIndexOf('/', end - 1)) {
    const dir = file.slice(0, end);
    try {
      if (!dir.endsWith('/node_modules') && fs.existsSync(`${dir}/package.json`)) {
        return JSON.parse(fs.readFileSync(`${dir}/package.json`, 'utf8')).type === 'module';
      }
    } catch {
      return false; // no JSON, or nothing that may be read
    }
    if (end === 0) return false;
  }
  return false;
}

/**
 * Whether loading file itself needs import(), rather than something that file requires: importing would run a CommonJS
 * file twice. Only the message tells; its words differ between Node's versions.
 * @param {any} error
 * @param {string} file
 * @returns {boolean}
 */
function needsImport(error, file) {
  if (!ESM_ONLY.has(error?.code)) return false;
  const text = `${error.message}\n`.replaceAll(file, '<file>');
  return /(?:ES Module|Requiring|Required module:) <file>\s/.test(text);
}

/** How an ES module begins a line. In a file without a declared kind; a yes too many costs nothing but the hook. */
const MODULE_SYNTAX = /^[ \t]*(?:import|export)\b/m;
/** A string that names a file in TypeScript: what a procfile in JavaScript requires or gives as an entry. */
const TYPESCRIPT_NAME = /['"`][^'"`\n]*\.[mc]?tsx?['"`]/;

/**
 * Makes require() able to load a procfile, which exists, and what it names.
 * @param {string} file
 */
function prepareFile(file) {
  if (transformer === null) return;
  if (!TYPESCRIPT.includes(path.extname(file))) {
    let source = '';
    try {
      source = fs.readFileSync(file, 'utf8');
    } catch {
      // Loading it says why.
    }
    const foreign = !requiresModules() && (isModuleFile(file) || (file.endsWith('.js') && MODULE_SYNTAX.test(source)));
    if (!foreign && !TYPESCRIPT_NAME.test(source)) return;
  }
  require('./transpile').install(transformer);
}

/**
 * Makes require() able to resolve and load a path, with or without its extension, as seen from a folder. Packages are
 * what they are.
 * @param {string | null} baseDir
 * @param {string} request
 */
function prepareRequest(baseDir, request) {
  if (transformer === null || baseDir === null || !/^\.{0,2}\/|^\.{1,2}$/.test(request)) return;
  const at = path.resolve(baseDir, request);
  if (!TYPESCRIPT.includes(path.extname(at))) {
    try {
      createRequire(path.join(baseDir, 'procfile.js')).resolve(request);
      return;
    } catch {
      // Perhaps it can with our extensions.
    }
    const places = [at, path.join(at, 'index')].flatMap((place) => TYPESCRIPT.map((extension) => place + extension));
    if (!places.some(isFile)) return;
  }
  require('./transpile').install(transformer);
}

module.exports = { TYPESCRIPT, useTransformer, requiresModules, isFile, isModuleFile, needsImport, prepareFile, prepareRequest };
