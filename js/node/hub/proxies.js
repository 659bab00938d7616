'use strict';

// Proxies of objects that other processes have published.

const { EventEmitter } = require('node:events');
const names = require('./names');
const { idOf, selectorOf, describe } = require('./selector');

/** @typedef {import('./selector').ObjectDescription} ObjectDescription */

/** What a proxy is made of: how its object is reached, and what it was told of it. */
class Consumer {
  #events = new EventEmitter().setMaxListeners(0);
  #listening = false;
  /** @type {any} */
  #proxy = null;
  /** @type {Promise<any> | null} */
  #looking = null;

  /**
   * @param {import('./client').HubClient} client
   * @param {import('./objects').Objects} objects
   * @param {ObjectDescription} description
   * @param {{timeout?: number}} [options] timeout: milliseconds that a call may take
   */
  constructor(client, objects, description, { timeout } = {}) {
    this.client = client;
    this.objects = objects;
    this.description = description;
    this.timeout = timeout;
  }

  /**
   * @param {string} action
   * @param {object} message
   * @returns {Promise<any>} what the object answers; rejects with what it throws
   */
  async #ask(action, message) {
    const reply = await this.client.invoke(selectorOf(this.description), action, { timeout: this.timeout, ...message });
    if (reply?.success === false || reply?.error !== undefined) throw reply.error;
    return reply?.data;
  }

  /**
   * @param {string} method
   * @param {any[]} params
   */
  invoke(method, params) {
    return this.#ask(names.INVOKE, { propertyName: method, data: params });
  }

  /** @param {string} name */
  getProperty(name) {
    return this.#ask(names.GET_PROPERTY, { propertyName: name });
  }

  introspect() {
    return this.#ask(names.INTROSPECT, {});
  }

  /**
   * The proxy, always the same one; each time it is asked for, the object is looked at anew.
   * @returns {Promise<any>}
   */
  getProxy() {
    this.#looking ??= this.introspect().then((introspection) => {
      this.#proxy ??= new ObjectProxy(this);
      shape(this.#proxy, this, introspection);
      return this.#proxy;
    }).finally(() => { this.#looking = null; });
    return this.#looking;
  }

  /**
   * Subscribes to all that provide the object.
   * @param {string} register
   * @param {(...params: any[]) => void} fn
   */
  async subscribe(register, fn) {
    const first = this.#events.listenerCount(register) === 0;
    this.#events.on(register, fn);
    try {
      await this.#listen();
      if (first) await this.#all(names.SUBSCRIBE, register);
    } catch (error) {
      this.#events.off(register, fn);
      throw error;
    }
  }

  /**
   * @param {string} register
   * @param {(...params: any[]) => void} [fn] all if it is left out
   */
  async unsubscribe(register, fn) {
    if (this.#events.listenerCount(register) === 0) return;
    if (fn) this.#events.off(register, fn);
    else this.#events.removeAllListeners(register);
    if (this.#events.listenerCount(register) === 0) await this.#all(names.UNSUBSCRIBE, register);
  }

  /** Publishes what is told of the events. */
  async #listen() {
    if (this.#listening) return;
    this.#listening = true;
    const events = this.#events;
    const consumer = this;
    const subscriber = {
      /** @param {string} register @param {any[]} params */
      callback(register, params) {
        events.emit(register, ...(Array.isArray(params) ? params : []));
      },
      /** @param {string} clientId of a provider that has come */
      async available(clientId) {
        for (const register of events.eventNames()) {
          await consumer.client.invoke({ ...selectorOf(consumer.description), clientId }, names.SUBSCRIBE,
            { timeout: consumer.timeout, register: String(register) }).catch(() => {});
        }
      },
    };
    try {
      await this.objects.publish(subscriber, { ...this.description, name: this.description.name + names.SUBSCRIBER });
    } catch (error) {
      this.#listening = false;
      throw error;
    }
  }

  /**
   * @param {string} action
   * @param {string} register
   */
  async #all(action, register) {
    const remote = selectorOf(this.description);
    const replies = await this.client.multipleInvoke(remote, action, { timeout: this.timeout, register });
    if (!replies) await this.#ask(action, { register }); // which says why there is none
    const failed = replies?.filter((reply) => reply?.success === false);
    if (failed && failed.length === replies?.length) throw require('./errors').revive(failed[0].error);
  }
}

/** The members that every proxy has; the others are those of the object. */
class ObjectProxy {
  /** @type {Consumer} */ #consumer;

  /** @param {Consumer} consumer */
  constructor(consumer) {
    this.#consumer = consumer;
  }

  /**
   * @param {string} name
   * @returns {Promise<any>} the value of a property of the object
   */
  getProperty(name) {
    return this.#consumer.getProperty(name);
  }

  /** @param {string} register @param {(...params: any[]) => void} fn */
  subscribe(register, fn) {
    return this.#consumer.subscribe(register, fn);
  }

  /** @param {string} register @param {(...params: any[]) => void} [fn] */
  unsubscribe(register, fn) {
    return this.#consumer.unsubscribe(register, fn);
  }
}

/**
 * Gives a proxy the members of its object.
 * @param {any} proxy
 * @param {Consumer} consumer
 * @param {{methods: {name: string}[], properties: {name: string}[]}} introspection
 */
function shape(proxy, consumer, { methods, properties }) {
  for (const name of Object.keys(proxy)) delete proxy[name];
  for (const { name } of methods) {
    // A member of this name would make a promise of whatever awaits the proxy.
    if (name === 'then') continue;
    Object.defineProperty(proxy, name, {
      configurable: true,
      enumerable: true,
      writable: true,
      value: (/** @type {any[]} */ ...params) => consumer.invoke(name, params),
    });
  }
  for (const { name } of properties) {
    const refuse = () => {
      throw Object.assign(new Error(`Use 'await proxy.getProperty('${name}')' to replace 'proxy.${name}' when using IPC Object Proxy`),
        { code: 'PANDORA_HUB_PROPERTY' });
    };
    Object.defineProperty(proxy, name, { configurable: true, get: refuse, set: refuse });
  }
}

/** The consumers of one process, one for each object. */
class Consumers {
  /** @type {Map<string, Consumer>} */
  #known = new Map();

  /**
   * @param {import('./client').HubClient} client
   * @param {import('./objects').Objects} objects
   */
  constructor(client, objects) {
    this.client = client;
    this.objects = objects;
  }

  /**
   * @param {ObjectDescription | string} given
   * @param {{timeout?: number}} [options]
   * @returns {Consumer}
   */
  get(given, options) {
    const description = describe(given);
    const id = idOf(description);
    let consumer = this.#known.get(id);
    if (!consumer) {
      consumer = new Consumer(this.client, this.objects, description, options);
      this.#known.set(id, consumer);
    } else if (options?.timeout !== undefined) {
      consumer.timeout = options.timeout;
    }
    return consumer;
  }
}

module.exports = { Consumers, Consumer, ObjectProxy };
