'use strict';

// Evaluates an application folder, or the process file of PM2 that the option file names, in a Node process of its own, as
// the judge of what Goja could not evaluate. The options come on stdin as JSON, the answer goes to file descriptor 3 as
// JSON: { value, loaded } or { error }. What the user's code prints goes to stdout and stderr as usual, so it cannot
// disturb the answer.

const fs = require('node:fs');
const path = require('node:path');

const ANSWER = 3;

/** @param {object} answer */
function send(answer) {
  const data = Buffer.from(JSON.stringify(answer));
  for (let at = 0; at < data.length;) at += fs.writeSync(ANSWER, data, at);
}

/**
 * Runs no timer that the procfile left behind. Whoever asked ends this process once the answer is read to its end,
 * together with what the procfile has started: as long as this one lives, that can be found.
 * @returns {never}
 */
function finish() {
  try {
    fs.closeSync(ANSWER);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000);
  } catch {
    // The procfile has closed it.
  }
  return exit(0);
}

/**
 * @param {any} error anything thrown
 */
function describe(error) {
  try {
    if (error !== null && typeof error === 'object' && typeof error.stack === 'string') {
      return { name: String(error.name), message: String(error.message), stack: error.stack, code: String(error.code ?? '') };
    }
    return { name: '', message: `Uncaught ${typeof error === 'string' ? JSON.stringify(error) : String(error)}`, stack: '', code: '' };
  } catch {
    return { name: '', message: 'an exception that cannot be shown was thrown', stack: '', code: '' };
  }
}

const { transform, ...options } = JSON.parse(fs.readFileSync(0, 'utf8'));
const own = path.dirname(__dirname) + path.sep;
const { exit } = process;

process.argv.length = 1;
process.exit = (code) => {
  const { stack } = new Error(`process.exit(${code ?? ''}) was called while the procfile was evaluated`);
  send({ error: { name: 'Error', message: /** @type {string} */ (stack).split('\n')[0].slice('Error: '.length), stack, code: 'PANDORA_EXIT' } });
  return finish();
};

try {
  require('./languages').useTransformer(transform);
  require('./facade/hook').install(options);
  const host = require('./host').createNodeHost();
  const value = options.file ? require('../shared/ecosystem').ecosystem(options, host) : require('../shared/structure').structure(options, host);
  send({ value, loaded: Object.keys(require.cache).filter((file) => !file.startsWith(own)) });
} catch (error) {
  send({ error: describe(error) });
}
finish();
