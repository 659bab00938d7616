'use strict';

// Which Node processes that an application starts by itself are followed, and how: looked at when the first one is started.

/** For children, and for workers of a cluster of this process. */
const CHILD = `${__dirname}/child.js`;
const NESTED = `${__dirname}/nested-worker.js`;
/** How deep processes are followed, the worker counted: its children, but not theirs. */
const DEFAULT_DEPTH = 2;

/** Options of Node that take the next argument as their value. */
const VALUED = /^(?:-r|-C|--(?:require|import|loader|experimental-loader|conditions|env-file|env-file-if-exists|title|inspect-port|input-type|icu-data-dir|disable-warning))$/;
/** Options with which Node runs no script, or runs it in processes of its own, or keeps it from reading our files. */
const SCRIPTLESS = /^(?:-|-[epivhc]|-pe|--(?:eval|print|interactive|version|help|v8-options|completion-bash|check|test|watch|watch-path|run|prof-process|build-snapshot|build-sea|experimental-sea-config|permission|experimental-permission)(?:=.*)?)$/;
/** A shell's command that begins with Node: variables, the program (quoted or not), the rest. */
const COMMAND = /^(\s*(?:[A-Za-z_]\w*=[\w./:@,+-]*\s+)*)("[^"$`\\]+"|'[^']+'|[^\s"'$`\\;&|<>()]+)(\s.*)$/s;
const SHELL = /^(?:.*\/)?(?:sh|dash|bash|zsh)$/;

/** @typedef {{file: string, args: string[], envPairs: string[], cwd?: string}} Spawning what Node is about to start */

const node = process.execPath;

/**
 * @param {string[]} envPairs
 * @param {string} name
 * @returns {string | undefined}
 */
function variable(envPairs, name) {
  return envPairs.filter((pair) => pair.startsWith(`${name}=`)).pop()?.slice(name.length + 1);
}

/**
 * @param {string} level how deep a process is; workers are at 1
 * @param {string | undefined} depth
 * @returns {boolean} whether its children are followed
 */
function follows(level, depth) {
  return Number(level) >= 1 && Number(level) < (/^\d+$/.test(depth ?? '') ? Number(depth) : DEFAULT_DEPTH);
}

/**
 * @param {string} file a program, as given to spawn
 * @param {Spawning} spawning
 * @returns {boolean} whether it is the Node that runs this process
 */
function isNode(file, { envPairs, cwd }) {
  if (file === node) return true;
  if (!/(?:^|\/)node[^/]*$/.test(file)) return false;
  const fs = require('node:fs');
  const path = require('node:path');
  const from = path.resolve(typeof cwd === 'string' ? cwd : '.');
  const places = file.includes('/') ? [file] : (variable(envPairs, 'PATH') ?? '').split(':').map((dir) => path.join(dir || '.', file));
  for (const place of places) {
    try {
      const at = path.resolve(from, place);
      fs.accessSync(at, fs.constants.X_OK);
      const { dev, ino } = fs.statSync(at);
      const own = fs.statSync(node);
      return dev === own.dev && ino === own.ino;
    } catch {
      // the next one
    }
  }
  return false;
}

/**
 * @param {string[]} args that Node is given
 * @returns {boolean} whether it runs a script
 */
function runsScript(args) {
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i];
    if (typeof arg !== 'string' || SCRIPTLESS.test(arg)) return false;
    if (arg === '--') return i + 1 < args.length;
    if (VALUED.test(arg)) i += 1;
    else if (!arg.startsWith('-')) return !/^[<>|&;]/.test(arg);
  }
  return false;
}

/**
 * @param {Spawning} spawning
 * @param {string} preload
 * @returns {string[] | null} its arguments with the preload; null when it is not to be followed
 */
function withPreload(spawning, preload) {
  const { file, args } = spawning;
  let followed;
  if (SHELL.test(file)) {
    const at = args.indexOf('-c') + 1;
    const parts = at > 0 ? COMMAND.exec(args[at] ?? '') : null;
    if (parts === null || /(?:^|\s)PATH=/.test(parts[1])) return null;
    const program = parts[2].replace(/^(["'])(.*)\1$/, '$2');
    if (!isNode(program, spawning) || !runsScript(parts[3].trim().split(/\s+/).map((word) => word.replace(/^["']/, '')))) return null;
    followed = [...args];
    followed[at] = `${parts[1]}${parts[2]} --require '${preload.replaceAll("'", "'\\''")}'${parts[3]}`;
  } else {
    if (!isNode(file, spawning) || !runsScript(args.slice(1))) return null;
    followed = [args[0], '--require', preload, ...args.slice(1)];
  }
  return require('node:fs').existsSync(preload) ? followed : null;
}

/**
 * @param {any} spawning what a caller has made Node start; it may be wrong in every way
 * @param {boolean} nested whether workers of a cluster drain with this process
 * @returns {{args: string[], drains: boolean} | null} null when the child is left alone
 */
function followed(spawning, nested) {
  const { file, args, envPairs } = spawning ?? {};
  if (typeof file !== 'string' || !Array.isArray(args) || !Array.isArray(envPairs)) return null;
  // Who may read what is said for the application's files alone.
  if (/** @type {any} */ (process).permission || /--(?:experimental-)?permission\b/.test(variable(envPairs, 'NODE_OPTIONS') ?? '')) return null;
  const drains = nested && variable(envPairs, 'NODE_UNIQUE_ID') !== undefined;
  const known = variable(envPairs, 'PANDORA_PROCESS_REPRESENTATION') !== undefined
    && follows(variable(envPairs, 'PANDORA_CURRENT_WRAP_LEVEL') ?? '', variable(envPairs, 'PANDORA_WRAP_MAX_DEPTH'));
  if (!drains && !known) return null;
  const replaced = withPreload(spawning, drains ? NESTED : CHILD);
  return replaced && { args: replaced, drains };
}

module.exports = { followed, follows };
