'use strict';

// Starts and stops the services and applets of one process.

const { order, ALL } = require('./order');
const { processContext, serviceCore, serviceContext } = require('./context');

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
 * @property {(serviceName: string) => any} makeLogger
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
 * @param {Options} options
 * @throws when dependencies are unknown or cyclic, and whatever a config function throws
 */
function createServices(options) {
  const { facts } = options;
  /** @type {Unit[]} */
  const services = options.services.map((each) => ({ ...each, config: {}, instance: null, started: false }));
  /** @type {Unit[]} */
  const applets = options.applets.map((each) => ({ ...each, config: {}, instance: null, started: false }));
  /** @type {Map<string, Unit>} */
  const byName = new Map(services.map((unit) => [unit.name, unit]));
  const context = processContext(facts, {
    getService(name) {
      const unit = byName.get(name);
      if (!unit) throw problem(`Could not found service id: ${name}`);
      if (!unit.instance) throw problem(`Service id: ${name} have not instance yet`);
      return unit.instance;
    },
    getServiceClass: (name) => byName.get(name)?.Class ?? null,
    getApplet(name) {
      const unit = applets.find((each) => each.name === name);
      if (!unit?.instance) throw problem(`Could not found applet: ${name}`);
      return unit.instance;
    },
  });

  const sequence = order(services);
  // All config functions run before anything is constructed.
  for (const unit of [...services, ...applets]) unit.config = resolveConfig(unit.representation, context);

  let stoppable = 0;
  /** Set once stopping: nothing starts any more. @type {Promise<Error | null> | null} */
  let stopping = null;

  /** @param {Unit} unit */
  function constructed(unit) {
    if (unit.name !== 'logger' && typeof unit.instance.stop === 'function' && (stoppable += 1) === 1) options.onStoppable();
  }

  /** @param {Unit} unit */
  function construct(unit) {
    const dependencies = Object.fromEntries(unit.dependencies
      .filter((name) => name !== ALL)
      .map((name) => [name, context.getService(name)]));
    const core = serviceCore({
      context,
      representation: unit.representation,
      serviceName: unit.name,
      config: unit.config,
      dependencies,
      makeLogger: () => options.makeLogger(unit.name),
      getInstance: () => unit.instance,
    });
    if (unit.representation.form === 'single') {
      unit.instance = new unit.Class(core);
      unit.instance.core = core;
    } else {
      unit.instance = new unit.Class(serviceContext({
        context, representation: unit.representation, serviceName: unit.name, config: unit.config, dependencies,
        makeLogger: () => core.logger, getInstance: () => unit.instance,
      }, core));
    }
    constructed(unit);
  }

  /** @param {Unit} unit */
  async function startUnit(unit) {
    // Set before start() runs: whatever it has begun, stop() may end.
    unit.started = true;
    if (typeof unit.instance.start === 'function') await unit.instance.start();
  }

  /**
   * @param {Unit[]} units
   * @returns {Promise<Error | null>} the first error; every unit is stopped all the same
   */
  async function stopUnits(units) {
    let first = null;
    for (const unit of units) {
      if (!unit.started) continue;
      unit.started = false;
      try {
        if (typeof unit.instance.stop === 'function') await unit.instance.stop();
      } catch (error) {
        console.error(`Stop of ${unit.name} in process ${facts.processName}:`, error);
        first = first ?? (error instanceof Error ? error : new Error(String(error)));
      }
    }
    return first;
  }

  return {
    context,

    /** How many services and applets have a stop(), the built-in logger left out. */
    stoppable: () => stoppable,

    /** Applets are constructed, services constructed and started one by one, then applets started. */
    async start() {
      for (const unit of applets) {
        unit.instance = new unit.Class({ appletName: unit.name, category: unit.representation.category, config: unit.config, context });
        constructed(unit);
      }
      for (const unit of sequence.start) {
        if (stopping) return;
        construct(unit);
        await startUnit(unit);
      }
      for (const unit of applets) {
        if (stopping) return;
        await startUnit(unit);
      }
    },

    /**
     * Stops applets, then services, in the reverse of their start; each is awaited, one that throws does not keep the
     * others. Idempotent.
     * @returns {Promise<Error | null>} the first error thrown by a stop()
     */
    stop() {
      stopping ??= (async () => {
        const ofApplets = await stopUnits([...applets].reverse());
        const ofServices = await stopUnits(sequence.stop);
        return ofApplets ?? ofServices;
      })();
      return stopping;
    },
  };
}

module.exports = { createServices };
