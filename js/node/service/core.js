'use strict';

// The core of a service: what a service of the first form is constructed with, and what the context of one of 1.x leads to.


/**
 * @typedef {object} ServiceFacts
 * @property {any} context the process context
 * @property {any} representation the service as the procfile defined it, with its class and resolved config
 * @property {any} Class
 * @property {Record<string, any>} dependencies instances by name
 * @property {() => any} makeLogger
 * @property {() => any} [messengerServer] of the agent
 * @property {() => any} [messengerClient] to the agent
 */

/** The service itself is in this process. */
class ServiceCore {
  /** @type {ServiceFacts} */
  #facts;
  /** @type {any} */
  #logger;

  /** @param {ServiceFacts} facts */
  constructor(facts) {
    this.#facts = facts;
    /** The service, once constructed. @type {any} */
    this.impl = undefined;
  }

  get context() { return this.#facts.context; }

  get representation() { return this.#facts.representation; }

  get serviceName() { return this.#facts.representation.serviceName; }

  get config() { return this.#facts.representation.config || {}; }

  get dependencies() { return this.#facts.dependencies; }

  /** As the first form calls them. */
  get deps() { return this.#facts.dependencies; }

  get workMode() { return this.#facts.context.processName === 'agent' ? 'agent' : 'worker'; }

  /** Made when first asked for: its file is opened then. */
  get logger() {
    this.#logger ??= this.#facts.makeLogger();
    return this.#logger;
  }

  /** @returns {any} the class that is constructed here */
  getImplClass() { return this.#facts.Class; }

  /** @param {string} name */
  getDependency(name) { return this.#facts.dependencies[name]; }

  /** @param {string} [name] of another service; without it this one */
  getService(name) { return name === undefined ? this.impl : this.#facts.context.getService(name); }

  /** @returns {string} */
  getServiceId() { return this.serviceName; }

  /** As the first form calls it. @returns {string} */
  genServiceId() { return this.serviceName; }

  /** Publishes the service in the hub under its name. */
  async publish() {
    await this.#facts.context.getHub().publish(this.impl, { name: this.serviceName });
  }

  /** @returns {any} undefined outside the process agent */
  getMessengerServer() { return this.workMode === 'agent' ? this.#facts.messengerServer?.() : undefined; }

  /** @returns {any} undefined in the process agent */
  getMessengerClient() { return this.workMode === 'agent' ? undefined : this.#facts.messengerClient?.(); }

  /** What start() of the service needs around it. */
  async start() {
    if (typeof this.impl.start === 'function') await this.impl.start();
  }

  /** What stop() of the service needs around it. */
  async stop() {
    if (typeof this.impl.stop === 'function') await this.impl.stop();
  }

  /**
   * Calls a method of the service.
   * @param {string} name
   * @param {any[]} [args]
   * @returns {Promise<any>} what it returns; null where that is the service itself, which no other process could be given
   */
  async invoke(name, args = []) {
    const result = await this.impl[name](...args);
    return result === this.impl ? null : result;
  }

  /**
   * @param {any} reg what to listen to; the service knows what it means
   * @param {(event: any) => void} listener
   * @returns {Promise<any>}
   */
  async subscribe(reg, listener) {
    const assert = require('node:assert');
    assert(typeof this.impl.handleSubscribe === 'function', 'could not found subscribeHandler when subscribe event');
    return this.impl.handleSubscribe(reg, listener);
  }

  /**
   * @param {any} reg
   * @param {(event: any) => void} [listener] without it all of them
   * @returns {Promise<any>}
   */
  async unsubscribe(reg, listener) {
    const assert = require('node:assert');
    assert(typeof this.impl.handleUnsubscribe === 'function', 'could not found unsubscribeHandler when unsubscribe event');
    return this.impl.handleUnsubscribe(reg, listener);
  }
}

// From 1.0 to 1.2.3 a service without a name was constructed with what is the context of a named one today.
for (const name of ['appName', 'appDir', 'processName', 'env', 'environment', 'getServiceClass', 'getHub', 'publishObject', 'getProxy']) {
  Object.defineProperty(ServiceCore.prototype, name, {
    configurable: true,
    /** @this {ServiceCore} */
    get() { return this.context[name]; },
  });
}
Object.defineProperties(ServiceCore.prototype, {
  processContext: { configurable: true, /** @this {ServiceCore} */ get() { return this.context; } },
  serviceCore: { configurable: true, get() { return this; } },
});

module.exports = { ServiceCore };
