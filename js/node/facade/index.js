'use strict';

// What application code gets from require('pandora') and require('dorapan'): the members of its process and the library.
// Everything is made when it is first read, and functions work without their object.

const path = require('node:path');
const { current, known } = require('./current');
const { OWN, FOREIGN } = require('./names');

/**
 * @param {string} name of what is asked for
 * @returns {import('./current').Current}
 */
function inside(name) {
  const here = current();
  if (here === null) {
    throw Object.assign(new Error(`${name}() of pandora asks a process that has no context: call it in a worker, once its services start, `
      + 'not while the procfile is evaluated'), { code: 'PANDORA_CONTEXT' });
  }
  return here;
}

/**
 * @param {any} target
 * @returns {any} the description of an object in the hub
 */
const describe = (target) => (typeof target === 'string' ? { name: target } : target);

/** @type {Record<string, (...args: any[]) => any>} */
const functions = {
  getService: (name) => inside('getService').context.getService(name),
  getServiceClass: (name) => inside('getServiceClass').context.getServiceClass(name),
  getHub: () => inside('getHub').hub(),
  publishObject: async (target, object) => inside('publishObject').hub().publish(object, describe(target)),
  getProxy: async (target, options) => inside('getProxy').hub().getProxy(describe(target), options),
};

/** @returns {any} what may have been set by hand, else what the worker was started with */
function environment() {
  const util = require('./env').EnvironmentUtil.getInstance();
  return util.isReady() ? util.getCurrentEnvironment() : undefined;
}

/** @type {Record<string, () => any>} each undefined where it is not known */
const members = {
  processContext: () => current()?.context,
  appName: () => known().appName,
  appDir: () => known().appDir,
  processName: () => known().processName,
  env: () => environment()?.get?.('env'),
  environment,
  hub: () => known().hub,
  config: () => known().config,
  configurator: () => known().configurator,
};

/**
 * Finds a package as the application does, or as its copy of npm's pandora does.
 * @param {string} name
 * @returns {any} its exports; undefined where it is not installed
 */
function installed(name) {
  const { createRequire } = require('node:module');
  const appDir = known().appDir ?? process.cwd();
  for (const dir of [appDir, path.join(appDir, 'node_modules', 'pandora')]) {
    const from = createRequire(path.join(dir, 'package.json'));
    let file;
    try {
      file = from.resolve(name);
    } catch {
      continue;
    }
    return from(file);
  }
  return undefined;
}

/**
 * Defines what is read each time, or once. A test may put something else there.
 * @param {any} target
 * @param {string} name
 * @param {() => any} get
 * @param {boolean} enumerable
 */
function define(target, name, get, enumerable = true) {
  const settle = (/** @type {any} */ value) => {
    Object.defineProperty(target, name, { value, enumerable, configurable: true, writable: true });
  };
  Object.defineProperty(target, name, { get, set: settle, enumerable, configurable: true });
}

/**
 * @param {any} target gets the members of the process and its functions
 */
function defineMembers(target) {
  for (const name of Object.keys(members)) define(target, name, members[name]);
  Object.assign(target, functions);
}

const facade = {};
defineMembers(facade);

Object.defineProperty(exports, '__esModule', { value: true });
for (const [file, names] of Object.entries(OWN)) {
  for (const name of names) define(exports, name, () => require(file)[name]);
}
for (const [packageName, names] of Object.entries(FOREIGN)) {
  for (const name of names) define(exports, name, () => installed(packageName)?.[name] ?? require('../metrics/elsewhere')[name], false);
}
exports.facade = facade;
defineMembers(exports);
// `import pandora from 'pandora'`, as compilers to CommonJS have it.
define(exports, 'default', () => exports, false);
