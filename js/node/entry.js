'use strict';

// Loads modules of the application: CommonJS by require, ES modules by import().

const path = require('node:path');
const { createRequire } = require('node:module');
const { hookImports } = require('./facade/hook');
const { isModuleFile, needsImport, prepareRequest } = require('./languages');

/** @returns {boolean} whether import() may load TypeScript: Node does by itself, or with a loader that the application brings */
function importsTypeScript() {
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  return Boolean(/** @type {any} */ (process.features).typescript) || /(?:^|\s)--(?:import|loader|experimental-loader)\b/.test(options);
}

/**
 * Loads what request names as seen from baseDir, exactly as a module in that folder would.
 * @param {string} baseDir
 * @param {string} request relative, absolute or a package
 * @returns {Promise<any>} the exports or the namespace
 */
async function loadFrom(baseDir, request) {
  prepareRequest(baseDir, request);
  const there = createRequire(path.join(baseDir, 'procfile.js'));
  const file = there.resolve(request);
  if (!path.isAbsolute(file)) return there(request); // a module of Node's own
  if (!isModuleFile(file)) {
    try {
      return there(request);
    } catch (error) {
      const waits = error?.code === 'PANDORA_TOP_LEVEL_AWAIT' && importsTypeScript();
      if (!waits && !needsImport(error, file)) throw error;
    }
  }
  hookImports();
  return require('./import')(require('node:url').pathToFileURL(file).href);
}

module.exports = { loadFrom };
