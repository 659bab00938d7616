'use strict';

// The argument of a procfile's function: every member of every generation of the API. How a call with an ambiguous
// shape is read is decided here; what it does is the reconciler's.

const check = require('./check');
const { ProcessSettings } = require('./modifiers');

/** @typedef {import('./reconciler').Reconciler} Reconciler */

/** @param {any} value @returns {boolean} */
const looksLikePath = (value) => typeof value === 'string'
  && (/^\.{0,2}\//.test(value) || value === '.' || value === '..' || /\.[cm]?[jt]s$/.test(value));

/** What console.log() shows of an object, in Goja and in Node, is asked by this key. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

class ProcfileReconcilerAccessor {
  /** @type {Reconciler} */ #reconciler;

  /** @param {Reconciler} reconciler */
  constructor(reconciler) {
    this.#reconciler = reconciler;
    // Members work without their object too: `const { fork } = pandora`.
    const prototype = ProcfileReconcilerAccessor.prototype;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const { value } = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(prototype, name));
      if (typeof value !== 'function' || name === 'constructor') continue;
      Object.defineProperty(this, name, { value: value.bind(this), enumerable: false, writable: true, configurable: true });
    }
  }

  [INSPECT]() {
    const { appName, appDir, dev, processes, services, applets } = this.#reconciler;
    /** @param {import('./reconciler').ServiceDefinition} service */
    const name = ({ serviceName, entry }) => serviceName || entry.path || entry.name;
    return {
      appName, appDir, dev, processes: processes.map(({ processName }) => processName),
      services: services.map(name), applets: applets.map(name),
    };
  }

  /** True under `pandora dev`. */
  get dev() { return this.#reconciler.dev; }

  get appName() { return this.#reconciler.appName; }

  get appDir() { return this.#reconciler.requireAppDir(); }

  /** @param {any} [name] @returns {any} */
  defaultServiceCategory(name) {
    if (!name) return this.#reconciler.defaultServiceCategory;
    return this.#reconciler.setDefaultCategory('service', name);
  }

  /** @param {any} [name] @returns {any} */
  defaultAppletCategory(name) {
    if (!name) return this.#reconciler.defaultAppletCategory;
    return this.#reconciler.setDefaultCategory('applet', name);
  }

  /** @param {any} [entry] a class or module path @returns {any} */
  environment(entry) {
    if (!entry) return this.#reconciler.environmentClass();
    return this.#reconciler.setStandard('environment', entry);
  }

  /** @param {any} entry a class or module path @returns {any} */
  configurator(entry) {
    return this.#reconciler.setStandard('configurator', entry);
  }

  /** @param {any} name @returns {any} */
  process(name) {
    const reconciler = this.#reconciler;
    check.checkName(name, 'pandora.process()');
    return reconciler.modifierOf(reconciler.findProcess(name) || reconciler.defineProcess(name));
  }

  /**
   * The mutable settings of a process, as in 0.1.
   * @param {any} name @returns {any} undefined for an unknown name
   */
  getProcess(name) {
    const process = this.#reconciler.findProcess(name);
    if (!process) return undefined;
    if (!process.places.has('')) this.#reconciler.mark(process);
    return this.#reconciler.hand(new ProcessSettings(this.#reconciler, process), `process "${name}"`);
  }

  /**
   * fork(name, entry), or fork(entry, name) as in 1.0 to 1.2.
   * @param {any} name @param {any} [entry] @returns {any}
   */
  fork(name, entry) {
    const reversed = looksLikePath(name) && typeof entry === 'string' && !looksLikePath(entry);
    return this.#reconciler.fork(reversed ? entry : name, reversed ? name : entry);
  }

  /**
   * cluster(path), or cluster(name, entry) as in 2.x.
   * @param {any} name @param {any} [entry] @returns {any}
   */
  cluster(name, entry) {
    if (entry === undefined) return this.#reconciler.clusterService(name);
    return this.#reconciler.clusterProcess(name, entry);
  }

  /**
   * service(name, entry?), or service(entry) as in 0.1 to 1.2.
   * @param {any[]} given how many were given matters: service(name, undefined) is not service(entry)
   * @returns {any}
   */
  service(...given) {
    const [name, entry] = given;
    const reconciler = this.#reconciler;
    if (given.length > 1) return reconciler.namedService(name, entry);
    if (typeof name !== 'string' || name === '') return reconciler.singleService(name);
    const path = /^[./]/.test(name) || (!reconciler.findService(name) && reconciler.resolvable(name));
    return path ? reconciler.singleService(name) : reconciler.namedService(name, undefined);
  }

  /** @param {any} entry a class or module path @returns {any} */
  applet(entry) {
    return this.#reconciler.applet(entry);
  }

  /**
   * Files of environment variables for all processes; calls add to each other.
   * @param {any[]} given a path or several, and { optional } @returns {any}
   */
  envFile(...given) {
    return this.#reconciler.envFile(given);
  }

  /**
   * Variables of all processes whose values are kept elsewhere; calls add to each other.
   * @param {any} [given] names, and where their values come from @returns {any}
   */
  secrets(given) {
    return this.#reconciler.secretsOf(null, given);
  }

  /**
   * indicator(name, options, fn) is a scripted one, indicator(name, { type, … }) a built-in one.
   * @param {any[]} given @returns {void}
   */
  indicator(...given) {
    this.#reconciler.script('indicator', given);
  }

  /**
   * reporter(name, options) is a built-in one, reporter(name, Class, options) a scripted one.
   * @param {any[]} given @returns {void}
   */
  reporter(...given) {
    this.#reconciler.script('reporter', given);
  }

  /** @param {any[]} given the event and the function @returns {void} */
  on(...given) {
    this.#reconciler.script('on', given);
  }
}

module.exports = { ProcfileReconcilerAccessor };
