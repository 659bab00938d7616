'use strict';

// The reconciler's host in Node: the common one, which also loads what Node by itself cannot.

const { createHost } = require('../shared/host');
const { prepareFile, prepareRequest } = require('./languages');

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
      return host.requireFrom(baseDir, request);
    },
    resolvable(baseDir, request) {
      prepareRequest(baseDir, request);
      return host.resolvable(baseDir, request);
    },
  };
}

module.exports = { createNodeHost };
