'use strict';

// The reconciler's host in Node: the common one, which also loads what Node by itself cannot.

const path = require('node:path');
const Module = /** @type {any} */ (require('node:module'));
const { realpathSync } = require('node:fs');
const { createHost } = require('../shared/host');
const { isModuleFile, prepareFile, prepareRequest } = require('./languages');

/**
 * An entry that is an ES module is imported, also where require() loads it: some versions of Node have nobody answer then
 * what it imports, and loaders that applications bring along make CommonJS of it.
 * @param {string | null} baseDir
 * @param {string} request
 */
function refuseModule(baseDir, request) {
  if (baseDir === null) return;
  const file = Module.createRequire(path.join(baseDir, 'procfile.js')).resolve(request);
  if (!path.isAbsolute(file) || !isModuleFile(file)) return;
  throw Object.assign(new Error(`Must use import to load ES Module: ${file}`), { code: 'ERR_REQUIRE_ESM' });
}

/**
 * Loads a file, and tells what is compiled of it: that is other text where Node or a loader made JavaScript of TypeScript, or
 * CommonJS of an ES module.
 * @param {string} file
 * @param {() => any} load
 * @param {(text: string) => void} tell not called where Node compiles an ES module as it is
 * @returns {any} what load returns
 */
function watchCompile(file, load, tell) {
  const own = realpathSync.native(file);
  const compile = Module.prototype._compile;
  /** @type {(this: any, text: any, filename: string, ...rest: any[]) => any} */
  const watching = function _compile(text, filename, ...rest) {
    if (filename === own) tell(String(text));
    return compile.call(this, text, filename, ...rest);
  };
  Module.prototype._compile = watching;
  try {
    return load();
  } finally {
    // What has been put over it in the meantime stays.
    if (Module.prototype._compile === watching) Module.prototype._compile = compile;
  }
}

/**
 * @param {{places?: boolean}} [options] places: false where nobody asks what is written where, which costs something
 * @returns {import('../shared/host').Host}
 */
function createNodeHost({ places = true } = {}) {
  const { place, ...host } = createHost(null);
  /** @type {Map<string, string>} */
  const texts = new Map();
  return {
    ...host,
    place: places ? place : undefined,
    requireProcfile(file) {
      prepareFile(file);
      return watchCompile(file, () => host.requireProcfile(file), (text) => texts.set(file, text));
    },
    textOf: (file) => texts.get(file) ?? host.textOf(file),
    requireFrom(baseDir, request) {
      prepareRequest(baseDir, request);
      refuseModule(baseDir, request);
      return host.requireFrom(baseDir, request);
    },
    resolvable(baseDir, request) {
      prepareRequest(baseDir, request);
      return host.resolvable(baseDir, request);
    },
  };
}

module.exports = { createNodeHost };
