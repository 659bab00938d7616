'use strict';

// Loads modules of the application: CommonJS by require, ES modules by import().

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');

/** What require says of a module that only import() can load. */
const ESM_ONLY = new Set(['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE']);

/**
 * Whether Node takes the file for an ES module by its name and the nearest package.json.
 * @param {string} file
 * @returns {boolean}
 */
function isModuleFile(file) {
  if (file.endsWith('.mjs')) return true;
  if (!file.endsWith('.js')) return false;
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    if (path.basename(dir) !== 'node_modules') {
      try {
        return JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')).type === 'module';
      } catch (error) {
        if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') return false;
      }
    }
    if (dir === path.dirname(dir)) return false;
  }
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

/**
 * Loads what request names as seen from baseDir, exactly as a module in that folder would.
 * @param {string} baseDir
 * @param {string} request relative, absolute or a package
 * @returns {Promise<any>} the exports or the namespace
 */
async function loadFrom(baseDir, request) {
  const require = createRequire(path.join(baseDir, 'procfile.js'));
  const file = require.resolve(request);
  if (!path.isAbsolute(file)) return require(request); // a module of Node's own
  if (!isModuleFile(file)) {
    try {
      return require(request);
    } catch (error) {
      if (!needsImport(error, file)) throw error;
    }
  }
  return import(pathToFileURL(file).href);
}

module.exports = { loadFrom };
