'use strict';

// What a worker prints goes to a file. When its disk is full the output is lost and the worker goes on: a bare Node would
// end by an uncaught exception at the next console.log, and so would every worker that replaces it.

const fs = require('node:fs');

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * @param {import('node:stream').Writable} stream
 */
function surviveFullDisk(stream) {
  stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
    if (FULL.has(String(error.code))) return;
    // Without another listener it is as if there were none.
    if (stream.listenerCount('error') === 1) throw error;
  });
}

/**
 * Lets output to files fail where there is no room. The streams are not opened before the application uses them.
 */
function installOutput() {
  for (const [fd, name] of /** @type {const} */ ([[1, 'stdout'], [2, 'stderr']])) {
    const original = Object.getOwnPropertyDescriptor(process, name);
    if (!original?.get || !original.configurable || !isFile(fd)) continue;
    const open = original.get;
    Object.defineProperty(process, name, {
      ...original,
      get() {
        Object.defineProperty(process, name, original);
        const stream = open.call(process);
        surviveFullDisk(stream);
        return stream;
      },
    });
  }
}

/**
 * @param {number} fd
 */
function isFile(fd) {
  try {
    return fs.fstatSync(fd).isFile();
  } catch {
    return false; // it is closed
  }
}

module.exports = { installOutput };
