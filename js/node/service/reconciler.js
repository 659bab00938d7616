'use strict';

// Starts and stops the services and applets of one process.

const { order, ALL } = require('./order');
const { processContext, serviceContext } = require('./context');
const { ServiceCore } = require('./core');
const { StartTime, stopTime } = require('./time');

/**
 * @typedef {object} Definition a service or applet as the procfile defines it, with its class
 * @property {any} representation
 * @property {string} name
 * @property {any} Class
 * @property {string[]} dependencies
 */

/**
 * @typedef {Definition & {given: any, config: any, core: ServiceCore | null, instance: any, started: boolean}} Unit
 */

/**
 * @typedef {object} Options
 * @property {Definition[]} services unique names, in definition order
 * @property {Definition[]} applets likewise
 * @property {import('./context').ProcessFacts} facts
 * @property {(serviceName: string, form?: string) => any} makeLogger
 * @property {() => void} onStoppable called once, when the first service or applet with a stop() exists
 * @property {(what: string) => void} [onDoing] told before a start(): one that keeps the event loop can be told of by nobody here
 * @property {() => string[]} [inAgent] names of the services that the process agent of the application runs
 * @property {{startTimeoutMs?: number, stopTimeoutMs?: number}} [policy] of the process
 */

/**
 * @param {string} message
 */
function problem(message) {
  return Object.assign(new Error(message), { code: 'PANDORA_SERVICE' });
}

/**
 * The result of the config function, else the literal; {} if that is nothing.
 * @param {Unit} unit
 * @param {any} context
 */
function resolveConfig(unit, context) {
  const { config, configResolver } = unit.representation;
  unit.given = typeof configResolver === 'function' ? configResolver(context, config) : config;
  unit.config = unit.given || {};
}

/**
 * What was thrown, as something that can be shown and has a message.
 * @param {any} error
 * @param {string} what was done
 * @returns {any}
 */
function toldError(error, what) {
  if (error instanceof Error || typeof error?.message === 'string') return error;
  return Object.assign(problem(`${what} failed with ${require('node:util').inspect(error, { depth: 2 }).slice(0, 2000)}, which is no Error`), { cause: error });
}

/** @param {Definition} unit */
const label = (unit) => `${unit.representation.unit} "${unit.name}"`;

/**
 * The services and applets of one process. Constructing it constructs none of them.
 */
class Services {
  /** How many services and applets have a stop(), the built-in logger left out. */
  stoppable = 0;

  /** What runs, for whoever has to say where a start ended. */
  doing = '';

  /** Between the agent and the other processes. @type {import('./link').Link | undefined} */
  #link;

  /** Set once stopping: nothing starts any more. @type {Promise<Error | null> | null} */
  #stopping = null;

  /**
   * @param {Options} options
   * @throws when dependencies are unknown or cyclic
   */
  constructor(options) {
    this.options = options;
    this.time = new StartTime(options.policy?.startTimeoutMs);
    const unit = (/** @type {Definition} */ each) => ({ ...each, given: {}, config: {}, core: null, instance: null, started: false });
    /** @type {Unit[]} */
    this.services = options.services.map(unit);
    /** @type {Unit[]} */
    this.applets = options.applets.map(unit);
    this.byName = new Map(this.services.map((each) => [each.name, each]));
    this.context = processContext(options.facts, {
      getService: (name) => this.#instance(name),
      getServiceClass: (name) => this.byName.get(name)?.Class ?? null,
      getApplet: (name) => this.applets.find((each) => each.name === name)?.instance ?? null,
    });
    this.sequence = order(this.services);
  }

