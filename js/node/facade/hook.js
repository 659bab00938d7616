'use strict';

// What a request for a package of Pandora.js finds in a worker:
//
//   pandora, pandora-env     what is here, whatever is installed
//   dorapan                  the installed one, which requires what PANDORA_HOME names; else, and for import, the same
//   pandora-dollar and kin   the installed one; else what is here
//
// require() is answered from a Map. Imports need hooks of Node's, which make every load slower: they are there once a
// module is about to be imported.

const Module = /** @type {any} */ (require('node:module'));
const { begin } = require('./current');

/**
 * @typedef {object} Answer
 * @property {string} file seen from this folder
 * @property {boolean} always whatever is installed
 * @property {boolean} [home] the installed one asks PANDORA_HOME
 * @property {string} [adopt] the installed one is told of this process by the function adopt of that file
 */

/** @type {Map<string, Answer>} */
const ANSWERS = new Map([
  ['pandora', { file: 'index.js', always: true }],
  ['pandora-env', { file: 'env.js', always: true }],
  ['dorapan', { file: 'index.js', always: false, home: true }],
  ['pandora-metrics', { file: '../metrics/index.js', always: false, adopt: '../metrics/adopt' }],
  ['pandora-hub', { file: 'hub.js', always: false }],
  ['pandora-messenger', { file: 'messenger.js', always: false }],
  ['pandora-service-logger', { file: '../logger/index.js', always: false }],
  ['pandora-dollar', { file: '../dollar/index.js', always: false }],
]);

/** What an application lists that imports one of them. */
const OURS = /^(?:dorapan|pandora(?:-[a-z-]+)?)$/;

let hooked = false;

/** @param {{file: string}} answer */
const fileOf = ({ file }) => require('node:path').join(__dirname, file);

/**
 * Answers require() from now on.
 * @param {import('./current').Facts & {appDir: string}} facts what is known of the process
 */
function install(facts) {
  begin(facts);
  const original = Module._resolveFilename.bind(Module);
  /** @type {(request: string, ...rest: any[]) => string} */
  Module._resolveFilename = (request, ...rest) => {
    const answer = ANSWERS.get(request);
    if (answer === undefined) {
      const file = original(request, ...rest);
      if (request === 'egg-logger') require('../egg-logger').watch(file);
      else if (request === 'prom-client') require('../monitor/prom-client').watch(file);
      if (!hooked && file.charCodeAt(file.length - 3) === 109 /* m */ && /\.m[jt]s$/.test(file)) hookImports();
      return file;
    }
    if (answer.always || (answer.home && !process.env.PANDORA_HOME)) return fileOf(answer);
    let file;
    try {
      file = original(request, ...rest);
    } catch (error) {
      if (error?.code !== 'MODULE_NOT_FOUND') throw error;
      return fileOf(answer);
    }
    return found(answer, file);
  };
  if (isModuleMain() || (importsLikely(facts.appDir) && typeof whole().registerHooks === 'function')) hookImports();
}

/** @returns {boolean} whether the process is about to run an ES module: a child of a worker may be */
function isModuleMain() {
  const main = process.argv[1] ?? '';
  return main.startsWith('/') && require('../languages').isModuleFile(main);
}

/** By the file of an installed package, what is loaded in its place: itself, as a rule. @type {Map<string, string>} */
const adopted = new Map();

/**
 * An installed package is loaded a moment early where something has to be told to it. What Node cannot load any more (1.10
 * of pandora-metrics needs a binding that went away in 24) is answered from here.
 * @param {Answer} answer
 * @param {string} file of the package
 * @returns {string} what is to be loaded
 */
function found(answer, file) {
  if (!answer.adopt) return file;
  const known = adopted.get(file);
  if (known !== undefined) return known;
  adopted.set(file, file);
  try {
    require(answer.adopt).adopt(require(file));
  } catch (error) {
    process.emitWarning(`pandora answers for ${file}, which cannot be loaded: ${error?.stack ?? error}`, 'PandoraPackageWarning');
    adopted.set(file, fileOf(answer));
  }
  return /** @type {string} */ (adopted.get(file));
}

/**
 * Where require() loads ES modules nobody tells of it. Such an application says what it is made of.
 * @param {string} appDir
 * @returns {boolean}
 */
function importsLikely(appDir) {
  try {
    const { type, dependencies, devDependencies } = JSON.parse(require('node:fs').readFileSync(`${appDir}/package.json`, 'utf8'));
    return type === 'module' || Object.keys({ ...dependencies, ...devDependencies }).some((name) => OURS.test(name));
  } catch {
    return false;
  }
}

/** What the bundle has for node:module lacks the functions for hooks until Node is asked for it by its name. */
const whole = () => /** @type {any} */ (Module.createRequire(__filename)('node:module'));

/** Answers imports from now on: in this thread where Node can (22.15), else in the thread of its loader (18.19, 20.6). */
function hookImports() {
  if (hooked) return;
  hooked = true;
  const { register, registerHooks } = whole();
  if (typeof registerHooks === 'function') {
    const { resolve } = require('./imports');
    registerHooks({
      /** @type {(request: string, context: any, next: any) => any} */
      resolve: (request, context, next) => (ANSWERS.has(request) && context.conditions.includes('import') ? resolve(request, context, next)
        : next(request, context)),
    });
  } else if (typeof register === 'function') {
    register(require('node:url').pathToFileURL(require('node:path').join(__dirname, 'loader.js')));
  }
}

module.exports = { ANSWERS, install, hookImports, fileOf, found };
