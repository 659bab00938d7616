'use strict';

// The files of environment variables that a procfile names. They are read by who evaluates and by who starts workers; here
// only their paths are kept.

const path = require('path');
const check = require('./check');

/** @typedef {{path: string, optional?: true}} EnvFile path: absolute */

/** Of one process in a procfile; --env-file may name as many again, see procfile.MaxEnvFiles. */
const MAX = 32;

/**
 * @param {readonly EnvFile[]} known
 * @param {any[]} given a path or several, and options
 * @param {string} baseDir the folder that paths start from
 * @param {string} what e.g. 'pandora.envFile()'
 * @param {(member: string) => void} mark remembers where a file is named
 * @returns {EnvFile[]} a new list
 */
function add(known, given, baseDir, what, mark) {
  const [paths, options = {}] = given;
  if (typeof options !== 'object' || options === null || Array.isArray(options)
    || Object.keys(options).some((name) => name !== 'optional') || ![undefined, true, false].includes(options.optional)) {
    throw check.problem('PANDORA_ENV_FILE', `${what} expects { optional: true } or nothing after the path, got ${check.show(options)}`);
  }
  const added = (Array.isArray(paths) ? paths : [paths]).map((file) => {
    if (typeof file !== 'string' || file === '' || file.includes('\0')) {
      throw check.problem('PANDORA_ENV_FILE', `${what} expects the path of a file like '.env', or several, got ${check.show(file)}`);
    }
    /** @type {EnvFile} */
    const one = { path: path.resolve(baseDir, file) };
    if (options.optional) one.optional = true;
    return one;
  });
  for (const one of added) mark(`envFile.${one.path}`);
  const all = known.concat(added);
  if (all.length > MAX) throw check.problem('PANDORA_ENV_FILE', `${what}: there are ${all.length} files, at most ${MAX} can be read`);
  return all;
}

module.exports = { add };
