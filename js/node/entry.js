'use strict';

// Loads modules of the application: CommonJS by require, ES modules by import().

const path = require('node:path');
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { createRequire } = Module;
const { hookImports } = require('./facade/hook');
const { isModuleFile, needsImport, prepareRequest } = require('./languages');

/** @returns {boolean} whether import() may load TypeScript: Node does by itself, or with a loader that the application brings */
function importsTypeScript() {
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  return Boolean(/** @type {any} */ (process.features).typescript) || /(?:^|\s)--(?:import|loader|experimental-loader)\b/.test(options);
}

/** What only an ES module begins a line with. */
const MODULE_SYNTAX = /^[ \t]*(?:import\s*["'{*\w]|export\s*[{*]|export\s+\w)/m;

/**
 * Loads a script as Node loads its main script: require.main is its module. An ES module has none, and Node would load it
 * without anybody waiting for it.
 * @param {string} file
 * @param {(file: string) => any} load how any other module is loaded
 */
function loadMain(file, load) {
  // TypeScript that is not Node's own to load becomes CommonJS.
  const loadsTypeScript = Boolean(/** @type {any} */ (process.features).typescript);
  const kind = loadsTypeScript ? /\.(?:js|m?tsx?)$/ : /\.js$/;
  if (kind.test(file) && MODULE_SYNTAX.test(readFileSync(file, 'utf8'))) return load(file);
  return /** @type {any} */ (Module)._load(file, null, true);
}

/**
 * Loads what request names as seen from baseDir, exactly as a module in that folder would.
 * @param {string} baseDir
 * @param {string} request relative, absolute or a package
 * @param {{main?: boolean}} [options] main: as the main script of the process, where it can be one
 * @returns {Promise<any>} the exports or the namespace
 */
async function loadFrom(baseDir, request, { main = false } = {}) {
  prepareRequest(baseDir, request);
  const there = createRequire(path.join(baseDir, 'procfile.js'));
  const file = there.resolve(request);
  if (!path.isAbsolute(file)) return there(request); // a module of Node's own
  if (main) process.argv[1] = file;
  if (!isModuleFile(file)) {
    try {
      return main ? loadMain(file, there) : there(request);
    } catch (error) {
      const waits = error?.code === 'PANDORA_TOP_LEVEL_AWAIT' && importsTypeScript();
      if (!waits && !needsImport(error, file)) throw error;
    }
  }
  hookImports();
  return require('./import')(require('node:url').pathToFileURL(file).href);
}

module.exports = { loadFrom };
