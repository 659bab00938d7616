'use strict';

// What services, applets and their config functions are given. Members are own properties, as applications list them, and
// work without their object.

/**
 * @typedef {object} ProcessFacts
 * @property {string} appName
 * @property {string} appDir
 * @property {string} processName
 * @property {import('../../shared/environment').Environment} environment
 * @property {() => any} getHub the hub of this process, made when first asked for
 * @property {any} [config] all properties of the configurator
 * @property {any} [configurator] undefined without one
 */

/**
 * @typedef {object} Lookup
 * @property {(name: string) => any} getService throws for a name that is unknown or has no instance yet
 * @property {(name: string) => any} getServiceClass null for an unknown name
 * @property {(name: string) => any} getApplet null for an unknown name
 */

/**
 * @param {any} target
 * @returns {any} the description of an object in the hub
 */
const describe = (target) => (typeof target === 'string' ? { name: target } : target);

/**
 * Defines a member that is read each time. It may be set, as every other.
 * @param {any} object
 * @param {string} key
 * @param {() => any} get
 */
function live(object, key, get) {
  Object.defineProperty(object, key, {
    enumerable: true,
    configurable: true,
    get,
    set: (value) => Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true }),
  });
}

/**
 * What belongs to the process. `config` and `configurator` are there if the application has a configurator.
 * @param {ProcessFacts} facts
 * @param {Lookup} lookup
 * @returns {any}
 */
function processContext(facts, lookup) {
  const { environment, getHub } = facts;
  /** @type {any} */
  const context = {
    appName: facts.appName,
    appDir: facts.appDir,
    processName: facts.processName,
  };
  live(context, 'env', () => (typeof environment.get === 'function' ? environment.get('env') : undefined));
  Object.assign(context, {
    environment,
    getService: lookup.getService,
    getServiceClass: lookup.getServiceClass,
    getHub,
    getProxy: async (/** @type {any} */ target, /** @type {any} */ options) => getHub().getProxy(describe(target), options),
    publishObject: async (/** @type {any} */ target, /** @type {any} */ object) => getHub().publish(object, describe(target)),
  });
  if (facts.configurator === undefined) return context;
  return Object.assign(context, { config: facts.config, configurator: facts.configurator, getApplet: lookup.getApplet });
}

/**
 * The argument of a service's constructor in the 1.x form: `constructor(context)`.
 * @param {import('./core').ServiceCore} core
 * @returns {any}
 */
function serviceContext(core) {
  const process = core.context;
  /** @type {any} */
  const context = {
    serviceCore: core,
    processContext: process,
    appName: process.appName,
    appDir: process.appDir,
    processName: process.processName,
  };
  live(context, 'env', () => process.env);
  Object.assign(context, {
    environment: process.environment,
    hub: undefined, // there in 1.x, and never set
    getService: process.getService,
    getServiceClass: process.getServiceClass,
    getHub: process.getHub,
    publishObject: process.publishObject,
    getProxy: process.getProxy,
  });
  live(context, 'logger', () => core.logger);
  return Object.assign(context, {
    dependencies: core.dependencies,
    representation: core.representation,
    serviceName: core.serviceName,
    config: core.config,
    publish: () => core.publish(),
    getDependency: (/** @type {string} */ name) => core.getDependency(name),
  });
}

module.exports = { processContext, serviceContext };
