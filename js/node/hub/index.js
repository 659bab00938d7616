'use strict';

// The hub as a process sees it: objects that it publishes for others, and proxies of theirs. Every worker has one, most
// for nothing but to be found: what they do not use is not loaded.

const { HubClient } = require('./client');
const { CONFIG_MANAGER } = require('./names');

/**
 * @typedef {import('./selector').ObjectDescription} ObjectDescription
 * @typedef {import('./objects').Objects} Objects
 * @typedef {import('./proxies').Consumers} Consumers
 */

/** What this process has to do with the hub. It connects when it is first used. */
class Hub {
  /** @type {ConstructorParameters<typeof HubClient>[0] | null} */
  #options = null;
  /** @type {HubClient | null} */
  #client = null;
  /** @type {Objects | null} */
  #objects = null;
  /** @type {Consumers | null} */
  #consumers = null;
  /** @type {Promise<void> | null} */
  #starting = null;

  /** @param {ConstructorParameters<typeof HubClient>[0]} options */
  setup(options) {
    this.#options = options;
  }

  /** Connects, if it has not been done. A daemon that is away is not waited for. */
  start() {
    this.#starting ??= this.getHubClient().isReady() ? Promise.resolve() : this.getHubClient().start();
    return this.#starting;
  }

  /** Ends the connection; others do not find the objects of this process any more. */
  async stop() {
    const starting = this.#starting;
    this.#starting = null;
    await starting;
    if (this.#client?.isReady()) await this.#client.stop();
  }

  /** @returns {HubClient} */
  getHubClient() {
    if (!this.#client) {
      if (!this.#options) throw Object.assign(new Error('the hub expects setup({ location }) before it is used'), { code: 'PANDORA_HUB' });
      this.#client = new HubClient(this.#options);
    }
    return this.#client;
  }

  /** @returns {Objects} */
  getProviderManager() {
    this.#objects ??= new (require('./objects').Objects)(this.getHubClient());
    return this.#objects;
  }

  /** @returns {Consumers} */
  #all() {
    this.#consumers ??= new (require('./proxies').Consumers)(this.getHubClient(), this.getProviderManager());
    return this.#consumers;
  }

  /**
   * @param {any} object a class is constructed, without arguments
   * @param {ObjectDescription | string} description
   * @returns {Promise<void>}
   */
  async publish(object, description) {
    const objects = this.getProviderManager();
    await this.start();
    await objects.publish(object, description);
  }

  /** @param {ObjectDescription | string} description */
  async unpublish(description) {
    await this.getProviderManager().unpublish(description);
  }

  /**
   * @param {ObjectDescription | string} description
   * @param {{timeout?: number}} [options] timeout: milliseconds that a call may take, 5,000 by default
   */
  getConsumer(description, options) {
    return this.#all().get(description, options);
  }

  /**
   * @param {ObjectDescription | string} description
   * @param {{timeout?: number}} [options]
   * @returns {Promise<any>} rejects when nobody has published it
   */
  async getProxy(description, options) {
    const consumer = this.getConsumer(description, options);
    await this.start();
    return consumer.getProxy();
  }

  /** What the daemon keeps by topic. */
  getConfigClient() {
    return {
      /** @param {string} topic @param {(config: any) => void} fn called at once, and with each value from then on */
      subscribe: async (topic, fn) => {
        const manager = await this.getProxy(CONFIG_MANAGER);
        await manager.subscribe(topic, fn);
        fn(await manager.getConfig(topic));
      },
      /** @param {string} topic @param {(config: any) => void} [fn] */
      unsubscribe: async (topic, fn) => (await this.getProxy(CONFIG_MANAGER)).unsubscribe(topic, fn),
      /** @param {string} [topic] @returns {Promise<any>} undefined for an unknown one, without a topic all by name */
      getConfig: async (topic) => (await this.getProxy(CONFIG_MANAGER)).getConfig(topic),
    };
  }

  /** Kept from Pandora.js; there is nothing to be done before getConfigClient(). */
  async initConfigClient() {}
}

/**
 * @param {{appName: string, processName: string}} facts
 * @param {ReturnType<typeof import('./presence').appear>} [presence] of the process, if it has one
 * @returns {Hub}
 */
function createHub({ appName, processName }, presence) {
  const hub = new Hub();
  hub.setup(presence ?? { location: { appName, processName, pid: String(process.pid) } });
  return hub;
}

module.exports = { createHub, Hub };
