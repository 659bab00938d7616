'use strict';

// What services, applets and their config functions are given. Members are own properties, as applications list them.

/**
 * @typedef {object} ProcessFacts
 * @property {string} appName
 * @property {string} appDir
 * @property {string} processName
 * @property {import('../../shared/environment').Environment} environment
 * @property {any} [config] all properties of the configurator
 * @property {any} [configurator] undefined without one
 */

/**
 * @typedef {object} Lookup
 * @property {(name: string) => any} getService throws for a name that is unknown or has no instance yet
 * @property {(name: string) => any} getServiceClass null for an unknown name
 * @property {(name: string) => any} getApplet throws for an unknown name
 */

/**
 * What belongs to the process. `config` and `configurator` are there if the application has a configurator.
 * @param {ProcessFacts} facts
 * @param {Lookup} lookup
 * @returns {any}
 */
function processContext(facts, lookup) {
  const context = {
    appName: facts.appName,
    appDir: facts.appDir,
    processName: facts.processName,
    env: typeof facts.environment.get === 'function' ? facts.environment.get('env') : undefined,
    environment: facts.environment,
    getService: lookup.getService,
    getServiceClass: lookup.getServiceClass,
  };
  if (facts.configurator === undefined) return context;
  return { ...context, config: facts.config, configurator: facts.configurator, getApplet: lookup.getApplet };
}

/**
 * Defines a member that is made when first read.
 * @param {any} object
 * @param {string} key
 * @param {() => any} make
 */
function lazy(object, key, make) {
  /** @type {{value: any} | undefined} */
  let made;
  Object.defineProperty(object, key, {
    enumerable: true,
    configurable: true,
    get: () => (made ??= { value: make() }).value,
  });
}

/**
 * @typedef {object} ServiceFacts
 * @property {any} context the process context
 * @property {any} representation the service as the procfile defined it
 * @property {string} serviceName
 * @property {any} config
 * @property {Record<string, any>} dependencies instances by name
 * @property {() => any} makeLogger
 * @property {() => any} getInstance
 */

/**
 * The argument of a service's constructor in the first form: `constructor(core)`, also `this.core` once constructed.
 * @param {ServiceFacts} facts
 * @returns {any}
 */
function serviceCore(facts) {
  const core = {
    context: facts.context,
    representation: facts.representation,
    serviceName: facts.serviceName,
    config: facts.config,
    deps: facts.dependencies,
    workMode: facts.context.processName === 'agent' ? 'agent' : 'worker',
    getDependency: (/** @type {string} */ name) => facts.dependencies[name],
    getService: (/** @type {string} */ name) => (name === undefined ? facts.getInstance() : facts.context.getService(name)),
  };
  lazy(core, 'logger', facts.makeLogger);
  return core;
}

/**
 * The argument of a service's constructor in the 1.x form: `constructor(context)`.
 * @param {ServiceFacts} facts
 * @param {any} core
 * @returns {any}
 */
function serviceContext(facts, core) {
  const { context } = facts;
  const accessor = {
    serviceCore: core,
    processContext: context,
    appName: context.appName,
    appDir: context.appDir,
    processName: context.processName,
    env: context.env,
    environment: context.environment,
    getService: context.getService,
    getServiceClass: context.getServiceClass,
    dependencies: facts.dependencies,
    representation: facts.representation,
    serviceName: facts.serviceName,
    config: facts.config,
    getDependency: core.getDependency,
  };
  // The core makes it: both name the same logger.
  lazy(accessor, 'logger', () => core.logger);
  return accessor;
}

module.exports = { processContext, serviceCore, serviceContext };
