'use strict';

// The reconciler's host in Node: the common one, which also loads what Node by itself cannot.

const path = require('node:path');
const { createRequire } = require('node:module');
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
  const file = createRequire(path.join(baseDir, 'procfile.js')).resolve(request);
  if (!path.isAbsolute(file) || !isModuleFile(file)) return;
  throw Object.assign(new Error(`Must use import to load ES Module: ${file}`), { code: 'ERR_REQUIRE_ESM' });
}

/** @returns {import('../shared/host').Host} */
function createNodeHost() {
  const host = createHost();
  return {
    ...host,
    requireProcfile(file) {
      prepareFile(file);
      return host.requireProcfile(file);
    },
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
