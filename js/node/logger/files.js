'use strict';

// Log files: lines are collected for at most a second and appended in one write, the rest when the process exits. A file
// is opened for each write, so whoever renames it (a rotation) need not tell.

const fs = require('node:fs');
const path = require('node:path');

const FLUSH_MS = 1000;
/** More than this is written at once. */
const MAX_PENDING_BYTES = 256 * 1024;

/**
 * @typedef {object} LogFiles
 * @property {(file: string, text: string) => void} append text includes its line end
 * @property {() => void} flush writes everything now
 * @property {() => void} writeThrough from now on every append is written at once
 */

/**
 * Several loggers may append to one file; their lines keep their order.
 * @returns {LogFiles}
 */
function createLogFiles() {
  /** @type {Map<string, {lines: string[], size: number}>} */
  const pending = new Map();
  /** Files that could not be written, to say so once. @type {Set<string>} */
  const broken = new Set();
  /** @type {NodeJS.Timeout | null} */
  let timer = null;
  let direct = false;

  /**
   * @param {string} file
   * @param {string} text
   */
  function write(file, text) {
    try {
      try {
        fs.appendFileSync(file, text, { mode: 0o600 });
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
        fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
        fs.appendFileSync(file, text, { mode: 0o600 });
      }
      broken.delete(file);
    } catch (error) {
      // A log that cannot be written must not end the application. What it holds is lost.
      if (broken.has(file)) return;
      broken.add(file);
      process.emitWarning(`log file ${file} cannot be written, its lines are lost until it can: ${error.message}`,
        'PandoraLogWarning');
    }
  }

  function flush() {
    if (timer) clearTimeout(timer);
    timer = null;
    for (const [file, entry] of pending) write(file, entry.lines.join(''));
    pending.clear();
  }

  process.on('exit', flush);
  return {
    append(file, text) {
      let entry = pending.get(file);
      if (!entry) {
        entry = { lines: [], size: 0 };
        pending.set(file, entry);
      }
      entry.lines.push(text);
      entry.size += text.length;
      if (direct || entry.size >= MAX_PENDING_BYTES) flush();
      else if (!timer) timer = setTimeout(flush, FLUSH_MS).unref();
    },
    flush,
    writeThrough() {
      direct = true;
      flush();
    },
  };
}

module.exports = { createLogFiles };
