'use strict';

// Log files: the lines of one turn of the event loop are appended in one write, a busy process collects them for a few
// milliseconds, and the rest is written when the process exits. A signal that nobody handles ends a process without
// asking: nothing would save lines that wait longer. A file is opened for each write, so whoever renames it (a rotation)
// need not tell.

const fs = require('node:fs');
const path = require('node:path');

/** Writes come no more often than this. */
const PAUSE_MS = 5;
/** More than this is written at once. */
const MAX_PENDING_BYTES = 256 * 1024;

/**
 * @typedef {object} LogFiles
 * @property {(file: string, text: string) => void} append text includes its line end
 * @property {(file: string) => void} touch makes the file, with its folder, where it is missing
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
  let scheduled = false;
  let last = 0;
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
    const all = [...pending];
    pending.clear();
    for (const [file, entry] of all) write(file, entry.lines.join(''));
  }

  function due() {
    scheduled = false;
    last = Date.now();
    flush();
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    const wait = PAUSE_MS - (Date.now() - last);
    if (wait > 0 && wait <= PAUSE_MS) setTimeout(due, wait).unref();
    else setImmediate(due);
  }

  process.on('exit', () => {
    direct = true;
    flush();
  });
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
      else schedule();
    },
    touch(file) {
      write(file, '');
    },
    flush,
    writeThrough() {
      direct = true;
      flush();
    },
  };
}

/** @type {LogFiles | undefined} */
let own;

/** @returns {LogFiles} those of this process */
function logFiles() {
  own ??= createLogFiles();
  return own;
}

module.exports = { createLogFiles, logFiles };