  /** @param {string} name */
  #instance(name) {
    const unit = this.byName.get(name);
    if (!unit) throw problem(`Could not found service id: ${name}`);
    if (!unit.instance) throw problem(`Service id: ${name} have not instance yet`);
    return unit.instance;
  }

  /**
   * Applets are constructed; the config functions of all services run, in the order of their start; services are
   * constructed and started one by one, then applets started.
   */
  async start() {
    for (const unit of this.applets) this.#constructApplet(unit);
    for (const unit of this.sequence.start) {
      this.#try(unit, 'config()', () => resolveConfig(unit, this.context));
    }
    for (const unit of this.sequence.start) {
      if (this.#stopping) return;
      this.#constructService(unit);
      await this.#start(unit);
    }
    for (const unit of this.applets) {
      if (this.#stopping) return;
      await this.#start(unit);
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

  /**
   * @param {Unit} unit
   * @param {string} what
   * @param {() => void} run
   */
  #try(unit, what, run) {
    this.doing = `${label(unit)}: ${what}`;
    try {
      run();
    } catch (error) {
      throw toldError(error, `${label(unit)}: ${what}`);
    }
  }

  /** @param {Unit} unit */
  #constructApplet(unit) {
    const { category } = unit.representation;
    this.#try(unit, 'config()', () => resolveConfig(unit, this.context));
    this.#try(unit, 'its constructor', () => {
      unit.instance = new unit.Class({ appletName: unit.name, category, config: unit.config, context: this.context });
    });
    this.#constructed(unit);
  }

  /** @param {Unit} unit */
  #constructService(unit) {
    const { representation, Class } = unit;
    const facts = {
      context: this.context,
      representation: {
        serviceName: unit.name,
        category: representation.category,
        dependencies: unit.dependencies,
        config: unit.given,
        configResolver: representation.configResolver ?? undefined,
        publishToHub: representation.publishToHub,
        serviceEntry: Class,
      },
      Class,
      dependencies: Object.fromEntries(unit.dependencies.filter((name) => name !== ALL).map((name) => [name, this.#instance(name)])),
      makeLogger: () => this.options.makeLogger(unit.name, representation.form),
      messengerServer: () => this.#linked().server(),
      messengerClient: () => this.#linked().client(),
    };
    const first = representation.form === 'single';
    const core = first && typeof Class.getProxy === 'function' ? this.#linked().core(facts) : new ServiceCore(facts);
    unit.core = core;
    this.#try(unit, 'its constructor', () => {
      const Impl = core.getImplClass();
      unit.instance = new Impl(first ? core : serviceContext(core));
      if (first) unit.instance.core = core;
    });
    core.impl = unit.instance;
    this.#constructed(unit);
  }

  /** @returns {import('./link').Link} */
  #linked() {
    const { facts: { appName, processName }, inAgent } = this.options;
    this.#link ??= new (require('./link').Link)({ appName, processName, inAgent: new Set(inAgent?.()) });
    return this.#link;
  }

  /** @param {Unit} unit */
  #constructed(unit) {
    if (unit.representation.entry.kind === 'builtin' || typeof unit.instance.stop !== 'function') return;
    this.stoppable += 1;
    if (this.stoppable === 1) this.options.onStoppable();
  }

  /** @param {Unit} unit */
  async #start(unit) {
    const { core, instance } = unit;
    // Set before start() runs: what it has begun, stop() may have to end.
    unit.started = true;
    this.doing = `${label(unit)}: start()`;
    if (unit.representation.entry.kind !== 'builtin') this.options.onDoing?.(this.doing);
    try {
      await this.time.wait(`${label(unit)} has not started`, () => (core ? core.start() : instance.start?.()));
      if (core && unit.representation.publishToHub && !this.#stopping) {
        await this.time.wait(`${label(unit)} has not been published`, () => core.publish());
      }
    } catch (error) {
      unit.started = false;
      throw toldError(error, `${label(unit)}: start()`);
    }
  }

  /**
   * @param {Unit[]} units
   * @returns {Promise<Error | null>} the first error; every unit is stopped all the same
   */
  async #stopUnits(units) {
    const { processName } = this.options.facts;
    let first = null;
    let current = '';
    const inTime = stopTime(this.options.policy?.stopTimeoutMs, (within) => console.error(`${current} has not stopped ${within}; the process ${process.pid} ends without it`));
    await this.#link?.leave();
    for (const unit of units) {
      if (!unit.started) continue;
      unit.started = false;
      current = label(unit);
      try {
        await (unit.core ?? unit.instance).stop?.();
      } catch (error) {
        console.error(`Stop of ${unit.name} in process ${processName}:`, error);
        first = first ?? (error instanceof Error ? error : toldError(error, `${current}: stop()`));
      }
    }
    this.#link?.close();
    inTime();
    return first;
  }
}

module.exports = { Services };
