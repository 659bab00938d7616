'use strict';

// Proxies of objects that other processes have published.

const { EventEmitter } = require('node:events');
const names = require('./names');
const { idOf, selectorOf, describe } = require('./selector');

/** @typedef {import('./selector').ObjectDescription} ObjectDescription */

/** A connection of its own is worth while for objects that are called as often. */
const DIRECT_AFTER = 8;

/** What a proxy is made of: how its object is reached, and what it was told of it. */
class Consumer {
  #events = new EventEmitter().setMaxListeners(0);
  /** @type {Promise<void> | null} */
  #listening = null;
  /** @type {Map<string, Promise<void>>} subscriptions under way, by event */
  #subscribing = new Map();
  /** @type {any} */
  #proxy = null;
  /** @type {Promise<any> | null} */
  #looking = null;
  #calls = 0;
  /** @type {import('./ways').Way | null} once it has calls enough */
  #way = null;
  #remote;

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
    this.#remote = selectorOf(description);
  }

  /**
   * @param {string} action
   * @param {object} message
   * @returns {Promise<any>} what the object answers; rejects with what it throws
   */
  async #ask(action, message) {
    const reply = await this.client.invoke(this.#remote, action, { timeout: this.timeout, ...message });
    if (reply?.success === false || reply?.error !== undefined) throw reply.error;
    return reply?.data;
  }

  /**
   * @param {string} action
   * @param {string} member
   * @param {any[] | undefined} params undefined for a property
   * @returns {Promise<any>}
   */
  #call(action, member, params) {
    if (this.#way) return this.#way.call(action, member, params, this.timeout);
    this.#calls += 1;
    if (this.#calls === DIRECT_AFTER && this.description.name !== names.CONFIG_MANAGER) this.#way = this.client.ways().to(this.description);
    return this.#ask(action, { propertyName: member, data: params });
  }

  /**
   * @param {string} method
   * @param {any[]} params
   */
  invoke(method, params) {
    return this.#call(names.INVOKE, method, params);
  }

  /** @param {string} name */
  getProperty(name) {
    return this.#call(names.GET_PROPERTY, name, undefined);
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
    if (this.#events.listenerCount(register) === 0) {
      const subscribing = this.#listen().then(() => this.#all(names.SUBSCRIBE, register));
      this.#subscribing.set(register, subscribing);
      subscribing.finally(() => this.#subscribing.delete(register)).catch(() => {});
    }
    this.#events.on(register, fn);
    try {
      await this.#subscribing.get(register);
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

  /** @returns {Promise<void>} when events can be told */
  #listen() {
    this.#listening ??= this.#publishSubscriber().catch((error) => {
      this.#listening = null;
      throw error;
    });
    return this.#listening;
  }

  /** Publishes what is told of the events, and subscribes again with each new connection: the hub, or who provides the object, may be another. */
  async #publishSubscriber() {
    const events = this.#events;
    const consumer = this;
    const subscriber = {
      /** @param {string} register @param {any[]} params */
      callback(register, params) {
        for (const listener of events.listeners(register)) {
          try {
            listener(...(Array.isArray(params) ? params : []));
          } catch (error) {
            console.error(error); // the others hear of it all the same
          }
        }
      },
      /** @param {string} clientId of a provider that has come */
      async available(clientId) {
        for (const register of events.eventNames()) {
          await consumer.client.invoke({ ...selectorOf(consumer.description), clientId }, names.SUBSCRIBE,
            { timeout: consumer.timeout, register: String(register) }).catch(() => {});
        }
      },
    };
    await this.objects.publish(subscriber, { ...this.description, name: this.description.name + names.SUBSCRIBER });
    this.client.onConnect(() => {
      for (const register of events.eventNames()) {
        this.#all(names.SUBSCRIBE, String(register)).catch(() => {}); // those that come later say so
      }
    });
  }

  /**
   * @param {string} action
   * @param {string} register
   */
  async #all(action, register) {
    const replies = await this.client.multipleInvoke(this.#remote, action, { timeout: this.timeout, register });
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
