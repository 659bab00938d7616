'use strict';

// Starts and stops the services and applets of one process.

const { order, ALL } = require('./order');
const { processContext, serviceCore, serviceContext } = require('./context');
const { enter } = require('../facade/current');

/**
 * @typedef {object} Definition a service or applet as the procfile defines it, with its class
 * @property {any} representation
 * @property {string} name
 * @property {any} Class
 * @property {string[]} dependencies
 */

/**
 * @typedef {Definition & {config: any, instance: any, started: boolean}} Unit
 */

/**
 * @typedef {object} Options
 * @property {Definition[]} services unique names, in definition order
 * @property {Definition[]} applets likewise
 * @property {import('./context').ProcessFacts} facts
 * @property {(serviceName: string, form?: string) => any} makeLogger
 * @property {() => void} onStoppable called once, when the first service or applet with a stop() exists
 */

/**
 * @param {string} message
 */
function problem(message) {
  return Object.assign(new Error(message), { code: 'PANDORA_SERVICE' });
}

/**
 * The result of the config function, else the literal, else {}.
 * @param {any} representation
 * @param {any} context
 * @returns {any}
 */
function resolveConfig(representation, context) {
  const { config, configResolver } = representation;
  return (typeof configResolver === 'function' ? configResolver(context, config) : config) || {};
}

/**
 * The services and applets of one process. Constructing it constructs none of them.
 */
class Services {
  /** How many services and applets have a stop(), the built-in logger left out. */
  stoppable = 0;

  /** Set once stopping: nothing starts any more. @type {Promise<Error | null> | null} */
  #stopping = null;

  /**
   * @param {Options} options
   * @throws when dependencies are unknown or cyclic, and whatever a config function throws
   */
  constructor(options) {
    this.options = options;
    /** @type {Unit[]} */
    this.services = options.services.map((each) => ({ ...each, config: {}, instance: null, started: false }));
    /** @type {Unit[]} */
    this.applets = options.applets.map((each) => ({ ...each, config: {}, instance: null, started: false }));
    this.byName = new Map(this.services.map((unit) => [unit.name, unit]));
    this.context = processContext(options.facts, {
      getService: (name) => this.#instance(name),
      getServiceClass: (name) => this.byName.get(name)?.Class ?? null,
      getApplet: (name) => this.#applet(name),
    });
    enter({ context: this.context, environment: options.facts.environment, hub: () => this.context.getHub() });
    this.sequence = order(this.services);
    // All config functions run before anything is constructed.
    for (const unit of [...this.services, ...this.applets]) unit.config = resolveConfig(unit.representation, this.context);
  }

  /** @param {string} name */
  #instance(name) {
    const unit = this.byName.get(name);
    if (!unit) throw problem(`Could not found service id: ${name}`);
    if (!unit.instance) throw problem(`Service id: ${name} have not instance yet`);
    return unit.instance;
  }

  /** @param {string} name */
  #applet(name) {
    const unit = this.applets.find((each) => each.name === name);
    if (!unit?.instance) throw problem(`Could not found applet: ${name}`);
    return unit.instance;
  }

  /** Applets are constructed, services constructed and started one by one, then applets started. */
  async start() {
    for (const unit of this.applets) this.#constructApplet(unit);
    for (const unit of this.sequence.start) {
      if (this.#stopping) return;
      this.#constructService(unit);
      await startUnit(unit);
    }
    for (const unit of this.applets) {
      if (this.#stopping) return;
      await startUnit(unit);
    }
  }

  /**
   * Stops applets, then services, in the reverse of their start; each is awaited, one that throws does not keep the
   * others. Idempotent.
   * @returns {Promise<Error | null>} the first error thrown by a stop()
   */
  stop() {
    this.#stopping ??= this.#stopUnits([...[...this.applets].reverse(), ...this.sequence.stop]);
    return this.#stopping;
  }

  /** @param {Unit} unit */
  #constructApplet(unit) {
    const { category } = unit.representation;
    unit.instance = new unit.Class({ appletName: unit.name, category, config: unit.config, context: this.context });
    this.#constructed(unit);
  }

  /** @param {Unit} unit */
  #constructService(unit) {
    const dependencies = Object.fromEntries(unit.dependencies
      .filter((name) => name !== ALL)
      .map((name) => [name, this.#instance(name)]));
    const facts = {
      context: this.context,
      representation: unit.representation,
      serviceName: unit.name,
      config: unit.config,
      dependencies,
      makeLogger: () => this.options.makeLogger(unit.name, unit.representation.form),
      getInstance: () => unit.instance,
    };
    const core = serviceCore(facts);
    if (unit.representation.form === 'single') {
      unit.instance = new unit.Class(core);
      unit.instance.core = core;
    } else {
      unit.instance = new unit.Class(serviceContext(facts, core));
    }
    this.#constructed(unit);
  }

  /** @param {Unit} unit */
  #constructed(unit) {
    if (unit.representation.entry.kind === 'builtin' || typeof unit.instance.stop !== 'function') return;
    this.stoppable += 1;
    if (this.stoppable === 1) this.options.onStoppable();
  }

  /**
   * @param {Unit[]} units
   * @returns {Promise<Error | null>} the first error; every unit is stopped all the same
   */
  async #stopUnits(units) {
    let first = null;
    for (const unit of units) {
      if (!unit.started) continue;
      unit.started = false;
      try {
        if (typeof unit.instance.stop === 'function') await unit.instance.stop();
      } catch (error) {
        console.error(`Stop of ${unit.name} in process ${this.options.facts.processName}:`, error);
        first = first ?? (error instanceof Error ? error : new Error(String(error)));
      }
    }
    return first;
  }
}

/** @param {Unit} unit */
async function startUnit(unit) {
  // Set before start() runs: what it has begun, stop() may have to end.
  unit.started = true;
  if (typeof unit.instance.start === 'function') await unit.instance.start();
}

module.exports = { Services };
